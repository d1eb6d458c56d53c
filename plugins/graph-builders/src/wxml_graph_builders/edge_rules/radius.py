"""Edges between nodes within a radius."""

__all__ = ["Radius", "ReversedRadius", "radius_pairs"]

from typing import Annotated

import numpy as np
from pydantic import Field
from wxml.errors import DataError

from wxml_graph_builders.areas import EARTH_RADIUS_KM
from wxml_graph_builders.edge_builder import EdgeBuilder
from wxml_graph_builders.edges import greatest_gap, nearest_nodes
from wxml_graph_builders.mesh_nodes import MeshNodes, Pairs

Factor = Annotated[
    float | None,
    Field(
        gt=0,
        allow_inf_nan=False,
        description="radius, in greatest nearest-neighbour distances of the readers (those of the mask alone)",
    ),
]
Distance = Annotated[
    float | None, Field(gt=0, le=20_000, allow_inf_nan=False, description="radius in km, in place of `factor`")
]
Maximum = Annotated[
    int, Field(gt=0, description="largest number of nodes within the radius that are taken: the nearest")
]
LeftOut = Annotated[bool, Field(description="nodes of either set that no edge would reach are joined to their nearest")]
FACTOR = 0.6


class Radius(EdgeBuilder):
    """Every target node reads the source nodes within a radius of it.

    With `factor`, the radius is so many times the greatest distance from a target to the target nearest to it.
    """

    def __init__(
        self,
        *,
        factor: Factor = None,
        km: Distance = None,
        maximum: Maximum = 64,
        join_left_out: LeftOut = True,
        self_edges: bool = False,
    ) -> None:
        _refuse_both(factor, km)
        self.factor, self.km, self.maximum = factor or FACTOR, km, maximum
        self.join_left_out, self.self_edges = join_left_out, self_edges

    def _edges(self, source: MeshNodes, target: MeshNodes) -> Pairs:
        pairs = radius_pairs(source, target, _chord(target, self.factor, self.km), self.maximum)
        return _finished(pairs, source, target, self.join_left_out, self.self_edges)


class ReversedRadius(Radius):
    """Every source node is read by the target nodes within a radius of it.

    With `factor`, the radius is so many times the greatest distance from a source to the source nearest to it.
    """

    def _edges(self, source: MeshNodes, target: MeshNodes) -> Pairs:
        pairs = radius_pairs(target, source, _chord(source, self.factor, self.km), self.maximum)[:, ::-1]
        return _finished(pairs, source, target, self.join_left_out, self.self_edges)


def radius_pairs(read: MeshNodes, readers: MeshNodes, chord: float, maximum: int) -> Pairs:
    """Pairs of a node and a reader no farther away than `chord`, at most the `maximum` nearest of each reader."""
    into, start = nearest_nodes(read.points, readers.points, maximum, chord)
    return np.stack([start, into]).T


def _chord(readers: MeshNodes, factor: float, km: float | None) -> float:
    if km is not None:
        return float(2 * np.sin(min(km / EARTH_RADIUS_KM, np.pi) / 2))
    known = readers.levels[-1].T if readers.levels else None
    return factor * greatest_gap(readers.points, known) if len(readers) > 1 else 2.0


def _finished(pairs: Pairs, source: MeshNodes, target: MeshNodes, join: bool, self_edges: bool) -> Pairs:
    """Leave out the edges of nodes with themselves, if that is wanted, and join what no edge reaches."""
    if source is target:
        return pairs if self_edges else pairs[pairs[:, 0] != pairs[:, 1]]
    if not join:
        return pairs
    idle_target = np.flatnonzero(np.bincount(pairs[:, 1], minlength=len(target)) == 0)
    idle_source = np.flatnonzero(np.bincount(pairs[:, 0], minlength=len(source)) == 0)
    _, nearest_source = nearest_nodes(source.points, target.points[idle_target], 1)
    _, nearest_target = nearest_nodes(target.points, source.points[idle_source], 1)
    joined = (np.stack([nearest_source, idle_target], 1), np.stack([idle_source, nearest_target], 1))
    return np.concatenate([pairs, *joined])


def _refuse_both(factor: float | None, km: float | None) -> None:
    if factor is not None and km is not None:
        raise DataError(
            f"a radius is given by `factor` or by `km`, got {factor:g} and {km:g}", fix="leave one of the two out"
        )
