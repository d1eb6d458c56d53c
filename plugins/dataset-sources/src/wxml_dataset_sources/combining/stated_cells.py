"""The cells that the source of a grid states, as boxes or polygons on the sphere; what cannot be cells is refused."""

__all__ = ["stated_boxes", "stated_polygons"]

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.cell_bounds import CellBounds
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError

from wxml_dataset_sources.combining.cell_polygons import CellPolygons
from wxml_dataset_sources.combining.cells import Cells, eastwards
from wxml_dataset_sources.combining.polygons import anticlockwise, areas

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
SAME_EDGE = 1e-3
"""Degrees by which two statements of one edge may differ: files round."""
BEYOND = 0.02
"""A node may be outside of its cell by so much of the way to its middle: nodes on an edge, as poles, are rounded."""
NO_AREA = 1e-16
"""Steradian: 6 cm on the earth."""
HOW_TO_GO_ON = "correct the file, or write `cells: made` to take cells between the nodes in place of what files state"


def stated_boxes(grid: Grid, bounds: CellBounds) -> Cells:
    """The cells of a regular grid, whose rows and columns have bounds.

    Raises:
        DataError: a row or column does not lie between its bounds, or the cells have gaps between them, or overlap.
    """
    rows, columns = bounds.load()
    _check_shape(bounds, (rows.shape, columns.shape), tuple((length, 2) for length in grid.shape))
    nodes = np.arange(len(grid)).reshape(grid.shape)
    latitudes, longitudes = grid.latitudes[nodes[:, 0]], grid.longitudes[nodes[0]]
    upwards, order = np.argsort(latitudes), eastwards(longitudes)
    heights = _edges(bounds, "latitude", latitudes[upwards], np.sort(rows, axis=1)[upwards])
    place = longitudes[order[0]] + np.concatenate([[0.0], np.cumsum(np.mod(np.diff(longitudes[order]), 360.0))])
    edges = _edges(bounds, "longitude", place, _around(place, columns[order]))
    if edges[-1] - edges[0] > 360.0 + SAME_EDGE:
        raise DataError(
            f"{bounds.called}: the cells of a row reach over {edges[-1] - edges[0]:g}° of longitude", fix=HOW_TO_GO_ON
        )
    edges[-1] = min(edges[-1], edges[0] + 360.0)
    heights = np.sin(np.radians(np.clip(heights, -90.0, 90.0)))
    return Cells(heights, [edges] * len(rows), list(nodes[np.ix_(upwards, order)]), len(grid))


def stated_polygons(grid: Grid, bounds: CellBounds) -> CellPolygons:
    """The cells as polygons whose sides are great circles, with the vertices in any sense of rotation.

    Cells of fewer vertices are padded by repeated or by missing ones.

    Raises:
        DataError: a cell has fewer than three vertices or no area, or its node is not inside.
    """
    latitudes, longitudes = bounds.vertices()
    if latitudes.shape != longitudes.shape or latitudes.ndim != 2 or len(latitudes) != len(grid):
        _check_shape(bounds, (latitudes.shape, longitudes.shape), ((len(grid), latitudes.shape[-1]),) * 2)
    is_there = np.isfinite(latitudes) & np.isfinite(longitudes)
    counts = is_there.sum(axis=1)
    _refuse(grid, bounds, counts < 3, "fewer than three vertices")
    _refuse(grid, bounds, np.abs(np.where(is_there, latitudes, 0)).max(axis=1) > 90 + SAME_EDGE, "a latitude above 90")
    order = np.argsort(~is_there, axis=1, kind="stable")
    rank = np.minimum(np.arange(counts.max()), counts[:, None] - 1)
    kept = np.take_along_axis(order, rank, axis=1)
    north, east = (np.take_along_axis(each, kept, axis=1) for each in (latitudes, longitudes))
    corners = anticlockwise(unit_vectors(np.clip(north, -90.0, 90.0), east))
    _refuse(grid, bounds, areas(corners) < NO_AREA, "no area")
    _refuse(grid, bounds, ~_surround(corners, unit_vectors(grid.latitudes, grid.longitudes)), "vertices not around it")
    return CellPolygons(corners, np.arange(len(grid)), len(grid))


