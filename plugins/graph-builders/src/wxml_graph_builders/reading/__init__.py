"""Files that hold nodes: points, and grid files of ICON."""
