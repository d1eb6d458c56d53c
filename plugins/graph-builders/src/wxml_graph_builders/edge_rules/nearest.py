"""Edges between nodes that are nearest to each other."""

__all__ = ["MutualNearest", "Nearest", "ReversedNearest", "nearest_pairs"]

from typing import Annotated

import numpy as np
from pydantic import Field

from wxml_graph_builders.edge_builder import EdgeBuilder
from wxml_graph_builders.edges import nearest_nodes
from wxml_graph_builders.mesh_nodes import MeshNodes, Pairs

Count = Annotated[int, Field(gt=0, le=4096, description="number of source nodes that each target reads")]
SelfEdges = Annotated[
    bool, Field(description="of a node set with itself: a node may read itself; else nodes at its place are left out")
]


class Nearest(EdgeBuilder):
    """Every target node reads the source nodes nearest to it."""

    def __init__(self, *, nearest: Count = 3, self_edges: SelfEdges = False) -> None:
        self.nearest = nearest
        self.self_edges = self_edges

    def _edges(self, source: MeshNodes, target: MeshNodes) -> Pairs:
        return nearest_pairs(source, target, self.nearest, self.self_edges)


class ReversedNearest(EdgeBuilder):
    """Every source node is read by the target nodes nearest to it."""

    def __init__(
        self,
        *,
        nearest: Annotated[int, Field(gt=0, le=4096, description="number of targets that read each source node")] = 3,
        self_edges: SelfEdges = False,
    ) -> None:
        self.nearest = nearest
        self.self_edges = self_edges

    def _edges(self, source: MeshNodes, target: MeshNodes) -> Pairs:
        return nearest_pairs(target, source, self.nearest, self.self_edges)[:, ::-1]


class MutualNearest(EdgeBuilder):
    """A target reads a source node if each is among the nearest of the other.

    A target that then reads none reads the source nearest to it, unless `orphans` is false.
    """

    def __init__(
        self,
        *,
        nearest: Count = 3,
        reversed_nearest: Annotated[
            int | None, Field(gt=0, le=4096, description="targets that each source sees; null: as many as `nearest`")
        ] = None,
        orphans: Annotated[bool, Field(description="a target that reads no node is joined to its nearest")] = True,
        self_edges: SelfEdges = False,
    ) -> None:
        self.nearest = nearest
        self.reversed_nearest = nearest if reversed_nearest is None else reversed_nearest
        self.orphans = orphans
        self.self_edges = self_edges

    def _edges(self, source: MeshNodes, target: MeshNodes) -> Pairs:
        seen = nearest_pairs(source, target, self.nearest, self.self_edges)
        seeing = nearest_pairs(target, source, self.reversed_nearest, self.self_edges)[:, ::-1]
        key, other = (pairs[:, 1] * len(source) + pairs[:, 0] for pairs in (seen, seeing))
        mutual = seen[np.isin(key, other)]
        if not self.orphans:
            return mutual
        read = np.bincount(mutual[:, 1], minlength=len(target))
        nearest = nearest_pairs(source, target, 1, self.self_edges)
        return np.concatenate([mutual, nearest[read[nearest[:, 1]] == 0]])


def nearest_pairs(source: MeshNodes, target: MeshNodes, count: int, self_edges: bool) -> Pairs:
    """Pairs of the `count` nearest sources of each target; of equally near ones the lower numbers are taken."""
    if source is not target or self_edges:
        into, start = nearest_nodes(source.points, target.points, count)
        return np.stack([start, into]).T
    into, start = nearest_nodes(source.points, target.points, count + 1)
    others = into != start
    into, start = into[others], start[others]
    rank = np.arange(len(into)) - np.searchsorted(into, into)
    return np.asarray(np.stack([start, into], axis=1)[rank < count])
