"""Kernels for PyTorch on the edges of a graph, on rows, and in windows of an order of nodes."""
