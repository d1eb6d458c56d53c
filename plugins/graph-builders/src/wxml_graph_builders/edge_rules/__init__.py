"""The edge builders of this package, one kind of edges in a file."""
