"""Meshes of latitudes and longitudes: every n-th ones of a regular grid, or any around the globe."""

__all__ = ["Axes", "axes_nodes", "joined_axes", "regular_mesh"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, Mesh, NodeSet
from wxml.errors import DataError

from wxml_graph_builders.mesh import multi_scale_mesh, refuse_coarsest
from wxml_graph_builders.mesh_nodes import MeshNodes

Axis = NDArray[np.float64]
FEWEST_LINES = 3  # rows and columns of a level that joins nodes


class Axes(NamedTuple):
    """Latitudes and longitudes (degrees) of a regular mesh."""

    latitudes: Axis
    longitudes: Axis
    closed: bool
    """Whether the last longitude is a neighbour of the first."""


def regular_mesh(grid: Grid, stride: int, margin: float, coarsest: int) -> Mesh:
    """Every `stride`-th row and column of the grid, and more of them around it, joined as by `joined_axes`.

    Args:
        grid: a regular grid.
        stride: take every `stride`-th latitude and longitude.
        margin: how many mesh spacings (of rows and of columns) the mesh reaches beyond the grid, if the globe has room.
        coarsest: the coarsest level whose edges join nodes.
    """
    return joined_axes(_axes(grid, stride, margin), coarsest)


def joined_axes(axes: Axes, coarsest: int) -> Mesh:
    """The mesh of some latitudes and longitudes, each node joined to its eight neighbours: see `axes_nodes`.

    Args:
        axes: the rows and columns.
        coarsest: the coarsest level whose edges join nodes.
    """
    made = axes_nodes(axes)
    refuse_coarsest(coarsest, len(made.levels) - 1)
    return multi_scale_mesh(made.nodes, made.levels[coarsest:])


def axes_nodes(axes: Axes) -> MeshNodes:
    """The nodes of some latitudes and longitudes, row by row, and their levels.

    The finest level joins neighbours; each coarser one joins every second row and column of the level before, as long
    as that leaves three of both. Level 0 is the coarsest.
    """
    number, nodes = _numbered(axes)
    levels = 1
    while (min(number.shape) - 1) // 2**levels + 1 >= FEWEST_LINES:
        levels += 1
    steps = [2**level for level in range(levels)][::-1]
    return MeshNodes(nodes, tuple(_neighbours(number[::n, ::n], axes.closed) for n in steps))


def _axes(grid: Grid, stride: int, margin: float) -> Axes:
    """The rows and columns of `regular_mesh`; raise a DataError if the grid has none."""
    if not grid.is_regular or min(grid.shape) < 2:
        raise DataError(
            f"a regular mesh needs a regular grid of at least two latitudes and longitudes, got shape {grid.shape}",
            fix="write `mesh: icosahedral`",
        )
    latitudes = grid.latitudes.reshape(grid.shape)[:, 0]
    longitudes = np.unwrap(grid.longitudes.reshape(grid.shape)[0], period=360)
    rows = _extended(latitudes, stride, margin)
    columns = _extended(longitudes, stride, margin)
    spacing = float(abs(longitudes[-1] - longitudes[0])) / (len(longitudes) - 1) * stride
    closed = bool(abs(columns[-1] - columns[0]) >= 360 - spacing / 2)
    return Axes(rows[np.abs(rows) <= 90 + 1e-9], longitudes[::stride] if closed else columns, closed)


def _extended(axis: Axis, stride: int, margin: float) -> Axis:
    """Take every `stride`-th value, and continue at both ends until `margin` strides beyond the axis are reached."""
    taken, step = axis[::stride], (axis[-1] - axis[0]) / (len(axis) - 1) * stride
    before = int(np.ceil(margin))
    after = int(np.ceil((axis[-1] - taken[-1]) / step + margin))
    return np.concatenate(
        [taken[0] - step * np.arange(before, 0, -1), taken, taken[-1] + step * np.arange(1, after + 1)]
    )


def _numbered(axes: Axes) -> tuple[NDArray[np.int64], NodeSet]:
    """The node number at every row and column, `[row, column]`, and the nodes; a row on a pole is one node."""
    rows, columns = len(axes.latitudes), len(axes.longitudes)
    place = np.arange(rows * columns).reshape(rows, columns)
    on_pole = np.abs(axes.latitudes) > 90 - 1e-9
    place[on_pole] = place[on_pole, :1]
    kept, number = np.unique(place, return_inverse=True)
    longitudes = np.mod(axes.longitudes, 360.0)
    nodes = NodeSet(axes.latitudes[kept // columns], longitudes[kept % columns])
    return number.reshape(rows, columns).astype(np.int64), nodes


def _neighbours(number: NDArray[np.int64], closed: bool) -> NDArray[np.int64]:
    """Pairs of neighbouring nodes along rows, columns and both diagonals, in both directions; shape `[edge, 2]`."""
    if closed:
        number = np.concatenate([number, number[:, :1]], axis=1)
    sides = [
        (number[:, :-1], number[:, 1:]),
        (number[:-1], number[1:]),
        (number[:-1, :-1], number[1:, 1:]),
        (number[:-1, 1:], number[1:, :-1]),
    ]
    pairs = np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in sides])
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]  # along a pole
    return np.concatenate([pairs, pairs[:, ::-1]])
