"""Where the values of an output lie: in a box, or on one of several grids."""

__all__ = ["Region", "region_of"]

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wxml.config.output_schema import Box, RegionConfig
from wxml.data.fields import Fields
from wxml.data.grid import Grid
from wxml.data.sphere import wrapped
from wxml.errors import ConfigError, Fault, nearest
from wxml.forecasting.layout import SPREAD, ForecastHeader

FULL_CIRCLE = 360.0
Nodes = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """Some nodes of a forecast, and the variables that they have."""

    grid: Grid
    """The nodes that are written."""
    nodes: Nodes
    """Their numbers in the whole grid."""
    lacks: tuple[str, ...] = ()
    """The variables that are not given there."""

    def header(self, whole: ForecastHeader) -> ForecastHeader:
        """The header of what is written."""
        boundary = None if whole.boundary is None else whole.boundary[self.nodes]
        variables = tuple(one for one in whole.variables if one.name.removesuffix(SPREAD) not in self.lacks)
        return replace(whole, grid=self.grid, variables=variables, boundary=boundary)

    def fields(self, whole: Fields) -> Fields:
        """The values of a step there, of all variables."""
        return replace(whole, values=np.take(whole.values, self.nodes, axis=-1))


def region_of(chosen: RegionConfig, grid: Grid, where: str) -> Region:
    """Find the nodes of a region.

    Args:
        chosen: the region.
        grid: the nodes of the whole forecast.
        where: the place of the region in the config.

    Raises:
        ConfigError: no grid has that name, or no node lies in the box.
    """
    if chosen.part is not None:
        return _part(chosen.part, grid, where)
    return _box(chosen.box or Box(), grid, where)


def _part(name: str, grid: Grid, where: str) -> Region:
    parts = {part.name: part for part in grid.parts}
    if name not in parts:
        fix = nearest(name, list(parts)) if parts else "leave `region` out: the model has one grid"
        raise ConfigError([Fault(f"{where}.part", f"there is no grid {name!r}")], fix=fix)
    return Region(grid.part(name), np.arange(len(grid))[grid.ranges[name]], parts[name].lacks)


def _box(box: Box, grid: Grid, where: str) -> Region:
    """The nodes in a box, edges included; of a regular grid its rows, and its columns from west to east."""
    width = box.east - box.west if box.east - box.west == FULL_CIRCLE else (box.east - box.west) % FULL_CIRCLE
    eastward = wrapped(grid.longitudes - box.west)
    is_inside = (grid.latitudes >= box.south) & (grid.latitudes <= box.north) & (eastward <= width)
    if not is_inside.any():
        raise ConfigError([Fault(f"{where}.box", "no node of the forecast lies in the box")], fix="widen the box")
    nodes = np.flatnonzero(is_inside)
    if not grid.is_regular or grid.parts:
        return Region(_some(grid, nodes, (len(nodes),)), nodes)
    rows, columns = (np.flatnonzero(is_inside.reshape(grid.shape).any(axis=axis)) for axis in (1, 0))
    columns = columns[np.argsort(eastward[columns], kind="stable")] if width < FULL_CIRCLE else columns
    nodes = (rows[:, None] * grid.shape[1] + columns).ravel()
    return Region(_some(grid, nodes, (len(rows), len(columns)), is_regular=True), nodes)


def _some(grid: Grid, nodes: Nodes, shape: tuple[int, ...], *, is_regular: bool = False) -> Grid:
    """Some nodes of a grid; each stands for the same area as before, as a share of theirs."""
    weights = grid.area_weights[nodes]
    return Grid(grid.latitudes[nodes], grid.longitudes[nodes], weights / weights.sum(), shape, is_regular)
