"""Static maps of graphs."""
