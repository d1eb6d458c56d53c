"""Grids from the latitudes and longitudes of a file, and the order of nodes that differs between files."""

__all__ = ["Arrangement", "make_grid", "node_order"]

import logging
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.cell_bounds import CellBounds
from wxml.data.node_order import node_order as same_nodes
from wxml.errors import DataError

from wxml_dataset_sources.combining.polygons import areas as areas_of
from wxml_dataset_sources.combining.stated_cells import stated_polygons

logger = logging.getLogger("wxml")

Array = NDArray[np.float64]
Arrangement = Literal["axes", "plane", "cells"]

SAME_PLACE = 1e-3  # degrees: files round their coordinates, neighbours are farther apart


def make_grid(
    latitudes: Array,
    longitudes: Array,
    arrangement: Arrangement,
    bounds: CellBounds | None = None,
    areas: Array | None = None,
) -> Grid:
    """The grid of the given coordinates, in degrees.

    Args:
        latitudes: the latitudes.
        longitudes: the longitudes; those of an axis may pass 0° or 180° on the way.
        arrangement: `axes` for the axes of a regular grid, shape `[latitude]` and `[longitude]`; `plane` for
            two-dimensional coordinates, both `[y, x]`; `cells` for a list of nodes, both `[node]`, which is a reduced
            Gaussian grid if the nodes form one, else an unstructured grid. Its nodes have the areas of a regular grid
            if they are all pairs of some latitudes and longitudes, else those of their cells in `bounds`; without these
            they count the same, which is warned of.
        bounds: where the cells end, if it is known.
        areas: the areas of the cells in any unit, if they are stated, `[latitude, longitude]`, `[y, x]` or `[node]`.

    Raises:
        DataError: a latitude or longitude is missing.
    """
    missing = int(np.sum(~np.isfinite(latitudes)) + np.sum(~np.isfinite(longitudes)))
    if missing:
        raise DataError(
            f"{missing} values of latitude and longitude are missing", fix="write the place of every node into the file"
        )
    if arrangement == "axes":
        grid = Grid.regular(latitudes, longitudes)
    elif arrangement == "plane":
        grid = Grid.curvilinear(latitudes, longitudes)
    else:
        grid = _cells(latitudes, longitudes, bounds, areas)
    weights = grid.area_weights if areas is None else (areas / areas.sum()).ravel()
    return replace(grid, bounds=bounds, area_weights=weights)


def _cells(latitudes: Array, longitudes: Array, bounds: CellBounds | None, areas: Array | None) -> Grid:
    """The grid of a list of nodes, with the areas of the kind of grid that they form, if they form one."""
    unstructured = Grid.unstructured(latitudes, longitudes)
    starts = np.flatnonzero(np.diff(latitudes, prepend=np.inf))
    counts = np.diff(starts, append=len(latitudes))
    if len(counts) >= 4 and counts.min() >= 4 and np.all(np.diff(latitudes) <= 0):
        gaussian = Grid.reduced_gaussian(counts.tolist())
        if _same_places(gaussian, unstructured):
            return gaussian
    areas = _product_areas(latitudes, longitudes) if areas is None else areas
    if areas is None and bounds is not None and not _is_healpix(unstructured):
        areas = _stated_areas(unstructured, bounds)
    if areas is not None:
        return Grid.unstructured(latitudes, longitudes, areas)
    if not _is_healpix(unstructured):
        logger.warning(
            "the %d nodes form no grid that wxml knows, so all of them count the same in statistics, loss and scores",
            len(unstructured),
        )
    return unstructured


def _stated_areas(grid: Grid, bounds: CellBounds) -> Array | None:
    """The area of each node's cell; None, with a warning, if the bounds are no cells."""
    try:
        return areas_of(stated_polygons(grid, bounds).corners)
    except DataError as error:
        logger.warning("%s: the areas of cells are not taken from there", error.message)
        return None


def _product_areas(latitudes: Array, longitudes: Array) -> Array | None:
    """The area of each node if the nodes are all pairs of some latitudes and longitudes, in any order; else None."""
    rows, row = np.unique(np.round(latitudes, 6), return_inverse=True)
    columns, column = np.unique(np.round(np.mod(longitudes, 360.0), 6) % 360.0, return_inverse=True)
    if len(rows) * len(columns) != len(latitudes) or len(np.unique(row * len(columns) + column)) < len(latitudes):
        return None
    first = int(np.argmax(np.diff(columns, prepend=columns[-1] - 360.0)))  # an area begins after the widest gap
    regular = Grid.regular(rows, np.roll(columns, -first))
    areas: Array = regular.area_weights.reshape(regular.shape)[row, (column - first) % len(columns)]
    return areas


def _is_healpix(grid: Grid) -> bool:
    """Whether the nodes are the centres of HEALPix cells in ring order, which have equal areas."""
    nside = round(np.sqrt(len(grid) / 12))
    return 12 * nside**2 == len(grid) and _same_places(Grid.healpix(nside), grid)


def node_order(wanted: Grid, found: Grid) -> NDArray[np.intp] | None:
    """The position in `found` of each node of `wanted`; None if the order is the same.

    The latitudes and longitudes of a regular grid may run in any direction and start anywhere, and lists of nodes may
    have any order.

    Raises:
        DataError: the grids have different nodes.
    """
    if _same_places(wanted, found):
        return None
    if len(wanted) == len(found):
        order = same_nodes(wanted, found, SAME_PLACE)
        if np.all(order >= 0):
            return order
    described = []
    for grid in (wanted, found):
        first, last = (f"{grid.latitudes[i]:g}°N {grid.longitudes[i]:g}°E" for i in (0, -1))
        described.append(f"{' × '.join(str(length) for length in grid.shape)} nodes from {first} to {last}")
    raise DataError(
        f"one grid is wanted, got {' and '.join(described)}",
        fix="read what shares a grid: choose with `path` or `variables`, or bring the files onto one grid first",
    )


def _same_places(first: Grid, second: Grid) -> bool:
    """Whether both grids have the same nodes in the same order, within `SAME_PLACE`."""
    if first.shape != second.shape:
        return False
    apart = np.abs(_wrapped(first.longitudes - second.longitudes)) * np.cos(np.radians(first.latitudes))
    return bool(np.all(np.abs(first.latitudes - second.latitudes) < SAME_PLACE) and np.all(apart < SAME_PLACE))


def _wrapped(difference: Array) -> Array:
    return np.asarray(np.mod(difference + 180.0, 360.0) - 180.0)
