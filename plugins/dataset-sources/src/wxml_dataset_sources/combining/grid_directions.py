"""Winds along the rows and columns of a projected grid, and towards east and north."""

__all__ = ["Directions", "along_columns", "along_rows", "directions", "eastward", "northward"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError

Array = NDArray[np.float64]


class Directions(NamedTuple):
    """The angle α from east to the direction in which the rows run, counted towards north, at each node."""

    cosine: Array
    sine: Array


def directions(grid: Grid) -> Directions:
    """The directions of the rows of a projected or rotated grid, by central differences between its nodes.

    Raises:
        DataError: the grid has no rows and columns, or these are meridians and parallels.
    """
    if len(grid.shape) != 2 or grid.is_regular:
        raise DataError(
            f"winds are turned on a projected grid of rows and columns, and this one has shape {grid.shape}"
            + (" along meridians and parallels" if grid.is_regular else ""),
            fix="take the winds as they are, or a source on a projected grid",
        )
    points = unit_vectors(grid.latitudes, grid.longitudes).reshape(*grid.shape, 3)
    along = np.asarray(np.gradient(points, axis=1)).reshape(-1, 3)
    lat, lon = np.radians(grid.latitudes), np.radians(grid.longitudes)
    east = np.stack([-np.sin(lon), np.cos(lon), 0 * lon], axis=-1)
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], axis=-1)
    components = np.sum(along * east, axis=-1), np.sum(along * north, axis=-1)
    length = np.hypot(*components)
    return Directions(components[0] / length, components[1] / length)


def eastward(of: Directions, u: Array, v: Array) -> Array:
    """U cos α − v sin α, of the wind along the rows (u) and 90° to the left of these (v)."""
    return u * of.cosine - v * of.sine


def northward(of: Directions, u: Array, v: Array) -> Array:
    """U sin α + v cos α."""
    return u * of.sine + v * of.cosine


def along_rows(of: Directions, east: Array, north: Array) -> Array:
    """The inverse: east cos α + north sin α."""
    return east * of.cosine + north * of.sine


def along_columns(of: Directions, east: Array, north: Array) -> Array:
    """The inverse: −east sin α + north cos α."""
    return north * of.cosine - east * of.sine
