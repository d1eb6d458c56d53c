"""Which nodes and edges a page holds: all of them, or of a large graph a part that is spread evenly."""

__all__ = ["Kept", "thinned"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from wxml import Graph

MOST_NODES: Final = 300_000
MOST_EDGES: Final = 1_200_000
"""So many are held of all sets together."""
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """The numbers of what is kept, each in rising order."""

    nodes: Mapping[str, NDArray[np.int64]]
    edges: Mapping[Pair, NDArray[np.int64]]


def thinned(graph: Graph, *, nodes: int = MOST_NODES, edges: int = MOST_EDGES) -> Kept:
    """Choose what to keep of a graph: every k-th node, all edges into every m-th target, and the ends of these.

    Args:
        graph: the graph.
        nodes: how many nodes may be kept besides the ends of edges.
        edges: about how many edges may be kept.
    """
    every = max(1, -(-sum(map(len, graph.nodes.values())) // nodes))
    every_target = max(1, -(-sum(map(len, graph.edges.values())) // edges))
    marks = {name: np.arange(len(found)) % every == 0 for name, found in graph.nodes.items()}
    kept = {}
    for pair, found in graph.edges.items():
        kept[pair] = np.flatnonzero(found.target % every_target == 0)
        marks[pair[0]][found.source[kept[pair]]] = True
        marks[pair[1]][found.target[kept[pair]]] = True
    return Kept({name: np.flatnonzero(mark) for name, mark in marks.items()}, kept)
