"""The cells of nodes that form no grid: what is nearer to each than to any other."""

__all__ = ["voronoi_corners"]

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import healpix_centres, unit_vectors
from wxml.errors import DataError

from wxml_dataset_sources.combining.edge_cells import EdgeCells
from wxml_dataset_sources.combining.polygons import anticlockwise, cut_off

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from scipy.spatial import KDTree

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
NEIGHBOURS = 6
FAR_AWAY = 10.0
"""Distances of its neighbours from the nearest node at which the region of all nodes has ended."""
HOLE = {True: 4.0, False: 1.5}
"""A node with a corner so many distances of its neighbours away may be at a hole: where the nodes surround the globe,
and where they are a region."""
USUAL = 2.5
"""It is if that is also so many times as far as its nearest corner."""
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
    voronoi: Any = SphericalVoronoi(np.concatenate([places, _far_away(tree, spacing)]), threshold=NEAREST)
    voronoi.sort_vertices_of_regions()
    corners = anticlockwise(_padded(voronoi))[: len(places)]
    owners = _owners(voronoi)
    distances = np.linalg.norm(corners - places[:, None], axis=-1)
    is_edge = _touch(owners, len(places)) | _at_hole(distances, HOLE[grid.is_global] * spacing)
    edge = np.flatnonzero(is_edge)
    if not len(edge):
        return corners
    near_ones = _near_ones(owners[edge], voronoi.vertices, places[edge])
    beside = (near_ones @ owners[: len(places)].T).tocoo()
    return _cut(
        corners, edge, EdgeCells(corners[edge], places, edge, spacing[edge], np.stack([beside.row, beside.col]))
    )


def _far_away(tree: "KDTree", spacing: Array) -> Array:
    """Places so far from all nodes that only the cells at an edge end where theirs begin."""
    everywhere = unit_vectors(*healpix_centres(8))
    distances, nodes = tree.query(everywhere)
    return everywhere[distances > FAR_AWAY * spacing[nodes]]


def _padded(voronoi: Any) -> Array:  # types of scipy lack the attributes of SphericalVoronoi
    """The corners of its cells, `[cell, corner, 3]`; the last one of each is repeated."""
    vertices, regions = voronoi.vertices, voronoi.regions
    counts = np.array([len(region) for region in regions])
    first = np.cumsum(counts) - counts
    rank = np.minimum(np.arange(counts.max()), counts[:, None] - 1)
    return np.asarray(vertices[np.concatenate(regions)[first[:, None] + rank]])


def _owners(voronoi: Any) -> "csr_array":
    """Which cells have which corners, `[cell, vertex]`."""
    from scipy.sparse import csr_array

    ends = np.cumsum([0, *(len(region) for region in voronoi.regions)])
    vertices = np.concatenate(voronoi.regions)
    return csr_array((np.ones(len(vertices), np.int8), vertices, ends), shape=(len(ends) - 1, len(voronoi.vertices)))


def _near_ones(owners: "csr_array", vertices: Array, places: Array) -> "csr_array":
    """The same without the corners of a cell that are much farther from its node than the nearest one.

    Cells on both sides of a bay meet far outside; that makes their nodes no neighbours.
    """
    from scipy.sparse import csr_array

    pairs = owners.tocoo()
    cell, vertex = pairs.row, pairs.col
    distances = np.linalg.norm(vertices[vertex] - places[cell], axis=1)
    nearest = np.full(len(places), np.inf)
    np.minimum.at(nearest, cell, distances)
    is_near = distances <= USUAL * nearest[cell]
    return csr_array((np.ones(is_near.sum(), np.int8), (cell[is_near], vertex[is_near])), shape=owners.shape)


def _touch(owners: "csr_array", count: int) -> Bools:
    """Whether each of the first cells, `count` of them, shares a corner with one of the others."""
    beyond = np.asarray(owners[count:].sum(axis=0)) > 0
    return np.asarray(owners[:count] @ beyond.astype(np.int32)) > 0


def _at_hole(distances: Array, far: Array) -> Bools:
    """Whether a corner of each cell, at these distances from its node, is far away, and much farther than another."""
    farthest = distances.max(axis=1)
    return np.asarray((farthest > far) & (farthest > USUAL * distances.min(axis=1)))


def _cut(corners: Array, edge: NDArray[np.intp], cells: EdgeCells) -> Array:
    """The cells, those of the nodes `edge` cut at their edges."""
    _, cut = cut_off(corners[edge], cells.ends())
    most = max(corners.shape[1], cut.shape[1])
    whole, cut = (each[:, np.minimum(np.arange(most), each.shape[1] - 1)] for each in (corners, cut))
    whole[edge] = cut
    return whole
