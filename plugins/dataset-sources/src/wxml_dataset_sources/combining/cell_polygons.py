"""The cells around the nodes of any grid, as polygons on the sphere."""

__all__ = ["CellPolygons", "cell_polygons"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import unit_vectors

from wxml_dataset_sources.combining.cells import cells
from wxml_dataset_sources.combining.healpix_cells import healpix_order, healpix_quarters
from wxml_dataset_sources.combining.polygons import anticlockwise
from wxml_dataset_sources.combining.row_polygons import row_corners
from wxml_dataset_sources.combining.voronoi_cells import voronoi_corners

Array = NDArray[np.float64]


class CellPolygons(NamedTuple):
    """Polygons that cells consist of."""

    corners: Array
    """Unit vectors, anticlockwise, shape `[polygon, corner, 3]`."""
    nodes: NDArray[np.intp]
    """The node whose cell each polygon is a part of, shape `[polygon]`."""
    size: int
    """The number of nodes."""


def cell_polygons(grid: Grid, option: str) -> CellPolygons:
    """The cells of all nodes.

    HEALPix has its own cells. On projected grids a corner lies in the middle of four nodes, and the outermost cells
    reach as far outwards as inwards. Rows around the globe have their boxes. All other nodes have what is nearer to
    them than to any other (Voronoi); at the edge of a region, as far outwards as inwards.

    Args:
        grid: the grid.
        option: where it comes from, for the error.

    Raises:
        DataError: two nodes are at one place.
    """
    rings = healpix_order(grid)
    if rings is not None:
        quarters = healpix_quarters(len(grid))[rings].reshape(-1, 4, 3)
        return CellPolygons(quarters, np.repeat(np.arange(len(grid)), 4), len(grid))
    return CellPolygons(_corners(grid, option), np.arange(len(grid)), len(grid))


def _corners(grid: Grid, option: str) -> Array:
    """The corners of the cell of each node, where it is one polygon."""
    boxes = cells(grid)
    if boxes is not None:
        return row_corners(boxes)
    if len(grid.shape) == 2 and min(grid.shape) > 1:
        return _between_four(unit_vectors(grid.latitudes, grid.longitudes).reshape(*grid.shape, 3))
    return voronoi_corners(grid, option)


def _between_four(places: Array) -> Array:
    """The corners of the cells of rows and columns of nodes `[y, x, 3]`, in the middle of four nodes each."""
    for axis in (0, 1):
        inner = np.moveaxis(places, axis, 0)
        padded = np.concatenate([2 * inner[:1] - inner[1:2], inner, 2 * inner[-1:] - inner[-2:-1]])
        places = np.moveaxis(padded, 0, axis)
    corners = places[:-1, :-1] + places[:-1, 1:] + places[1:, :-1] + places[1:, 1:]
    corners /= np.linalg.norm(corners, axis=-1, keepdims=True)
    around = [corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]]
    return anticlockwise(np.stack(around, axis=2).reshape(-1, 4, 3))
