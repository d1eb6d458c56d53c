"""GraphBuilder: builds the graph that a model works on."""

__all__ = ["GraphBuilder"]

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import final

import numpy as np

from wxml.data.grid import Grid
from wxml.errors import ContractError
from wxml.graphs.graph import Graph

EDGES = (("grid", "mesh"), ("mesh", "mesh"), ("mesh", "grid"))


class GraphBuilder(ABC):
    """Builds node sets `grid` and `mesh` and the edges among them. The keyword-only parameters are its options.

    It may build further node sets, which processors ask for by name; `wxml.Graph` says which names are levels.
    """

    @final
    def build(self, grid: Grid) -> Graph:
        """Build the graph for `grid` and check that every grid node has edges to and from the mesh.

        Raises:
            ContractError: the plugin built something else.
            DataError: the grid cannot be served with these options.
        """
        graph = self._build(grid)
        if not isinstance(graph, Graph):
            raise self._fault(f"returned {type(graph).__name__}, not a Graph")
        missing = [" → ".join(pair) for pair in EDGES if pair not in graph.edges]
        if missing:
            raise self._fault(f"built no edges {', '.join(missing)}")
        if len(graph.nodes["grid"]) != len(grid):
            raise self._fault(f"built {len(graph.nodes['grid'])} grid nodes for a grid of {len(grid)}")
        unread = int(np.sum(np.diff(graph.edges["grid", "mesh"].source_pointers) == 0))
        unreached = int(np.sum(np.diff(graph.edges["mesh", "grid"].pointers) == 0))
        if unread or unreached:
            raise self._fault(
                f"left {unread} grid nodes without an edge to the mesh, {unreached} without an edge from it"
            )
        self._check_further(graph)
        return graph

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
