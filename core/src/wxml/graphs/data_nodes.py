"""The node sets of a graph at which data are given: `grid`, or `data:<name>` for each part of the grid."""

__all__ = ["DataNodes", "boundary_nodes", "data_nodes"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.graphs.graph import DATA, GRID, Graph


@dataclass(frozen=True, slots=True)
class DataNodes:
    """A node set of a graph, and which nodes of the grid it holds."""

    name: str
    """The name of the node set."""
    nodes: slice
    """Its nodes among those of the grid."""
    lacks: tuple[str, ...] = ()
    """The variables that are given on other parts of the grid alone."""


def data_nodes(graph: Graph, grid: Grid) -> tuple[DataNodes, ...]:
    """Return the data node sets of a graph that fits `grid`, in the order of the grid's nodes."""
    if graph.data == (GRID,):
        return (
            DataNodes(GRID, slice(0, len(grid)), tuple(sorted({name for part in grid.parts for name in part.lacks}))),
        )
    ranges = grid.ranges
    return tuple(DataNodes(f"{DATA}{part.name}", ranges[part.name], part.lacks) for part in grid.parts)


def boundary_nodes(graph: Graph, grid: Grid) -> NDArray[np.bool_]:
    """Return which nodes of the grid are given and not forecast, shape `[node]`: those of the attribute `boundary`."""
    return np.concatenate([graph.nodes[part.name].boundary for part in data_nodes(graph, grid)])
