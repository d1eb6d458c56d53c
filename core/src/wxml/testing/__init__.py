"""A tiny world to test plugins in: data, a graph, nothing to download."""

__all__ = ["TravellingWaves", "tiny_graph", "tiny_grid"]

from wxml.testing.tiny_world import TravellingWaves, tiny_graph, tiny_grid
