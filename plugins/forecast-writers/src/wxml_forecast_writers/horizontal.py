"""Where the nodes of a grid are in a file: latitude by longitude, y by x, or one row of cells."""

__all__ = ["Coordinate", "Horizontal"]

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from wxml.data.grid import Grid

LATITUDE = {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north"}
LONGITUDE = {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"}
AREA_WEIGHT = {"long_name": "share of the area of the grid", "units": "1"}

Axis = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Coordinate:
    """An array of a file that is known before the first step."""

    name: str
    dimensions: tuple[str, ...]
    values: NDArray[Any]
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Horizontal:
    """The horizontal part of the layout; the nodes keep the order that the grid has, row by row."""

    dimensions: dict[str, int]
    """Name and size, slowest first."""
    coordinates: tuple[Coordinate, ...]
    """Latitude, longitude, and `area_weight`, which sums to 1."""

    @classmethod
    def of(cls, grid: Grid) -> Self:
        """The layout of a grid: regular where CF allows it, else with the place of every node."""
        axes = _axes(grid) if grid.is_regular else None
        if axes is not None:
            return cls._regular(grid, *axes)
        names = ("y", "x") if len(grid.shape) == 2 else ("cell",)
        shape = grid.shape if len(grid.shape) == 2 else (len(grid),)
        places = (
            Coordinate("latitude", names, grid.latitudes.reshape(shape), LATITUDE),
            Coordinate("longitude", names, grid.longitudes.reshape(shape), LONGITUDE),
        )
        return cls._with_weights(grid, dict(zip(names, shape, strict=True)), places)

    @classmethod
    def _regular(cls, grid: Grid, latitudes: Axis, longitudes: Axis) -> Self:
        axes = (
            Coordinate("latitude", ("latitude",), latitudes, {**LATITUDE, "axis": "Y"}),
            Coordinate("longitude", ("longitude",), longitudes, {**LONGITUDE, "axis": "X"}),
        )
        return cls._with_weights(grid, {"latitude": len(latitudes), "longitude": len(longitudes)}, axes)

    @classmethod
    def _with_weights(cls, grid: Grid, dimensions: dict[str, int], places: tuple[Coordinate, ...]) -> Self:
        values = grid.area_weights.reshape(tuple(dimensions.values()))
        return cls(dimensions, (*places, Coordinate("area_weight", tuple(dimensions), values, AREA_WEIGHT)))


def _axes(grid: Grid) -> tuple[Axis, Axis] | None:
    """The latitudes `[latitude]` and longitudes `[longitude]`, or None where they jump back and forth.

    A coordinate of CF must rise or fall throughout. A grid counts longitudes from 0 to 360, so those of one that
    crosses Greenwich are written as -10, -5, 0, 5 instead of 350, 355, 0, 5.
    """
    latitudes, longitudes = grid.latitudes.reshape(grid.shape)[:, 0], grid.longitudes.reshape(grid.shape)[0]
    if not _is_monotonic(longitudes):
        longitudes = np.unwrap(longitudes, period=360.0)
        longitudes = longitudes - 360.0 * (longitudes.max() > 360.0)
    return (latitudes, longitudes) if _is_monotonic(latitudes) and _is_monotonic(longitudes) else None


def _is_monotonic(values: Axis) -> bool:
    steps = np.diff(values)
    return bool(np.all(steps > 0) or np.all(steps < 0))
