"""The same nodes in two orders: which node of one grid is at the place of each node of another."""

__all__ = ["node_order"]

import itertools

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


def node_order(wanted: Grid, found: Grid, within: float) -> Indices:
    """The node of `found` at the place of each node of `wanted`, shape `[node]`; -1 where there is none.

    Two nodes are at one place if neither their latitudes nor their longitudes differ by more than `within` degrees; 0°
    and 360° are the same, and at a pole all longitudes are. Each node of `found` is given once.

    Args:
        wanted: the grid whose order is asked for.
        found: the grid whose nodes are given; nodes of one grid lie more than twice `within` apart.
        within: in degrees.
    """
    columns = int(180 / within)  # cells of 2 · within degrees: the partner is in the same cell or in the next one
    own, others = (_cells(grid, columns) for grid in (wanted, found))
    keys = others[0] * columns + others[1]
    sorter = np.argsort(keys, kind="stable")
    order = np.full(len(wanted), -1, np.intp)
    for down, across in itertools.product((0, -1, 1), repeat=2):
        sought = (own[0] + down) * columns + (own[1] + across) % columns
        at = np.minimum(np.searchsorted(keys, sought, sorter=sorter), len(keys) - 1)
        candidates = sorter[at]
        is_found = (keys[candidates] == sought) & (_apart(wanted, found, candidates) <= within)
        order = np.where(is_found & (order < 0), candidates, order)
    return _with_poles(_each_once(order), wanted, found, within)


def _with_poles(order: Indices, wanted: Grid, found: Grid, within: float) -> Indices:
    """The order with the nodes at a pole that have no partner yet, one after the other."""
    free = np.ones(len(found), bool)
    free[order[order >= 0]] = False
    for side in (1, -1):
        here = np.flatnonzero((order < 0) & (90 - side * wanted.latitudes <= within))
        there = np.flatnonzero(free & (90 - side * found.latitudes <= within))
        count = min(len(here), len(there))
        order[here[:count]] = there[:count]
    return order


def _cells(grid: Grid, columns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The row and the column of the cell of each node, in a grid of `columns` cells around the globe."""
    size = 360.0 / columns
    rows, across = (np.floor(values / size).astype(np.int64) for values in (grid.latitudes + 90.0, grid.longitudes))
    return rows, across % columns


def _apart(wanted: Grid, found: Grid, candidates: Indices) -> Array:
    """The larger of the differences of latitude and of longitude of each node from its candidate, in degrees."""
    north = np.abs(wanted.latitudes - found.latitudes[candidates])
    east = np.abs(np.mod(wanted.longitudes - found.longitudes[candidates] + 180.0, 360.0) - 180.0)
    return np.asarray(np.maximum(north, east))


def _each_once(order: Indices) -> Indices:
    """The order with -1 where a node of `found` comes again."""
    _, first = np.unique(order, return_index=True)
    is_first = np.zeros(len(order), bool)
    is_first[first] = True
    return np.where(is_first, order, -1)
