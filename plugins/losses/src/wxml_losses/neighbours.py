"""Which nodes are near to each node of the sphere."""

__all__ = ["Pairs", "nearest_nodes", "nodes_within"]

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

AT_ONCE = 2**22
"""How many pairs of nodes are looked at together."""
SAME = 1e-12
"""Cosines of distances that are the same up to rounding."""


class Pairs(NamedTuple):
    """Pairs of nodes, sorted by target and then by source."""

    target: Indices
    source: Indices
    angle: Array
    """The distance in radians."""

    def take(self, which: NDArray[Any]) -> "Pairs":
        """Return the pairs of these numbers, or those where a mask is true."""
        return Pairs(self.target[which], self.source[which], self.angle[which])


def nodes_within(points: Array, angle: float) -> Pairs:
    """Find all pairs of nodes that are no farther from each other than an angle; each node is near to itself.

    Args:
        points: unit vectors, shape `[node, 3]`.
        angle: radians, less than π.
    """
    found = [_within(points, targets, angle) for targets in _chunks(points, np.arange(len(points)), angle)]
    return _sorted(found)


def nearest_nodes(points: Array, count: int) -> Pairs:
    """Find the `count` nearest other nodes of each node; of several at the same distance, those of lower numbers.

    Args:
        points: unit vectors, shape `[node, 3]`.
        count: how many; less than the number of nodes.
    """
    wanted, angle = np.arange(len(points)), 2 * np.sqrt(4 * (count + 1) / len(points))
    found = []
    while len(wanted):
        angle, left = min(angle, np.pi), []
        for targets in _chunks(points, wanted, angle):
            pairs = _within(points, targets, angle)
            near = _ranked(pairs.take(pairs.target != pairs.source), count)
            has_all = np.bincount(near.target, minlength=len(points)) == count
            found.append(near.take(has_all[near.target]))
            left.append(targets[~has_all[targets]])
        wanted, angle = np.concatenate(left), 2 * angle
    return _sorted(found)


def _chunks(points: Array, targets: Indices, angle: float) -> Iterator[Indices]:
    """The targets from south to north, as many at a time as may be compared with all nodes of their latitudes."""
    share = max(np.sin(min(angle, np.pi / 2)), 1e-3)  # of the nodes that are so near in latitude, about
    size = max(1, int(AT_ONCE / (len(points) * share)))
    order = targets[np.argsort(points[targets, 2], kind="stable")]
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _within(points: Array, targets: Indices, angle: float) -> Pairs:
    latitudes = np.arcsin(np.clip(points[targets, 2], -1, 1))
    south, north = latitudes.min() - angle - SAME, latitudes.max() + angle + SAME
    lowest, highest = (np.sin(np.clip(end, -np.pi / 2, np.pi / 2)) for end in (south, north))
    sources = np.flatnonzero((points[:, 2] >= lowest) & (points[:, 2] <= highest))
    cosines = points[targets] @ points[sources].T
    target, source = np.nonzero(cosines >= np.cos(angle) - SAME)
    chords = np.linalg.norm(points[targets[target]] - points[sources[source]], axis=-1)
    return Pairs(targets[target], sources[source], 2 * np.arcsin(np.clip(chords / 2, 0, 1)))


def _ranked(pairs: Pairs, count: int) -> Pairs:
    """The `count` nearest pairs of each target."""
    order = np.lexsort((pairs.source, np.rint(pairs.angle / SAME), pairs.target))
    target = pairs.target[order]
    first = np.searchsorted(target, target, side="left")
    kept = order[np.arange(len(order)) - first < count]
    return pairs.take(kept)


def _sorted(found: list[Pairs]) -> Pairs:
    target, source = (np.concatenate([pairs[place] for pairs in found]) for place in (0, 1))
    pairs = Pairs(target, source, np.concatenate([pairs.angle for pairs in found]))
    return pairs.take(np.lexsort((source, target)))
