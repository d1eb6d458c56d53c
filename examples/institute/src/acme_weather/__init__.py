"""What the Acme Weather Institute adds to wxml: its archive, a processor, a loss, a score and presets."""
