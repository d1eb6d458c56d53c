"""Which nodes lie nearest, the same ones every time, ties or not."""

__all__ = ["greatest_gap", "nearest_nodes"]

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Points = NDArray[np.float64]
Indices = NDArray[np.int64]

RESOLUTION = 1e-9  # of the earth's radius, 6 mm: far above rounding errors (1e-16), far below any node spacing
BLOCK = 1 << 16  # queries at a time: bounds the memory for many neighbours


def nearest_nodes(nodes: Points, queries: Points, number: int, within: float = np.inf) -> tuple[Indices, Indices]:
    """The nodes nearest to each query point, at most `number` of them and none farther than `within`.

    Distances are chords on the unit sphere, rounded to 1e-9; of nodes at the same rounded distance those with the lower
    numbers are taken. A Gaussian grid has many exact ties, which a search tree alone breaks by its own shape.

    Args:
        nodes: unit vectors, shape `[node, 3]`.
        queries: unit vectors, shape `[query, 3]`.
        number: how many nodes at most for each query point.
        within: the greatest distance, a chord; itself allowed.

    Returns:
        Query numbers and node numbers, one entry per pair; the queries rise, and each one's nodes come nearest first.
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
    """Node numbers in order, shape `[query, number]`; `tree.n` stands for none."""
    steps, node = _candidates(tree, queries, min(candidates, tree.n), limit)
    order = np.lexsort((node, steps), axis=-1)[:, :number]
    chosen = np.take_along_axis(node, order, axis=1)
    if candidates < tree.n:
        # A tie that reaches the end of the list may go on beyond it: look at twice as many there.
        tied = (steps[:, -1] == steps[:, number - 1]) & (node[:, -1] < tree.n)
        if tied.any():
            chosen[tied] = _choose(tree, queries[tied], number, limit, 2 * candidates)
    return chosen


def _candidates(tree: cKDTree, queries: Points, count: int, limit: float) -> tuple[Points, Indices]:
    """Rounded distances (in units of `RESOLUTION`, never falling) and node numbers, shape `[query, count]`."""
    ranks = np.arange(1, count + 1)
    distance, node = tree.query(queries, k=ranks, distance_upper_bound=(limit + 1) * RESOLUTION)
    steps = np.rint(distance / RESOLUTION)
    return steps, np.where(steps <= limit, node, tree.n)
