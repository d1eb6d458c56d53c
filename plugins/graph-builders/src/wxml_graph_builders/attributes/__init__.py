"""The node attributes of this package, one kind in a file."""
