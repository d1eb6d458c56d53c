"""GraphBuilder: builds the graph that a model works on."""

__all__ = ["GraphBuilder"]

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import final

import numpy as np

from wxml.data.grid import Grid
from wxml.errors import ContractError, DataError
from wxml.graphs.data_nodes import boundary_nodes, data_nodes
from wxml.graphs.graph import DATA, GRID, MESH, Graph, needed_edges


class GraphBuilder(ABC):
    """Builds the data nodes, the mesh and the edges among them. The keyword-only parameters are its options.

    The data nodes are a node set `grid` of all nodes of the grid; or, where the grid has `parts`, a node set
    `data:<name>` of the nodes of each, for a model that has an encoder and a decoder for each. A builder may build
    further node sets, which processors ask for by name; `wxml.Graph` says which names are levels.
    """

    @final
    def build(self, grid: Grid) -> Graph:
        """Build the graph for `grid` and check that every grid node has edges to and from the mesh.

        Nodes with the attribute `boundary` are given and not forecast, and need no edge from the mesh.

        Raises:
            ContractError: the plugin built something else.
            DataError: the grid cannot be served with these options.
        """
        graph = self._build(grid)
        if not isinstance(graph, Graph):
            raise self._fault(f"returned {type(graph).__name__}, not a Graph")
        self._check_data(graph, grid)
        missing = [" → ".join(pair) for pair in needed_edges(graph) if pair not in graph.edges]
        if missing:
            raise self._fault(f"built no edges {', '.join(missing)}")
        for name in graph.data:
            self._check_joined(graph, name)
        if boundary_nodes(graph, grid).all():
            raise DataError(
                f"the boundary takes up all {len(grid)} nodes of the grid, so none would be forecast",
                fix="choose a narrower boundary",
            )
        self._check_further(graph)
        return graph

    def _check_data(self, graph: Graph, grid: Grid) -> None:
        """Check that the data nodes are those of the grid, or of each of its parts."""
        if not graph.data:
            raise self._fault(f"built no nodes `{GRID}`, and none `{DATA}<name>`")
        expected = {f"{DATA}{part.name}" for part in grid.parts}
        if graph.data != (GRID,) and set(graph.data) != expected:
            parts = ", ".join(f"`{name}`" for name in sorted(expected)) or f"`{GRID}` alone, for it has no parts"
            raise self._fault(f"built the data nodes {', '.join(graph.data)}, and the grid's would be {parts}")
        for part in data_nodes(graph, grid):
            found, count = len(graph.nodes[part.name]), part.nodes.stop - part.nodes.start
            if found != count:
                what = "grid nodes for a grid" if part.name == GRID else f"nodes `{part.name}` for a part"
                raise self._fault(f"built {found} {what} of {count}")

    def _check_joined(self, graph: Graph, name: str) -> None:
        """Check that the mesh reads every node of a data node set, and reaches all but the boundary."""
        nodes = graph.nodes[name]
        unread = np.diff(graph.edges[name, MESH].source_pointers) == 0
        unreached = (np.diff(graph.edges[MESH, name].pointers) == 0) & ~nodes.boundary
        if unread.any() or unreached.any():
            first = int(np.argmax(unread | unreached))
            raise self._fault(
                f"left {unread.sum()} {name} nodes without an edge to the mesh, {unreached.sum()} without an edge "
                f"from it; the first is node {first} at {nodes.latitudes[first]:g}°N {nodes.longitudes[first]:g}°E"
            )

    def _check_further(self, graph: Graph) -> None:
        """Check that edges join every node set, and that every node of a level takes part in its edges up and down."""
        joined = {name for pair in graph.edges for name in pair}
        alone = [name for name in graph.nodes if name not in joined]
        if alone:
            raise self._fault(f"built nodes `{alone[0]}` that no edges join")
        for finer, coarser in pairwise(graph.levels):
            for source, target in ((finer, coarser), (coarser, finer)):
                idle = int(np.sum(np.diff(graph.edges[source, target].pointers) == 0))
                if idle:
                    raise self._fault(f"left {idle} nodes of `{target}` without an edge from `{source}`")

    @abstractmethod
    def _build(self, grid: Grid) -> Graph:
        """Build the graph for `grid`; the same grid and options give the same graph, bit for bit."""

    def _fault(self, what: str) -> ContractError:
        name = type(self).__name__
        return ContractError(f"graph builder {name} {what}", fix="this is a fault of the plugin: tell its authors")
