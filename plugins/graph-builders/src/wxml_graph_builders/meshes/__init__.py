"""The mesh builders of this package, one in a file."""
