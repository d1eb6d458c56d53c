"""Where statistics were made, kept beside them: metrics are made again from it, without the forecasts."""

__all__ = ["read_space", "write_space"]

import json
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from wxml import Grid, GridPart, Variable, VerificationSpace
from wxml.errors import DataError
from wxml.files.json_loader import load_json

from wxml_verification.arrays import Array
from wxml_verification.statistics_file import StatisticsHeader

GROUP = "space"
PLACES = ("latitudes", "longitudes", "area_weights")


def write_space(path: Path, space: VerificationSpace) -> None:
    """Write the grid and the regions into the statistics at `path`."""
    group = zarr.open_group(str(path), mode="r+", zarr_format=2).create_group(GROUP)
    grid, weights = space.grid, np.stack(list(space.regions.values()))
    for name in PLACES:
        _put(group, name, getattr(grid, name))
    _put(group, "region_weights", weights)
    shape = [int(length) for length in grid.shape]
    about = {"shape": shape, "is_regular": grid.is_regular, "parts": [part.record() for part in grid.parts]}
    group.attrs["wxml_grid"] = json.dumps(about)


def read_space(path: Path, header: StatisticsHeader) -> VerificationSpace:
    """The space that `write_space` wrote, with the names, units and members of the header.

    Raises:
        DataError: there is none, or it cannot be read.
    """
    group = zarr.open_group(str(path), mode="r", zarr_format=2)
    try:
        own: Any = group[GROUP]
        about = load_json(str(own.attrs["wxml_grid"]))
        parts = tuple(GridPart.of_record(one) for one in about["parts"])
        latitudes, longitudes, areas = (_values(own, name) for name in PLACES)
        weights = _values(own, "region_weights")
        grid = Grid(latitudes, longitudes, areas, tuple(about["shape"]), bool(about["is_regular"]), parts)
        regions = dict(zip(header.regions, weights, strict=True))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"the statistics at `{path}` do not say where they were made", fix="verify it again") from error
    variables = tuple(Variable(name, units=units) for name, units in zip(header.variables, header.units, strict=True))
    return VerificationSpace(variables, grid, regions, header.members)


def _put(group: zarr.Group, name: str, values: Array) -> None:
    chunks = values.shape if values.ndim == 1 else (1, *values.shape[1:])
    group.create_array(name, shape=values.shape, chunks=chunks, dtype=np.float64)[...] = values


def _values(group: Any, name: str) -> Array:
    return np.asarray(group[name][...], np.float64)
