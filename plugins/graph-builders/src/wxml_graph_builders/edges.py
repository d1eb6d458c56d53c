"""Edges between grid and mesh: from all nodes within a radius, or from the nearest nodes.

Of nodes at the same distance, those with the lower numbers are taken.
"""

__all__ = ["NearestEdges", "RadiusEdges", "edge_set", "greatest_gap", "nearest_nodes"]

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import EdgeSet, NodeSet, Options
from wxml.graphs.edge_geometry import edge_features
from wxml.graphs.edge_order import ordered

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Points = NDArray[np.float64]
Indices = NDArray[np.int64]
Ends = Sequence[Indices] | Indices
Item = TypeVar("Item", bound=np.generic)

RESOLUTION = 1e-9  # of the earth's radius, 6 mm: far above rounding errors (1e-16), far below any node spacing
BLOCK = 1 << 18  # pairs that are looked at at a time: bounds the memory for many neighbours
EDGES_AT_ONCE = 16  # for `_blocks`: so many times fewer pairs stay in a cache
FEW, ONE_OF = 1024, 64  # queries that are searched for at once; and of more of them, one of so many tells how far to go
NONE = 2**31 - 1  # steps to no node: no two nodes are as far away from each other


class RadiusEdges(Options):
    """Every target node reads the source nodes around it, and no node of either set is left out."""

    radius: Annotated[
        float,
        Field(gt=0, allow_inf_nan=False, description="radius, in greatest nearest-neighbour distances of the targets"),
    ] = 0.6
    maximum: Annotated[int, Field(gt=0, description="largest number of source nodes that a target reads")] = 64

    def between(
        self, source: NodeSet, target: NodeSet, *, every_target: bool = True, known: Ends | None = None
    ) -> EdgeSet:
        """Edges from the nearest `maximum` source nodes within the radius of each target node.

        A source node that no target reads is then joined to its nearest target; and with `every_target` a target that
        reads none to its nearest source, however far. Distances are chords on the unit sphere. `known` are pairs of
        targets that are near each other, as of `greatest_gap`.
        """
        pairs = self._pairs(source.points, target.points, every_target, known)
        return edge_set(source, target, pairs)

    def _pairs(self, sources: Points, targets: Points, every_target: bool, known: Ends | None) -> Indices:
        into, start = self.within(sources, targets, known)
        idle_target = np.flatnonzero((np.bincount(into, minlength=len(targets)) == 0) & every_target)
        idle_source = np.flatnonzero(np.bincount(start, minlength=len(sources)) == 0)
        _, nearest_source = nearest_nodes(sources, targets[idle_target], 1)
        _, nearest_target = nearest_nodes(targets, sources[idle_source], 1)
        start = np.concatenate([start, nearest_source, idle_source])
        into = np.concatenate([into, idle_target, nearest_target])
        return ordered(start, into)

    def within(self, sources: Points, targets: Points, known: Ends | None = None) -> tuple[Indices, Indices]:
        """Target and source numbers of the pairs within the radius, before any node left out is joined.

        Both are unit vectors, shape `[node, 3]`; `known` as of `between`.
        """
        return nearest_nodes(sources, targets, self.maximum, self.radius * greatest_gap(targets, known))


class NearestEdges(Options):
    """Every target node reads the source nodes nearest to it."""

    nearest: Annotated[int, Field(gt=0, description="number of source nodes that each target reads")] = 3

    def between(self, source: NodeSet, target: NodeSet) -> EdgeSet:
        """`nearest` edges into every target node, or as many as there are source nodes."""
        return edge_set(source, target, ordered(*nearest_nodes(source.points, target.points, self.nearest)[::-1]))


def edge_set(source: NodeSet, target: NodeSet, pairs: Indices) -> EdgeSet:
    """The edges of pairs in their order, with the features of `EdgeSet.between`, which keeps its unsorted pairs longer.

    Args:
        source: the nodes at which edges start.
        target: the nodes at which they end.
        pairs: sources and targets as `wxml.graphs.edge_order.ordered` gives them, shape `[2, edge]`.
    """
    starts, ends = pairs
    return EdgeSet(starts, ends, len(source), len(target), edge_features(source, target, starts, ends))


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
    if not len(queries):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    tree, limit = _tree(nodes), np.rint(within / RESOLUTION)
    candidates = min(number, 2 * _expected(len(nodes), limit * RESOLUTION) + 8) + 1
    counts, found = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    for some in _blocks(queries, min(max(candidates, number), len(nodes))):
        table = _choose(tree, some, number, limit, candidates)
        is_node = table < tree.n
        counts.append(is_node.sum(axis=1))
        found.append(table[is_node].astype(np.int32))
    query = np.repeat(np.arange(len(queries)), np.concatenate(counts))
    return query, np.concatenate(found, dtype=np.int64)


