"""The cells of nodes that form no grid: what is nearer to each than to any other."""

__all__ = ["voronoi_corners"]

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import healpix_centres, unit_vectors
from wxml.errors import DataError

from wxml_dataset_sources.combining.polygons import anticlockwise, clipped

if TYPE_CHECKING:
    from scipy.spatial import KDTree

Array = NDArray[np.float64]
NEIGHBOURS = 6
OPEN = {True: 4.0, False: 1.5}
"""A node with a corner farther away than so many distances of its neighbours is at an edge: where the nodes surround
the globe, and where they are a region."""
REACH = 0.75
"""So many distances of its neighbours a cell at an edge reaches outwards."""
SIDES = 16
NEAREST = 1e-9
"""Radii by which nodes must differ."""


def voronoi_corners(grid: Grid, option: str) -> Array:
    """The corners of the cell of each node, `[node, corner, 3]`, anticlockwise.

    Args:
        grid: the nodes.
        option: where they come from, for the error.

    Raises:
        DataError: two nodes are at one place.
    """
    from scipy.spatial import KDTree, SphericalVoronoi

    places = unit_vectors(grid.latitudes, grid.longitudes)
    tree = KDTree(places)
    near = np.asarray(tree.query(places, k=np.arange(2, min(NEIGHBOURS, len(places) - 1) + 2))[0])
    if near[:, 0].min() < NEAREST:
        raise DataError(
            f"two nodes of `{option}` are at one place, and have no cells: node {int(np.argmin(near[:, 0]))}",
            fix="leave one of them out with `subset`, or write `method: bilinear`",
        )
    spacing = near.mean(axis=1)
    voronoi = SphericalVoronoi(np.concatenate([places, _far_away(tree, spacing)]), threshold=NEAREST)
    voronoi.sort_vertices_of_regions()
    corners = anticlockwise(_padded(voronoi))[: len(places)]
    away = np.linalg.norm(corners - places[:, None], axis=-1).max(axis=1)
    return _cut(corners, places, spacing, np.flatnonzero(away > OPEN[grid.is_global] * spacing))


def _far_away(tree: "KDTree", spacing: Array) -> Array:
    """Places so far from all nodes that only the cells at an edge end where theirs begin."""
    everywhere = unit_vectors(*healpix_centres(8))
    distances, nodes = tree.query(everywhere)
    return everywhere[distances > 2.5 * OPEN[True] * spacing[nodes]]


def _padded(voronoi: Any) -> Array:  # types of scipy lack the attributes of SphericalVoronoi
    """The corners of its cells, `[cell, corner, 3]`; the last one of each is repeated."""
    vertices, regions = voronoi.vertices, voronoi.regions
    counts = np.array([len(region) for region in regions])
    first = np.cumsum(counts) - counts
    rank = np.minimum(np.arange(counts.max()), counts[:, None] - 1)
    return np.asarray(vertices[np.concatenate(regions)[first[:, None] + rank]])


def _cut(corners: Array, places: Array, spacing: Array, edge: NDArray[np.intp]) -> Array:
    """The cells, those of the nodes `edge` cut to polygons around these."""
    if not len(edge):
        return corners
    middle = places[edge]
    aside = np.cross(middle, np.eye(3)[np.argmin(np.abs(middle), axis=1)])
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    turn = 2 * np.pi * np.arange(SIDES)[:, None] / SIDES
    around = np.cos(turn) * aside[:, None] + np.sin(turn) * np.cross(middle, aside)[:, None]
    windows = middle[:, None] + REACH * spacing[edge, None, None] * around
    _, cut = clipped(corners[edge], windows / np.linalg.norm(windows, axis=-1, keepdims=True))
    most = max(corners.shape[1], cut.shape[1])
    whole, cut = (each[:, np.minimum(np.arange(most), each.shape[1] - 1)] for each in (corners, cut))
    whole[edge] = cut
    return whole
