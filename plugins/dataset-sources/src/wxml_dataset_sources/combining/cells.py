"""The cells around the nodes of a grid, where they are boxes of latitude and longitude."""

__all__ = ["Cells", "cells", "eastwards"]

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import cell_bounds, gauss_legendre

from wxml_dataset_sources.combining.healpix_cells import healpix_order
from wxml_dataset_sources.combining.latitude_rows import rows_of

Array = NDArray[np.float64]
LESS_THAN_A_COLUMN = 0.4
"""The share of the widest step by which the outermost cells may miss each other and still be those of a circle."""
GAUSSIAN = 1e-3  # degrees: files round their latitudes


class Cells(NamedTuple):
    """The cells of a grid in rows from south to north."""

    heights: Array
    """The sines of the latitudes between the rows, from the southern edge to the northern one, shape `[row + 1]`."""
    edges: Sequence[Array]
    """For each row, the longitudes (degrees) between its cells, rising over at most 360, shape `[cell + 1]`."""
    nodes: Sequence[NDArray[np.intp]]
    """For each row, the nodes of its cells."""
    size: int
    """The number of nodes."""


def cells(grid: Grid) -> Cells | None:
    """The cells of a regular grid, or of one of even rows around the globe such as a reduced Gaussian grid; else None.

    They end in the middle between the rows, and in the middle between the nodes of a row; those of Gaussian latitudes
    have the areas of the Gauss–Legendre weights. The outermost ones reach as far outwards as inwards.
    """
    if grid.is_regular:
        return _of_boxes(grid)
    rows = None if healpix_order(grid) is not None else rows_of(grid)
    if rows is None:
        return None
    edges = [
        west + (np.arange(count + 1) - 0.5) * 360.0 / count for west, count in zip(rows.west, rows.counts, strict=True)
    ]
    return Cells(_heights(rows.latitudes), edges, np.split(rows.nodes, rows.first[1:]), len(grid))


def _of_boxes(grid: Grid) -> Cells:
    """The cells of a regular grid."""
    nodes = np.arange(len(grid)).reshape(grid.shape)
    latitudes, longitudes = grid.latitudes[nodes[:, 0]], grid.longitudes[nodes[0]]
    upwards, order = np.argsort(latitudes), eastwards(longitudes)
    steps = np.mod(np.diff(longitudes[order]), 360.0)
    edges = cell_bounds(longitudes[order[0]] + np.concatenate([[0.0], np.cumsum(steps)]))
    excess = edges[-1] - edges[0] - 360.0
    if excess > -LESS_THAN_A_COLUMN * steps.max(initial=0.0):  # uneven columns around the globe
        edges[[0, -1]] += excess / 2, -excess / 2
    return Cells(_heights(latitudes[upwards]), [edges] * len(latitudes), list(nodes[np.ix_(upwards, order)]), len(grid))


def eastwards(longitudes: Array) -> NDArray[np.intp]:
    """The columns in their order eastwards, from the one after the widest gap on."""
    order = np.argsort(longitudes)
    gaps = np.diff(longitudes[order], append=longitudes[order[0]] + 360.0)
    return np.roll(order, -int(np.argmax(gaps)) - 1)


def _heights(latitudes: Array) -> Array:
    """The sines of the latitudes between rows."""
    if _is_gaussian(latitudes):
        return np.concatenate([[-1.0], np.cumsum(gauss_legendre(len(latitudes))[1][::-1]) - 1.0])
    return np.asarray(np.sin(np.radians(np.clip(cell_bounds(latitudes), -90.0, 90.0))))


def _is_gaussian(latitudes: Array) -> bool:
    """Whether latitudes, which rise, are those of a Gaussian grid."""
    return len(latitudes) > 2 and np.allclose(latitudes, gauss_legendre(len(latitudes))[0][::-1], atol=GAUSSIAN, rtol=0)
