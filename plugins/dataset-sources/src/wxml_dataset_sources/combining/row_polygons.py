"""Boxes of latitude and longitude as polygons whose edges are great circles."""

__all__ = ["row_corners"]

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from wxml.data.sphere import unit_vectors

from wxml_dataset_sources.combining.cells import Cells

Array = NDArray[np.float64]
STEP, TURN = 1.0, 6.0
"""Degrees of a great circle, and of longitude, after which a parallel has another corner."""
SAME = 1e-9
"""Degrees by which two meridians differ by rounding."""


def row_corners(boxes: Cells) -> Array:
    """The corners of the cell of each node, `[node, corner, 3]`, anticlockwise.

    Cells of two rows have the same corners on the parallel between them, so that there is nothing between them, nor
    twice.
    """
    latitudes = np.degrees(np.arcsin(np.clip(boxes.heights, -1, 1)))
    edges = boxes.edges
    beside = [edges[:1], *(edges[row : row + 2] for row in range(len(edges) - 1)), edges[-1:]]
    lines = [_line(each, latitude) for each, latitude in zip(beside, latitudes, strict=True)]
    rows = [
        _of_row(latitudes[row : row + 2], edges[row], lines[row : row + 2], len(boxes.nodes[row]))
        for row in range(len(edges))
    ]
    most = max(row.shape[1] for row in rows)
    corners = np.empty((boxes.size, most, 3))
    for row, nodes in zip(rows, boxes.nodes, strict=True):
        corners[nodes] = row[:, np.minimum(np.arange(most), row.shape[1] - 1)]
    return corners


def _line(edges: Sequence[Array], latitude: float) -> Array:
    """The longitudes from 0 to 360 of the corners on a parallel; none at a pole, where all are one point."""
    meridians = np.unique(np.mod(np.concatenate(edges), 360.0))
    meridians = meridians[np.diff(meridians, prepend=-np.inf) > SAME]
    gaps = np.diff(meridians, append=meridians[0] + 360.0)
    if abs(latitude) > 90 - SAME:
        return np.zeros(0)
    counts = np.ceil(gaps * max(np.cos(np.radians(latitude)) / STEP, 1 / TURN) - SAME).astype(int).clip(1)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray(
        np.repeat(meridians, counts) + (np.arange(counts.sum()) - first) * np.repeat(gaps / counts, counts)
    )


def _of_row(latitudes: Array, edges: Array, lines: Sequence[Array], count: int) -> Array:
    """The corners of the cells of a row, from its south-western ones on."""
    west, width = edges[:count], np.diff(edges)
    south, north = (_between(line, west, width) for line in lines)
    eastwards = np.concatenate([0 * width[:, None], south, width[:, None]], axis=1)
    westwards = np.concatenate([width[:, None], north[:, ::-1], 0 * width[:, None]], axis=1)
    on = np.repeat(latitudes, [eastwards.shape[1], westwards.shape[1]])
    longitudes = west[:, None] + np.concatenate([eastwards, westwards], axis=1)
    return unit_vectors(np.broadcast_to(on, longitudes.shape), longitudes)


def _between(line: Array, west: Array, width: Array) -> Array:
    """How far east of the western edge each corner of a parallel is, `[cell, corner]`; the last one is repeated."""
    start = np.mod(west, 360.0)
    around = np.concatenate([line, line + 360.0])
    first = np.searchsorted(around, start + SAME, side="right")
    counts = np.searchsorted(around, start + width - SAME) - first
    rank = np.arange(counts.max(initial=0))
    if not len(rank):
        return np.zeros((len(west), 0))
    found = around[np.minimum(first[:, None] + rank, len(around) - 1)] - start[:, None]
    return np.where(rank < counts[:, None], found, width[:, None])
