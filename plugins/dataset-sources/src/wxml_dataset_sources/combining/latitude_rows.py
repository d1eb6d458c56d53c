"""Grids whose nodes lie in rows around the globe, each of one latitude, such as reduced Gaussian grids and HEALPix."""

__all__ = ["Rows", "on_rows", "rows_of"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import unit_vectors

from wxml_dataset_sources.combining.fitting import SAME_PLACE
from wxml_dataset_sources.combining.triangles import on_triangles

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
EVEN = 2e-3
"""Degrees by which the longitudes of a row may be uneven: files round them."""
FEW = 128
"""A row of fewer nodes bends too much between two of them: the way along it is h² / (8 tan θ) off the straight one, h
being their distance and θ that of the pole."""
SEAM = 4
"""Rows next to a cap of few nodes that make triangles with it."""
TINY = 1e-6
"""Shares of nodes that are this close to 0 or 1 come from rounding."""


class Rows(NamedTuple):
    """Rows from south to north; the nodes of each go eastwards, evenly around the globe."""

    latitudes: Array
    """Shape `[row]`."""
    nodes: Indices
    """The nodes of the grid, row after row."""
    first: Indices
    """Where in `nodes` each row begins, shape `[row]`."""
    counts: Indices
    """The number of nodes in each row, shape `[row]`."""
    west: Array
    """The longitude of the first node of each row, shape `[row]`."""


def rows_of(grid: Grid) -> Rows | None:
    """The rows of a grid; None if it does not consist of even rows around the globe."""
    upwards = np.argsort(grid.latitudes, kind="stable")
    first = np.flatnonzero(np.diff(grid.latitudes[upwards], prepend=-np.inf) > SAME_PLACE)
    row = np.repeat(np.arange(len(first)), np.diff(first, append=len(grid)))
    longitudes = _from_zero(grid.longitudes)
    nodes = upwards[np.lexsort((longitudes[upwards], row))]
    counts = np.bincount(row)
    rank = np.arange(len(grid)) - first[row]
    even = longitudes[nodes[first]][row] + rank * 360.0 / counts[row]
    if len(first) < 2 or counts.min() < 3 or np.abs(longitudes[nodes] - even).max() > EVEN:
        return None
    return Rows(grid.latitudes[nodes[first]], nodes, first, counts, longitudes[nodes[first]])


def on_rows(source: Grid, target: Grid) -> tuple[Indices, Array, NDArray[np.bool_]]:
    """The two nodes beside each node in the row south of it, and those in the row north of it.

    Around the poles, and for a grid that is not made of rows, the nodes of triangles; see `on_triangles`.

    Returns:
        The nodes and their shares, shape `[target node, 4]`, and whether each node is outside of the source.
    """
    places, wanted = (unit_vectors(grid.latitudes, grid.longitudes) for grid in (source, target))
    rows = rows_of(source)
    if rows is None or np.count_nonzero(rows.counts >= FEW) < 2:
        return on_triangles(places, wanted)
    nodes, shares = np.zeros((len(target), 4), np.intp), np.zeros((len(target), 4))
    is_outside = np.zeros(len(target), bool)
    lowest, highest = np.flatnonzero(rows.counts >= FEW)[[0, -1]]
    south, north = rows.latitudes[[lowest, highest]]
    middle = (target.latitudes >= south) & (target.latitudes <= north)
    nodes[middle], shares[middle] = _between(rows, source, target.latitudes[middle], target.longitudes[middle])
    ends = rows.latitudes[[min(lowest + SEAM, len(rows.latitudes) - 1), max(highest - SEAM, 0)]]
    for cap, around in (
        (target.latitudes < south, source.latitudes <= ends[0] + SAME_PLACE),
        (target.latitudes > north, source.latitudes >= ends[1] - SAME_PLACE),
    ):
        found, shares[cap, :3], is_outside[cap] = on_triangles(places[around], wanted[cap])
        nodes[cap, :3] = np.flatnonzero(around)[found]
    return nodes, shares, is_outside


def _between(rows: Rows, source: Grid, latitudes: Array, longitudes: Array) -> tuple[Indices, Array]:
    """The four nodes around each place that lies between two rows, and their shares."""
    north = np.clip(np.searchsorted(rows.latitudes, latitudes), 1, len(rows.latitudes) - 1)
    up = _share(latitudes - rows.latitudes[north - 1], rows.latitudes[north] - rows.latitudes[north - 1])
    corners = [
        (nodes, part * along)
        for row, part in ((north - 1, 1 - up), (north, up))
        for nodes, along in _beside(rows, source, row, longitudes)
    ]
    nodes, shares = zip(*corners, strict=True)
    return np.stack(nodes, axis=1), np.stack(shares, axis=1)


def _beside(rows: Rows, source: Grid, row: Indices, longitudes: Array) -> tuple[tuple[Indices, Array], ...]:
    """The nodes of a row to the west and to the east of each place, and their shares."""
    own = _from_zero(source.longitudes[rows.nodes])
    lines = np.repeat(np.arange(len(rows.first)), rows.counts) * 720.0
    rank = np.searchsorted(lines + own, row * 720.0 + _from_zero(longitudes), side="right") - 1 - rows.first[row]
    west, east = (rows.first[row] + each % rows.counts[row] for each in (rank, rank + 1))
    along = _share(np.mod(longitudes - own[west], 360.0), np.mod(own[east] - own[west], 360.0))
    return (rows.nodes[west], 1 - along), (rows.nodes[east], along)


def _share(distance: Array, step: Array) -> Array:
    """How far on the way from 0 to 1; without the traces of rounding."""
    share = np.clip(distance / step, 0.0, 1.0)
    return np.where(share < TINY, 0.0, np.where(share > 1 - TINY, 1.0, share))


def _from_zero(longitudes: Array) -> Array:
    """Longitudes from 0 to 360, where 359.99999 is 0."""
    return np.mod(longitudes + SAME_PLACE, 360.0) - SAME_PLACE
