"""Neighbourhoods of the nodes of a grid: great-circle radii, and windows of rows and columns."""
