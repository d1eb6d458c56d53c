"""Grids inside of each other: which nodes are left of each, and which area they stand for."""

__all__ = ["Nested", "nested"]

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import unit_vectors

from wxml_dataset_sources.combining.thinning import EARTH_RADIUS_KM

Array = NDArray[np.float64]
NOWHERE = -1


class Nested(NamedTuple):
    """What is left of several grids."""

    nodes: tuple[NDArray[np.intp], ...]
    """The nodes of each grid that no grid before it covers."""
    shares: tuple[Array, ...]
    """The share of these nodes in the area of the last grid."""


def nested(grids: Sequence[Grid], min_distance_km: float, max_distance_km: float | None = None) -> Nested:
    """Leave out of each grid the nodes that a grid before it covers.

    A grid hands the area of such a node on to the grid that covers it; the last one has the whole area. Of the last
    one, nodes farther than `max_distance_km` from all nodes of the others are left out, too.
    """
    covers = [_covered_by(grids[:number], grid, min_distance_km) for number, grid in enumerate(grids)]
    total = np.zeros(len(grids))
    total[-1] = 1.0
    for number in reversed(range(len(grids))):
        is_covered = covers[number] != NOWHERE
        handed = total[number] * grids[number].area_weights[is_covered]
        np.add.at(total, covers[number][is_covered], handed)
    kept = [np.flatnonzero(cover == NOWHERE) for cover in covers]
    if max_distance_km is not None and len(grids) > 1:
        inner, outer = (unit_vectors(*_places(some)) for some in (grids[:-1], grids[-1:]))
        kept[-1] = kept[-1][_within(inner, outer[kept[-1]], max_distance_km)]
    parts = zip(grids, kept, total, strict=True)
    return Nested(tuple(kept), tuple(share * grid.area_weights[nodes] for grid, nodes, share in parts))


def _places(grids: Sequence[Grid]) -> tuple[Array, Array]:
    """The latitudes and longitudes of all nodes."""
    return np.concatenate([grid.latitudes for grid in grids]), np.concatenate([grid.longitudes for grid in grids])


def _covered_by(before: Sequence[Grid], grid: Grid, min_distance_km: float) -> NDArray[np.intp]:
    """For each node of `grid` the first of the grids before it that covers it."""
    covers = np.full(len(grid), NOWHERE, np.intp)
    places = unit_vectors(grid.latitudes, grid.longitudes)
    for number, inner in enumerate(before):
        is_free = np.flatnonzero(covers == NOWHERE)
        own = unit_vectors(inner.latitudes, inner.longitudes)
        is_near = _within(own, places[is_free], min_distance_km) | _in_hull(own, places[is_free])
        covers[is_free[is_near]] = number
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
