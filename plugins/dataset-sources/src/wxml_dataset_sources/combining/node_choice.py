"""Which nodes of a source are kept, and the grid that they make."""

__all__ = ["Area", "chosen_nodes", "grid_of"]

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Grid, Options
from wxml.data.box import LatLonBox
from wxml.data.cell_bounds import CellBounds
from wxml.errors import DataError

from wxml_dataset_sources.combining.thinning import Thinning, thinned

Indices = NDArray[np.intp]


class Area(Options):
    """A box of latitudes and longitudes, its edges included; from `west` eastwards to `east`."""

    north: Annotated[float, Field(ge=-90, le=90, description="degrees north")] = 90.0
    south: Annotated[float, Field(ge=-90, le=90, description="degrees north")] = -90.0
    west: Annotated[float, Field(ge=-360, le=360, description="degrees east")] = -180.0
    east: Annotated[float, Field(ge=-360, le=360, description="degrees east")] = 180.0


def chosen_nodes(
    grid: Grid, area: Area | None, thinning: Thinning | None, is_kept: Sequence[NDArray[np.bool_]] = ()
) -> Indices | None:
    """The nodes of `grid` in the area that all of `is_kept` keep, and of these what the thinning does; None: all.

    Raises:
        DataError: no node is left, or the thinning is not one way.
    """
    if area is None and thinning is None and not is_kept:
        return None
    nodes = np.arange(len(grid)) if area is None else _inside(grid, area)
    for each in is_kept:
        nodes = nodes[each[nodes]]
    if not len(nodes):
        raise DataError("no node is left by `mask`, `trim_edge` and `area`", fix="choose a larger area, or another one")
    return nodes if thinning is None else nodes[thinned(grid_of(grid, nodes), thinning)]


def _inside(grid: Grid, area: Area) -> Indices:
    """The nodes of `grid` in the box, in its order; the columns of a regular grid run on across Greenwich.

    Raises:
        DataError: no node is in the box.
    """
    box = LatLonBox(area.north, area.south, area.west, area.east)
    nodes = np.flatnonzero(box.holds(grid.latitudes, grid.longitudes))
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


def grid_of(grid: Grid, nodes: Indices, keeps_bounds: bool = False) -> Grid:
    """The grid of some nodes of another one; it has rows and columns if they are such of that grid.

    Each has the share in the area that it had, of the area that is left; the cells of a regular grid are made anew.

    Args:
        grid: the other grid.
        nodes: its nodes.
        keeps_bounds: whether the cells stay those that the grid states; those of thinned nodes would leave gaps.
    """
    bounds = grid.bounds if keeps_bounds else None
    latitudes, longitudes, areas = grid.latitudes[nodes], grid.longitudes[nodes], grid.area_weights[nodes]
    shape = _rows_and_columns(grid, nodes)
    if shape is None:
        found = Grid.unstructured(latitudes, longitudes, areas)
    elif grid.is_regular:
        found = Grid.regular(latitudes[:: shape[1]], longitudes[: shape[1]])
    else:
        found = Grid(latitudes, longitudes, areas / areas.sum(), shape)
    return found if bounds is None else replace(found, bounds=_of_some(bounds, grid, found, nodes))


def _of_some(bounds: CellBounds, grid: Grid, found: Grid, nodes: Indices) -> CellBounds:
    """The bounds of the nodes of `grid` that `found` has."""
    if bounds.along_axes and found.is_regular:
        columns = found.shape[1]
        return bounds.of_axes(nodes[::columns] // grid.shape[1], nodes[:columns] % grid.shape[1])
    return bounds.of_nodes(nodes)


def _rows_and_columns(grid: Grid, nodes: Indices) -> tuple[int, int] | None:
    """The numbers of rows and columns that the nodes are of a grid that has such; None if they are none."""
    if len(grid.shape) != 2:
        return None
    rows, columns = nodes // grid.shape[1], nodes % grid.shape[1]
    count = int(np.flatnonzero(np.diff(rows, append=-1))[0]) + 1
    if len(nodes) % count:
        return None
    expected = rows[::count, None] * grid.shape[1] + columns[None, :count]
    return (len(nodes) // count, count) if np.array_equal(nodes.reshape(-1, count), expected) else None
