"""The edge features of this package, one kind in a file."""
