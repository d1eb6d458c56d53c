"""Builds a small graph with an installed graph builder, for a plugin that needs a certain mesh."""

__all__ = ["built_graph"]

from collections.abc import Mapping
from typing import Any

from wxml.data.grid import Grid
from wxml.errors import DataError
from wxml.graphs.graph import Graph
from wxml.plugins.create import create
from wxml.testing.tiny_graphs import tiny_region
from wxml.testing.tiny_world import tiny_grid


def built_graph(builder: str, options: Mapping[str, Any], grid: Grid | None = None) -> Graph:
    """Build a graph on `grid`; without one, on a tiny global grid, or on a tiny region if the builder refuses that.

    Args:
        builder: the name of a graph builder, bare or full.
        options: its options, as a config has them.
        grid: where the data would live.

    Raises:
        WxmlError: the name, the plugin or the options are wrong.
        DataError: the builder refuses the grid, or both.
    """
    maker = create("graph-builder", builder, options, where="graph")
    *first, last = [grid] if grid is not None else [tiny_grid(), tiny_region()]
    for tried in first:
        try:
            graph: Graph = maker.build(tried)
        except DataError:
            continue
        return graph
    try:
        graph = maker.build(last)
    except DataError as error:
        served = "a grid that the builder serves: --grid LATITUDESxLONGITUDES, or `graphs()` in the plugin's test class"
        raise DataError(
            f"graph builder {builder!r} refuses the grid of the check: {error.message}", fix=served
        ) from error
    return graph
