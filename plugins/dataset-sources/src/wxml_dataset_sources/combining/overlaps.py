"""The shares of the cells of one grid in those of another."""

__all__ = ["overlaps"]

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wxml_dataset_sources.combining.cells import Cells

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
TRACE = 1e-10
"""Parts of a row narrower than this (degrees), or lower than this (sine of latitude), come from rounding."""


def overlaps(source: Cells, target: Cells) -> "csr_array":
    """The share of each cell of `target` that lies in each cell of `source`, shape `[target node, source node]`.

    Exact, since on the plane of longitude and sine of latitude areas are those on the sphere, and boxes are rectangles
    (Lambert's cylindrical projection): the area is Δλ · Δsin φ.
    """
    from scipy.sparse import csr_array

    lower = np.maximum(target.heights[:-1, None], source.heights[None, :-1])
    tall = np.minimum(target.heights[1:, None], source.heights[None, 1:]) - lower
    parts = [_of_rows(target, source, into, out, tall[into, out]) for into, out in np.argwhere(tall > TRACE)]
    parts.append((np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)))  # where no rows overlap
    rows, columns, areas = (np.concatenate(each) for each in zip(*parts, strict=True))
    weights = csr_array((areas, (rows, columns)), shape=(target.size, source.size))
    weights.sum_duplicates()
    whole = _areas(target)
    return csr_array(weights.multiply(1.0 / whole[:, None]))


def _of_rows(target: Cells, source: Cells, into: int, out: int, tall: float) -> tuple[Indices, Indices, Array]:
    """The nodes of a row of each grid whose cells overlap, and the area of the overlap."""
    around = np.unique(np.mod(np.concatenate([target.edges[into], source.edges[out]]), 360.0))
    wide = np.diff(around, append=around[0] + 360.0)
    middle = around + wide / 2
    own, other = _cell(target.edges[into], middle), _cell(source.edges[out], middle)
    kept = (own >= 0) & (other >= 0) & (wide > TRACE)
    return target.nodes[into][own[kept]], source.nodes[out][other[kept]], wide[kept] * tall


def _cell(edges: Array, longitudes: Array) -> Indices:
    """The cell of a row that each longitude is in; -1 for none."""
    found = np.searchsorted(edges, edges[0] + np.mod(longitudes - edges[0], 360.0)) - 1
    return np.where(found < len(edges) - 1, found, -1)


def _areas(cells: Cells) -> Array:
    """The area of each cell, shape `[node]`."""
    areas = np.zeros(cells.size)
    for tall, edges, nodes in zip(np.diff(cells.heights), cells.edges, cells.nodes, strict=True):
        areas[nodes] = tall * np.diff(edges)
    return areas
