"""What a graph is, in numbers and words."""
