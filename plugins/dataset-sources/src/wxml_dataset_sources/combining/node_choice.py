"""Which nodes of a source are kept, and the grid that they make."""

__all__ = ["Area", "chosen_nodes", "grid_of"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Grid, Options
from wxml.errors import DataError

from wxml_dataset_sources.combining.fitting import SAME_PLACE
from wxml_dataset_sources.combining.thinning import Thinning, thinned

Indices = NDArray[np.intp]


class Area(Options):
    """A box of latitudes and longitudes, its edges included; from `west` eastwards to `east`."""

    north: Annotated[float, Field(ge=-90, le=90, description="degrees north")] = 90.0
    south: Annotated[float, Field(ge=-90, le=90, description="degrees north")] = -90.0
    west: Annotated[float, Field(ge=-360, le=360, description="degrees east")] = -180.0
    east: Annotated[float, Field(ge=-360, le=360, description="degrees east")] = 180.0


def chosen_nodes(grid: Grid, area: Area | None, thinning: Thinning | None) -> Indices | None:
    """The nodes of `grid` that are in the area, and of these the ones that the thinning keeps; None: all.

    Raises:
        DataError: no node is in the area, or the thinning is not one way.
    """
    if area is None:
        return None if thinning is None else thinned(grid, thinning)
    nodes = _inside(grid, area)
    return nodes if thinning is None else nodes[thinned(grid_of(grid, nodes), thinning)]


def _inside(grid: Grid, area: Area) -> Indices:
    """The nodes of `grid` in the box, in its order; the columns of a regular grid run on across Greenwich.

    Raises:
        DataError: no node is in the box.
    """
    width = 360.0 if area.east - area.west >= 360 else (area.east - area.west) % 360.0
    eastwards = np.mod(grid.longitudes - area.west + SAME_PLACE, 360.0) - SAME_PLACE
    is_inside = (eastwards <= width + SAME_PLACE) & (grid.latitudes <= area.north + SAME_PLACE)
    nodes = np.flatnonzero(is_inside & (grid.latitudes >= area.south - SAME_PLACE))
    if not len(nodes):
        raise DataError(
            f"no node is in the `area` from {area.south:g} to {area.north:g}°N and {area.west:g} to {area.east:g}°E; "
            f"the grid has latitudes {grid.latitudes.min():g} to {grid.latitudes.max():g} and longitudes "
            f"{grid.longitudes.min():g} to {grid.longitudes.max():g}",
            fix="choose a larger area, or another one",
        )
    return _unbroken(nodes, grid) if grid.is_regular else nodes


def _unbroken(nodes: Indices, grid: Grid) -> Indices:
    """The same nodes of a regular grid, with the columns after a break in front."""
    columns = np.unique(nodes % grid.shape[1])
    breaks = np.flatnonzero(np.diff(columns) > 1)
    if len(breaks):
        columns = np.roll(columns, -int(breaks[0]) - 1)
    rows = np.unique(nodes // grid.shape[1])
    return (rows[:, None] * grid.shape[1] + columns).ravel()


def grid_of(grid: Grid, nodes: Indices) -> Grid:
    """The grid of some nodes of another one; regular if they are rows and columns of a regular grid.

    Each has the share in the area that it had, of the area that is left; the cells of a regular grid are made anew.
    """
    latitudes, longitudes = grid.latitudes[nodes], grid.longitudes[nodes]
    if grid.is_regular:
        rows, columns = nodes // grid.shape[1], nodes % grid.shape[1]
        count = int(np.flatnonzero(np.diff(rows, append=-1))[0]) + 1
        if len(nodes) % count == 0:
            table = nodes.reshape(-1, count)
            if np.array_equal(table, rows[::count, None] * grid.shape[1] + columns[None, :count]):
                return Grid.regular(latitudes[::count], longitudes[:count])
    return Grid.unstructured(latitudes, longitudes, grid.area_weights[nodes])
