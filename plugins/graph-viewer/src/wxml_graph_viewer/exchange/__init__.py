"""Graphs for other packages, and graphs of other packages.

`to_hetero_data` and `from_hetero_data` are for those who work with PyTorch Geometric in Python:

    from wxml_graph_viewer.exchange import from_hetero_data, to_hetero_data
"""

__all__ = ["from_hetero_data", "to_hetero_data"]

from wxml_graph_viewer.exchange.hetero_data import from_hetero_data, to_hetero_data
