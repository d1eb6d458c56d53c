"""Lines on the sphere: edges as parts of great circles, and the coasts."""

__all__ = ["arcs", "coasts"]

import json
from importlib.resources import files
from typing import Final

import numpy as np
from numpy.typing import NDArray
from wxml.data.sphere import angular_distance, unit_vectors

Array = NDArray[np.float64]
LONGEST: Final = np.radians(3.0)
"""A longer edge is drawn in several pieces."""


def arcs(start: Array, end: Array) -> tuple[Array, NDArray[np.int64]]:
    """Pieces of the great circles from `start` to `end`, unit vectors `[edge, 3]`.

    Returns:
        The ends of the pieces, shape `[piece, 2, 3]`, and the number of the edge of each.
    """
    pieces = np.maximum(1, np.ceil(angular_distance(start, end) / LONGEST)).astype(np.int64)
    owner = np.repeat(np.arange(len(start)), pieces)
    first = np.repeat(np.cumsum(pieces) - pieces, pieces)
    step = np.arange(len(owner)) - first
    shares = np.stack([step, step + 1], axis=1) / pieces[owner][:, None]
    points = start[owner][:, None] * (1 - shares[..., None]) + end[owner][:, None] * shares[..., None]
    return points / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), 1e-9), owner


def coasts() -> Array:
    """The outlines of the land (Natural Earth, 1 : 110 million) as unit vectors, shape `[piece, 2, 3]`."""
    text = files("wxml_graph_viewer.bundled").joinpath("land.json").read_text(encoding="utf-8")
    rings = [np.asarray(ring, np.float64) / 100 for shape in json.loads(text) for ring in shape]
    sides = np.concatenate([np.stack([ring[:-1], ring[1:]], axis=1) for ring in rings])
    at_date_line = np.all(np.abs(sides[..., 0]) > 179.9, axis=1)
    at_pole = np.all(np.abs(sides[..., 1]) > 89.8, axis=1)
    kept = sides[~(at_date_line | at_pole)]
    return arcs(unit_vectors(kept[:, 0, 1], kept[:, 0, 0]), unit_vectors(kept[:, 1, 1], kept[:, 1, 0]))[0]
