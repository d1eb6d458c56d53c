"""Where the values of an output lie: in a box, on one of several grids, or at stations."""

__all__ = ["Region", "region_of"]

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wxml.config.output_schema import Box, Points, RegionConfig
from wxml.data.box import FULL_CIRCLE, LatLonBox
from wxml.data.fields import Fields
from wxml.data.grid import Grid
from wxml.errors import ConfigError, Fault, nearest
from wxml.forecasting.layout import SPREAD, ForecastHeader
from wxml.forecasting.stations import nearest_weights, read_stations, rectangle_weights

Nodes = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Some nodes of a forecast, and the variables that they have."""

    grid: Grid
    """The nodes that are written."""
    nodes: Nodes
    """Their numbers in the whole grid, or, with weights, of those that each one reads, `[node, read]`."""
    lacks: tuple[str, ...] = ()
    """The variables that are not given there."""
    weights: NDArray[np.float64] | None = None
    """The weights of the nodes that are read; None: each node is one of the whole grid."""
    stations: tuple[str, ...] = ()
    """The names of the nodes, where these are stations."""

    def header(self, whole: ForecastHeader) -> ForecastHeader:
        """The header of what is written."""
        at_points = self.weights is not None
        boundary = None if whole.boundary is None or at_points else whole.boundary[self.nodes]
        variables = tuple(one for one in whole.variables if one.name.removesuffix(SPREAD) not in self.lacks)
        return replace(
            whole, grid=self.grid, variables=variables, boundary=boundary, stations=self.stations or whole.stations
        )

    def fields(self, whole: Fields) -> Fields:
        """The values of a step there, of all variables."""
        values = np.take(whole.values, self.nodes, axis=-1)
        if self.weights is not None:  # a node of no weight does not make a value missing
            values = np.where(self.weights > 0, values * self.weights, 0.0).sum(axis=-1).astype(np.float32)
        return replace(whole, values=values)


def region_of(chosen: RegionConfig, grid: Grid, where: str) -> Region:
    """Find the nodes of a region.

    Args:
        chosen: the region.
        grid: the nodes of the whole forecast.
        where: the place of the region in the config.

    Raises:
        ConfigError: no grid has that name, or no node lies in the box.
        DataError: the stations cannot be read, or lie outside.
    """
    if chosen.points is not None:
        return _points(chosen.points, grid, f"{where}.points")
    if chosen.part is not None:
        return _part(chosen.part, grid, where)
    return _box(chosen.box or Box(), grid, where)


def _points(chosen: Points, grid: Grid, where: str) -> Region:
    stations = read_stations(Path(chosen.file).expanduser())
    weigh = nearest_weights if chosen.method == "nearest" else rectangle_weights
    nodes, weights = weigh(grid, stations, where)
    places = Grid.unstructured(stations.latitudes, stations.longitudes)
    return Region(places, nodes, weights=weights, stations=stations.names)


def _part(name: str, grid: Grid, where: str) -> Region:
    parts = {part.name: part for part in grid.parts}
    if name not in parts:
        fix = nearest(name, list(parts)) if parts else "leave `region` out: the model has one grid"
        raise ConfigError([Fault(f"{where}.part", f"there is no grid {name!r}")], fix=fix)
    return Region(grid.part(name), np.arange(len(grid))[grid.ranges[name]], parts[name].lacks)


def _box(box: Box, grid: Grid, where: str) -> Region:
    """The nodes in a box, edges included; of a regular grid its rows, and its columns from west to east."""
    edges = LatLonBox(box.north, box.south, box.west, box.east)
    is_inside, eastward = edges.holds(grid.latitudes, grid.longitudes), edges.eastward(grid.longitudes)
    if not is_inside.any():
        raise ConfigError([Fault(f"{where}.box", "no node of the forecast lies in the box")], fix="widen the box")
    nodes = np.flatnonzero(is_inside)
    if not grid.is_regular or grid.parts:
        return Region(_some(grid, nodes, (len(nodes),)), nodes)
    rows, columns = (np.flatnonzero(is_inside.reshape(grid.shape).any(axis=axis)) for axis in (1, 0))
    columns = columns[np.argsort(eastward[columns], kind="stable")] if edges.width < FULL_CIRCLE else columns
    nodes = (rows[:, None] * grid.shape[1] + columns).ravel()
    return Region(_some(grid, nodes, (len(rows), len(columns)), is_regular=True), nodes)


def _some(grid: Grid, nodes: Nodes, shape: tuple[int, ...], *, is_regular: bool = False) -> Grid:
    """Some nodes of a grid; each stands for the same area as before, as a share of theirs."""
    weights = grid.area_weights[nodes]
    return Grid(grid.latitudes[nodes], grid.longitudes[nodes], weights / weights.sum(), shape, is_regular)
