"""The built-in transforms between physical and model values."""
