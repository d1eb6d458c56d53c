"""The horizontal grid of some variables of a file, and their dimensions along it."""

__all__ = ["Nodes", "node_of", "place_nodes"]

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from wxml_dataset_sources.xarray_reading.areas import StatedAreas
from wxml_dataset_sources.xarray_reading.bounds import StatedBounds
from wxml_dataset_sources.xarray_reading.horizontal import Arrangement
from wxml_dataset_sources.xarray_reading.place import Place
from wxml_dataset_sources.xarray_reading.repeated_meridian import Placed, find_grid


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """The horizontal grid of some variables."""

    placed: Placed
    dims: tuple[str, ...]
    """Their horizontal dimensions; none for a single node."""


def node_of(place: Place | None, grids: dict[Hashable, Placed]) -> Nodes | None:
    """The grid of the only node, from `grids` if it is there, else made and added; None without a place."""
    if place is None:
        return None
    return place_nodes(xr.Variable((), place.latitude), xr.Variable((), place.longitude), grids)


def place_nodes(
    latitude: xr.Variable,
    longitude: xr.Variable,
    grids: dict[Hashable, Placed],
    bounds: StatedBounds | None = None,
    areas: StatedAreas | None = None,
) -> Nodes:
    """The grid of these coordinates, from `grids` if it is there, else made and added; and its dimensions.

    Args:
        latitude: in degrees.
        longitude: in degrees; along the same dimensions if either has two.
        grids: the grids that are known, by their coordinates.
        bounds: what the file states of the cells of this grid.
        areas: the areas of these cells that the file states.

    Raises:
        DataError: a place is missing, or a meridian is there twice.
    """
    shared = set(latitude.dims) == set(longitude.dims)
    if latitude.ndim > 1:
        longitude = longitude.transpose(*latitude.dims)
    arrangement: Arrangement = "plane" if latitude.ndim > 1 else "cells" if shared and latitude.ndim else "axes"
    north, east = (np.atleast_1d(np.asarray(axis.values, np.float64)) for axis in (latitude, longitude))
    dims = tuple(dict.fromkeys(str(dim) for dim in (*latitude.dims, *longitude.dims)))
    key = (arrangement, bounds is None, areas is None, *((axis.shape, axis.tobytes()) for axis in (north, east)))
    if key not in grids:
        cells = None if bounds is None else bounds.cells(latitude.dims, arrangement)
        grids[key] = find_grid(north, east, arrangement, cells, None if areas is None else areas.weights(dims))
    return Nodes(grids[key], dims)
