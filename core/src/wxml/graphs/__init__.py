"""Nodes and edges on the sphere: their types, the contract of graph builders, and the cache. It uses NumPy only."""
