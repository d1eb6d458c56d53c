"""The callbacks of this package."""
