"""Grids inside of each other: which nodes are left of each, and which area they stand for."""

__all__ = ["FAR", "KEPT", "Nested", "Nesting", "covered", "nested"]

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import unit_vectors

from wxml_dataset_sources.combining.thinning import EARTH_RADIUS_KM

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
KEPT, FAR = -1, -2
"""What stands for a node that no grid covers, and for one that is too far from all others."""
AT_ONCE = 1 << 17
"""Nodes whose neighbours are looked at together."""


class Nesting(NamedTuple):
    """When a grid covers a node of a grid after it."""

    min_distance_km: float
    """It has a node nearer than this."""
    max_distance_km: float | None
    """Nodes of the last grid farther than this from all nodes of the others are left out."""
    neighbours: int | None
    """The node lies among so many of the nearest nodes of the grid; None: in the hull of all of them."""


class Nested(NamedTuple):
    """What is left of several grids."""

    nodes: tuple[Indices, ...]
    """The nodes of each grid that no grid before it covers."""
    shares: tuple[Array, ...]
    """The share of these nodes in the area of the last grid."""


def covered(grids: Sequence[Grid], nesting: Nesting) -> tuple[Indices, ...]:
    """For each node of each grid, the first of the grids before it that covers it; else `KEPT` or `FAR`."""
    covers = [_covered_by(grids[:number], grid, nesting) for number, grid in enumerate(grids)]
    if nesting.max_distance_km is not None and len(grids) > 1:
        kept = np.flatnonzero(covers[-1] == KEPT)
        inner, outer = (unit_vectors(*_places(some)) for some in (grids[:-1], grids[-1:]))
        covers[-1][kept[~_within(inner, outer[kept], nesting.max_distance_km)]] = FAR
    return tuple(covers)


def nested(grids: Sequence[Grid], covers: Sequence[Indices]) -> Nested:
    """What is left of the grids; a grid hands the area of a covered node on to the grid that covers it.

    The last one has the whole area.
    """
    total = np.zeros(len(grids))
    total[-1] = 1.0
    for number in reversed(range(len(grids))):
        is_covered = covers[number] >= 0
        handed = total[number] * grids[number].area_weights[is_covered]
        np.add.at(total, covers[number][is_covered], handed)
    kept = [np.flatnonzero(cover == KEPT) for cover in covers]
    parts = zip(grids, kept, total, strict=True)
    return Nested(tuple(kept), tuple(share * grid.area_weights[nodes] for grid, nodes, share in parts))


def _places(grids: Sequence[Grid]) -> tuple[Array, Array]:
    """The latitudes and longitudes of all nodes."""
    return np.concatenate([grid.latitudes for grid in grids]), np.concatenate([grid.longitudes for grid in grids])


def _covered_by(before: Sequence[Grid], grid: Grid, nesting: Nesting) -> Indices:
    """For each node of `grid` the first of the grids before it that covers it."""
    covers = np.full(len(grid), KEPT, np.intp)
    places = unit_vectors(grid.latitudes, grid.longitudes)
    for number, inner in enumerate(before):
        is_free = np.flatnonzero(covers == KEPT)
        own, free = unit_vectors(inner.latitudes, inner.longitudes), places[is_free]
        count = nesting.neighbours
        is_inside = _in_hull(own, free) if count is None else _among_neighbours(own, free, count)
        covers[is_free[_within(own, free, nesting.min_distance_km) | is_inside]] = number
    return covers


def _within(own: Array, places: Array, kilometres: float) -> NDArray[np.bool_]:
    """Whether one of `own` is nearer to each place than so many kilometres."""
    from scipy.spatial import KDTree

    chord = 2 * np.sin(min(kilometres / EARTH_RADIUS_KM, np.pi) / 2)
    distances, _ = KDTree(own).query(places, distance_upper_bound=max(chord, 1e-12))
    return np.asarray(distances < chord)


def _in_hull(own: Array, places: Array) -> NDArray[np.bool_]:
    """Whether each place is in the hull of `own`, on the plane that touches the sphere in their middle (gnomonic).

    There, great circles are straight. What is not on that half of the sphere is outside.
    """
    from scipy.spatial import ConvexHull

    middle = own.mean(axis=0)
    middle /= np.linalg.norm(middle)
    axes = np.linalg.svd(middle[None])[2][1:]
    heights = places @ middle
    is_front = np.flatnonzero(heights > 1e-6)
    hull = ConvexHull(own @ axes.T / (own @ middle)[:, None])
    flat = places[is_front] @ axes.T / heights[is_front, None]
    inside = np.zeros(len(places), bool)
    inside[is_front] = (flat @ hull.equations[:, :2].T + hull.equations[:, 2] <= 1e-9).all(axis=1)
    return inside


def _among_neighbours(own: Array, places: Array, count: int) -> NDArray[np.bool_]:
    """Whether the `count` nearest of `own` are around each place: no two neighbouring directions are 180° apart.

    The nearest must be as near as its own neighbours are: a place in a bay has the region on both sides.
    """
    from scipy.spatial import KDTree

    count = min(count, len(own) - 1)
    tree, inside = KDTree(own), np.zeros(len(places), bool)
    reach = np.asarray(tree.query(own, k=[count + 1])[0])[:, 0]
    for start in range(0, len(places), AT_ONCE):
        some = places[start : start + AT_ONCE]
        distances, nearest = (np.asarray(each) for each in tree.query(some, k=np.arange(1, count + 1)))
        east = np.cross(some, np.eye(3)[np.argmin(np.abs(some), axis=1)])
        sides = np.stack([east, np.cross(some, east)], axis=1)
        towards = np.einsum("nkx,nsx->nks", own[nearest], sides)
        angles = np.sort(np.arctan2(towards[..., 0], towards[..., 1]), axis=1)
        gaps = np.diff(angles, append=angles[:, :1] + 2 * np.pi)
        is_around = (gaps.max(axis=1) < np.pi + 1e-9) & (distances[:, 0] <= reach[nearest[:, 0]])
        inside[start : start + AT_ONCE] = is_around | (distances[:, 0] < 1e-9)
    return inside