def greatest_gap(points: Points, known: Ends | None = None) -> float:
    """The greatest distance (chord) from a point to its nearest neighbour; infinite for a lone point.

    Args:
        points: unit vectors, shape `[node, 3]`.
        known: pairs of different points, first and second numbers, that are near each other: a point whose
            neighbour among them is nearer than the greatest gap needs no search. Any pairs give the same distance.
    """
    tree = _tree(points)
    if known is None or not len(known[0]):
        return _greatest(tree, points)
    bound = _to_neighbours(points, known)
    gap = _greatest(tree, points[[int(np.argmax(bound))]])
    return max(gap, _greatest(tree, points[bound * (1 + RESOLUTION) > gap]))


def _greatest(tree: "cKDTree", points: Points) -> float:
    """The greatest distance from one of these points of the tree to the point nearest to it; 0 for no points."""
    return max((float(np.max(tree.query(some, k=[2])[0])) for some in _blocks(points, 1)), default=0.0)


def _to_neighbours(points: Points, known: Ends) -> NDArray[np.float64]:
    """How far away from each point the nearest one is that it is paired with; infinite where it is in no pair."""
    squares = np.full(len(points), np.inf)
    for first, second in zip(*(_blocks(ends, EDGES_AT_ONCE) for ends in known), strict=True):
        x, y, z = ((points[first] - points[second]) ** 2).T
        np.minimum.at(squares, first, np.where(first != second, x + y + z, np.inf))
    return np.asarray(np.sqrt(squares))


def _tree(points: Points) -> "cKDTree":
    """A search tree that is cut in the middle: built twice as fast as one that is cut at medians, and as fast."""
    from scipy.spatial import cKDTree  # takes a while to load

    return cKDTree(points, balanced_tree=False)


def _expected(count: int, chord: float) -> int:
    """How many of `count` even nodes lie within a chord c of a place: a share c² / 4 of the sphere."""
    return int(count * min(chord, 2.0) ** 2 / 4)


def _blocks(points: NDArray[Item], width: int) -> Iterator[NDArray[Item]]:
    """Some of the points at a time, for tables that have `width` entries for each."""
    rows = max(BLOCK // max(width, 1), 1)
    return (points[start : start + rows] for start in range(0, len(points), rows))


def _choose(tree: "cKDTree", queries: Points, number: int, limit: float, candidates: int) -> Indices:
    """Node numbers in order, shape `[query, number]`, or as wide as there are nodes; `tree.n` stands for no node.

    The search looks at `candidates` nodes for each query; `limit` is the greatest distance in units of `RESOLUTION`.
    """
    ranks = np.arange(1, min(candidates, tree.n) + 1)
    distance, node = _searched(tree, queries, ranks, (limit + 1) * RESOLUTION)
    steps = np.rint(distance / RESOLUTION)  # [query, candidate], never falling along the candidates
    beyond = (steps > limit) | (node == tree.n)
    steps[beyond] = NONE
    node[beyond] = tree.n
    chosen = np.full((len(queries), min(number, tree.n)), tree.n)
    chosen[:, : len(ranks)] = _in_order(steps, node)[:, :number]
    if candidates < tree.n:
        # The nodes within the limit may go on beyond the last candidate, and so may a tie with the last one taken.
        unsure = ~beyond[:, -1]
        if candidates > number:
            unsure &= steps[:, -1] == steps[:, number - 1]
        left = np.flatnonzero(unsure)
        for some in _blocks(left, min(2 * candidates, tree.n)):
            chosen[some] = _choose(tree, queries[some], number, limit, 2 * candidates)
    return chosen


def _searched(tree: "cKDTree", queries: Points, ranks: Indices, within: float) -> tuple[NDArray[np.float64], Indices]:
    """Distances and numbers of the nodes of these ranks as `cKDTree.query` gives them, nearer than `within`.

    A search that knows how far to go takes two thirds of the time. What some of the queries need is allowed for all;
    those that need more are searched for again.
    """
    if np.isfinite(within) or len(queries) < FEW:
        distance, node = tree.query(queries, k=ranks, distance_upper_bound=within)
        return np.asarray(distance), np.asarray(node, np.int64)
    enough = 1.02 * float(np.max(tree.query(queries[::ONE_OF], k=ranks[-1:])[0]))
    distance, node = _searched(tree, queries, ranks, enough)
    more = np.flatnonzero(node[:, -1] == tree.n)
    if len(more):
        distance[more], node[more] = tree.query(queries[more], k=ranks)
    return distance, node


def _in_order(steps: NDArray[np.float64], node: Indices) -> Indices:
    """The nodes of each row by their steps, and by their numbers where the steps are the same."""
    key = steps.astype(np.int64)
    key <<= 32
    key |= node
    key.sort(axis=1)
    key &= (1 << 32) - 1
    return key
