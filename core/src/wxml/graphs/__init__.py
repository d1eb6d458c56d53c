"""Nodes and edges on the sphere: the types, the contract of graph builders, the cache of built graphs. NumPy only."""
