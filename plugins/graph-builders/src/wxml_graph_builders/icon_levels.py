"""Triangles that were made by cutting coarser ones into four, and the coarser ones found again."""

__all__ = ["Coarser", "Hierarchy"]

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wxml_graph_builders.mesh_nodes import Cells, Pairs

Indices = NDArray[np.int64]


class Coarser(NamedTuple):
    """What there is on one level: edges, triangles, and where those of the finest level lie."""

    edges: Pairs
    """Undirected, shape `[edge, 2]`."""
    triangles: Cells
    """Corners in the order of the finest ones, shape `[triangle, 3]`."""
    within: Indices
    """For each triangle of the finest level the one of this level that holds it, -1 for none."""


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """Vertices of several levels: each of level L > 0 was put in the middle of an edge between two of lower levels."""

    levels: Indices
    """The level at which each vertex was made, from 0; shape `[vertex]`."""
    edges: Pairs
    """Those of the finest level, undirected; shape `[edge, 2]`."""
    triangles: Cells
    """Those of the finest level, anticlockwise; shape `[triangle, 3]`."""

    @property
    def finest(self) -> int:
        """The highest level of a vertex."""
        return int(self.levels.max(initial=0))

    def all_levels(self) -> list[Coarser]:
        """Every level, from the coarsest one, 0, to the finest.

        At the edge of a region, edges and triangles that are not whole are left out.
        """
        found = [Coarser(self.edges, self.triangles, np.arange(len(self.triangles)))]
        for level in range(self.finest, 0, -1):
            found.insert(0, self._coarser(found[0], level))
        return found

    def _coarser(self, fine: Coarser, level: int) -> Coarser:
        """The level before `level`, which has the edges and triangles `fine`."""
        edges, ends = _bisected(fine.edges, self.levels == level)
        triangles, holder = _united(fine.triangles, self.levels == level, ends)
        within = np.where(fine.within >= 0, holder[fine.within], -1) if len(holder) else np.full_like(fine.within, -1)
        return Coarser(edges, triangles, within)


def _bisected(edges: Pairs, added: NDArray[np.bool_]) -> tuple[Pairs, Pairs]:
    """The edges that the added vertices cut in two, and for each vertex the two ends of its edge, or -1.

    An added vertex has exactly two older neighbours.
    """
    mixed = edges[added[edges[:, 0]] != added[edges[:, 1]]]
    first_is_added = added[mixed[:, 0]]
    middle, older = (np.where(first_is_added, mixed[:, one], mixed[:, 1 - one]) for one in (0, 1))
    order = np.lexsort((older, middle))
    middle, older = middle[order], older[order]
    two = np.flatnonzero(np.bincount(middle, minlength=len(added)) == 2)
    start = np.searchsorted(middle, two)
    ends = np.full((len(added), 2), -1)
    ends[two] = np.stack([older[start], older[start + 1]], axis=1) if len(two) else ends[two]
    pairs = ends[two]
    return np.unique(pairs, axis=0) if len(pairs) else pairs, ends


def _united(triangles: Cells, added: NDArray[np.bool_], ends: Pairs) -> tuple[Cells, Indices]:
    """The triangles that four make each, and for each of the four the number of theirs, or -1.

    The one in the middle has three added corners; each of the others shares with it the side between two added ones.
    A corner of the large triangle is an end of both edges whose middles are joined.
    """
    inner = np.flatnonzero(added[triangles].all(axis=1) & (ends[triangles] >= 0).all(axis=(1, 2)))
    middles = triangles[inner]
    corners = np.stack([_shared(ends[middles[:, i]], ends[middles[:, (i + 1) % 3]]) for i in range(3)], axis=1)
    whole = (corners >= 0).all(axis=1)
    inner, middles, corners = inner[whole], middles[whole], corners[whole]
    holder = np.full(len(triangles), -1)
    holder[inner] = np.arange(len(inner))
    side = np.concatenate([_key(middles[:, [i, (i + 1) % 3]], len(added)) for i in range(3)])
    owner = np.tile(np.arange(len(inner)), 3)
    order = np.argsort(side, kind="stable")
    outer = np.flatnonzero(added[triangles].sum(axis=1) == 2)
    if len(side) and len(outer):
        between = triangles[outer][added[triangles[outer]]].reshape(-1, 2)
        key = _key(between, len(added))
        place = np.minimum(np.searchsorted(side[order], key), len(side) - 1)
        holder[outer] = np.where(side[order][place] == key, owner[order][place], -1)
    return corners, holder


def _shared(first: Pairs, second: Pairs) -> Indices:
    """The number that two pairs share, row by row, or -1."""
    found = np.full(len(first), -1)
    for one in (0, 1):
        for other in (0, 1):
            found = np.where(first[:, one] == second[:, other], first[:, one], found)
    return found


def _key(pairs: Pairs, count: int) -> Indices:
    return np.asarray(pairs.min(axis=1) * count + pairs.max(axis=1))
