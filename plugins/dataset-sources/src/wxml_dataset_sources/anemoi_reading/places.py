"""The grid of a store, which lists its nodes: a regular one where they stand in rows."""

__all__ = ["grid_of", "recorded_grid"]

from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, GridPart

from wxml_dataset_sources.xarray_reading.horizontal import make_grid

AREA_TOLERANCE = 1e-9  # the areas of all nodes sum to 1
ROW_TOLERANCE = 1e-6  # degrees: a row of a regular grid has one latitude


def grid_of(latitudes: NDArray[np.float64], longitudes: NDArray[np.float64], field_shape: Any) -> Grid:
    """The grid of nodes in the order of the store.

    Args:
        latitudes: degrees north, shape `[node]`.
        longitudes: degrees east, shape `[node]`.
        field_shape: the attribute of this name: two lengths for a plane, one or none for a list of nodes.

    Raises:
        DataError: a latitude or longitude is missing, or a meridian is there twice.
    """
    rows = _rows(latitudes)
    if rows is not None:
        north, east = latitudes.reshape(rows, -1), longitudes.reshape(rows, -1)
        if np.ptp(east, axis=0).max() < ROW_TOLERANCE:
            return make_grid(north[:, 0], east[0], "axes")
    plane = field_shape if isinstance(field_shape, list) and len(field_shape) == 2 else [1, 1]
    if min(plane) > 1 and int(np.prod(plane)) == len(latitudes):
        return make_grid(latitudes.reshape(plane), longitudes.reshape(plane), "plane")
    return make_grid(latitudes, longitudes, "cells")


def recorded_grid(
    latitudes: NDArray[np.float64], longitudes: NDArray[np.float64], areas: NDArray[np.float64], record: Any
) -> Grid | None:
    """The grid of a store that wxml built, with the areas of its source; None if the record is not one of a grid.

    Args:
        latitudes: degrees north, shape `[node]`.
        longitudes: degrees east, shape `[node]`.
        areas: the share of each node in the area of the grid, shape `[node]`.
        record: the attribute `grid`: `shape`, whether it `is_regular`, and the records of its `parts`, if it has some.

    Raises:
        DataError: a part is damaged.
    """
    if not isinstance(record, dict) or not isinstance(record.get("shape"), list):
        return None
    if areas.shape != latitudes.shape or not (areas >= 0).all() or abs(areas.sum() - 1) > AREA_TOLERANCE:
        return None
    shape = tuple(map(int, record["shape"]))
    parts = tuple(map(GridPart.of_record, record.get("parts", ())))
    return Grid(latitudes, longitudes, areas, shape, record.get("is_regular") is True, parts)


def _rows(latitudes: NDArray[np.float64]) -> int | None:
    """The number of rows if the nodes stand in rows of one latitude, all of one length; else None."""
    others = np.flatnonzero(np.abs(latitudes - latitudes[:1]) > ROW_TOLERANCE)
    length = int(others[0]) if len(others) else len(latitudes)
    if length < 2 or len(latitudes) % length or length == len(latitudes):
        return None
    is_row = np.ptp(latitudes.reshape(-1, length), axis=1).max() < ROW_TOLERANCE
    return len(latitudes) // length if is_row else None
