"""From YAML layers to one validated config."""
