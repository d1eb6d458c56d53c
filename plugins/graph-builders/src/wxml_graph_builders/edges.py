"""Edges between grid and mesh: from all nodes within a radius, or from the nearest nodes.

Of nodes at the same distance, those with the lower numbers are taken.
"""

__all__ = ["NearestEdges", "RadiusEdges", "greatest_gap", "nearest_nodes"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.spatial import cKDTree
from wxml import EdgeSet, NodeSet, Options

Points = NDArray[np.float64]
Indices = NDArray[np.int64]

RESOLUTION = 1e-9  # of the earth's radius, 6 mm: far above rounding errors (1e-16), far below any node spacing
BLOCK = 1 << 16  # queries at a time: bounds the memory for many neighbours


class RadiusEdges(Options):
    """Every target node reads the source nodes around it, and no node of either set is left out."""

    radius: Annotated[
        float,
        Field(gt=0, allow_inf_nan=False, description="radius, in greatest nearest-neighbour distances of the targets"),
    ] = 0.6
    maximum: Annotated[int, Field(gt=0, description="largest number of source nodes that a target reads")] = 64

    def between(self, source: NodeSet, target: NodeSet, *, every_target: bool = True) -> EdgeSet:
        """Edges from the nearest `maximum` source nodes within the radius of each target node.

        A source node that no target reads is then joined to its nearest target; and with `every_target` a target that
        reads none to its nearest source, however far. Distances are chords on the unit sphere.
        """
        sources, targets = source.points, target.points
        into, start = self.within(source, target)
        idle_target = np.flatnonzero((np.bincount(into, minlength=len(target)) == 0) & every_target)
        idle_source = np.flatnonzero(np.bincount(start, minlength=len(source)) == 0)
        _, nearest_source = nearest_nodes(sources, targets[idle_target], 1)
        _, nearest_target = nearest_nodes(targets, sources[idle_source], 1)
        start = np.concatenate([start, nearest_source, idle_source])
        into = np.concatenate([into, idle_target, nearest_target])
        return EdgeSet.between(source, target, start, into)

    def within(self, source: NodeSet, target: NodeSet) -> tuple[Indices, Indices]:
        """Target and source numbers of the pairs within the radius, before any node left out is joined."""
        points = target.points
        return nearest_nodes(source.points, points, self.maximum, self.radius * greatest_gap(points))


class NearestEdges(Options):
    """Every target node reads the source nodes nearest to it."""

    nearest: Annotated[int, Field(gt=0, description="number of source nodes that each target reads")] = 3

    def between(self, source: NodeSet, target: NodeSet) -> EdgeSet:
        """`nearest` edges into every target node, or as many as there are source nodes."""
        into, start = nearest_nodes(source.points, target.points, self.nearest)
        return EdgeSet.between(source, target, start, into)


def nearest_nodes(nodes: Points, queries: Points, number: int, within: float = np.inf) -> tuple[Indices, Indices]:
    """The nodes nearest to each query point, at most `number` of them and none farther than `within`.

    Distances are chords on the unit sphere, rounded to 1e-9; of nodes at the same rounded distance those with the lower
    numbers are taken. A Gaussian grid has many exact ties, which a search tree alone breaks by its own shape.

    Args:
        nodes: unit vectors, shape `[node, 3]`.
        queries: unit vectors, shape `[query, 3]`.
        number: the largest number of nodes for each query point.
        within: the greatest distance allowed, a chord.

    Returns:
        Query numbers and node numbers, one entry per pair. Query numbers rise; the nodes of a query come nearest first.
    """
    tree, limit = cKDTree(nodes), np.rint(within / RESOLUTION)
    chosen = [
        _choose(tree, queries[start : start + BLOCK], number, limit, number + 1)
        for start in range(0, len(queries), BLOCK)
    ]
    table = np.concatenate([np.empty((0, min(number, tree.n)), np.int64), *chosen])
    query, place = np.nonzero(table < tree.n)
    return query, table[query, place]


def greatest_gap(points: Points) -> float:
    """The greatest distance (chord) from a point to its nearest neighbour; infinite for a lone point."""
    distances, _ = cKDTree(points).query(points, k=[2])
    return float(np.max(distances))


def _choose(tree: cKDTree, queries: Points, number: int, limit: float, candidates: int) -> Indices:
    """Node numbers in order, shape `[query, number]`; `tree.n` stands for no node.

    The search looks at `candidates` nodes for each query; `limit` is the greatest distance in units of `RESOLUTION`.
    """
    ranks = np.arange(1, min(candidates, tree.n) + 1)
    distance, node = tree.query(queries, k=ranks, distance_upper_bound=(limit + 1) * RESOLUTION)
    steps = np.rint(distance / RESOLUTION)  # [query, candidate], never falling along the candidates
    node = np.where(steps <= limit, node, tree.n)
    order = np.lexsort((node, steps), axis=-1)[:, :number]
    chosen = np.take_along_axis(node, order, axis=1)
    if candidates < tree.n:
        # A tie that reaches the last candidate may go on beyond it: look at twice as many candidates there.
        tied = (steps[:, -1] == steps[:, number - 1]) & (node[:, -1] < tree.n)
        if tied.any():
            chosen[tied] = _choose(tree, queries[tied], number, limit, 2 * candidates)
    return chosen