def _check_shape(bounds: CellBounds, found: tuple[tuple[int, ...], ...], wanted: tuple[tuple[int, ...], ...]) -> None:
    """Raise a DataError if the bounds of latitude and longitude have other shapes."""
    if found != wanted:
        raise DataError(f"{bounds.called} have the shapes {found}, and the grid needs {wanted}", fix=HOW_TO_GO_ON)


def _around(places: Array, ends: Array) -> Array:
    """The lower and the upper end of each cell, turned by full circles so that the place lies between them.

    The ends 359 and 1 are those of a cell around 0, and 1 and 359 those of one around 180.
    """
    lower, upper = np.sort(ends, axis=1).T
    candidates = []
    for west, east in ((lower, upper), (upper - 360.0, lower)):
        turns = np.round((places - (west + east) / 2) / 360.0) * 360.0
        candidates.append(np.stack([west + turns, east + turns], axis=1))
    plain, crossing = candidates
    is_inside = (plain[:, 0] - SAME_EDGE <= places) & (places <= plain[:, 1] + SAME_EDGE)
    is_crossing = ~is_inside & (crossing[:, 1] - crossing[:, 0] < 180.0)
    return np.where(is_crossing[:, None], crossing, plain)


def _edges(bounds: CellBounds, axis: str, places: Array, ends: Array) -> Array:
    """The edges between cells in a row, which rise, and the outermost ones.

    Raises:
        DataError: a place is not in its cell, or the cells do not touch.
    """
    is_outside = ~((ends[:, 0] - SAME_EDGE <= places) & (places <= ends[:, 1] + SAME_EDGE))
    if is_outside.any():
        wrong = int(np.argmax(is_outside))
        raise DataError(
            f"{bounds.called}: the {axis} {places[wrong]:g} does not lie between its bounds {ends[wrong, 0]:g} and "
            f"{ends[wrong, 1]:g}",
            fix=HOW_TO_GO_ON,
        )
    apart = ends[1:, 0] - ends[:-1, 1]
    if np.abs(apart).max(initial=0.0) > SAME_EDGE or np.min(ends[:, 1] - ends[:, 0]) <= 0:
        wrong = int(np.argmax(np.abs(apart))) if len(apart) else 0
        both = " and ".join(f"{place:g}" for place in places[wrong : wrong + 2])
        raise DataError(
            f"{bounds.called}: the cells at the {axis}s {both} have a gap between them, overlap, or have no width",
            fix=HOW_TO_GO_ON,
        )
    return np.concatenate([ends[:1, 0], (ends[:-1, 1] + ends[1:, 0]) / 2, ends[-1:, 1]])


def _refuse(grid: Grid, bounds: CellBounds, is_wrong: Bools, what: str) -> None:
    """Raise a DataError if a cell is wrong."""
    if is_wrong.any():
        node, count = int(np.argmax(is_wrong)), np.count_nonzero(is_wrong)
        raise DataError(
            f"{bounds.called}: {count} of {len(grid)} cells have {what}, such as that of node {node} at "
            f"{grid.latitudes[node]:g}°N {grid.longitudes[node]:g}°E",
            fix=HOW_TO_GO_ON,
        )


def _surround(corners: Array, places: Array) -> Bools:
    """Whether each polygon winds once around its node, or around a place a little towards its middle."""
    middle = corners.mean(axis=1)
    nearer = places + BEYOND * (middle / np.linalg.norm(middle, axis=1, keepdims=True) - places)
    found = _winds_around(corners, places)
    rest = ~found
    found[rest] = _winds_around(corners[rest], nearer[rest] / np.linalg.norm(nearer[rest], axis=1, keepdims=True))
    return found


def _winds_around(corners: Array, places: Array) -> Bools:
    """Whether the angles under which a place sees the sides of its polygon add up to one turn."""
    towards = corners - np.sum(corners * places[:, None], axis=-1, keepdims=True) * places[:, None]
    after = np.roll(towards, -1, axis=1)
    across = np.sum(np.cross(towards, after) * places[:, None], axis=-1)
    turns = np.arctan2(across, np.sum(towards * after, axis=-1)).sum(axis=1)
    return np.asarray(np.abs(turns - 2 * np.pi) < 1e-3)
