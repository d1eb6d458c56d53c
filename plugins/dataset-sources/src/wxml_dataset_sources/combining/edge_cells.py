"""Where the cells of nodes at the edge of a region end: as far outwards as they reach inwards."""

__all__ = ["EdgeCells"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml_dataset_sources.combining.polygons import areas, cut_off

Array = NDArray[np.float64]
REACH, MEASURED = 0.75, 2.0
"""So many distances of its neighbours a cell reaches, and is looked at."""
CORNER, LOOKED_AT = 1.1, 2.5
"""The same in distances of its nearest corner: where these are more, as between rows that are far from each other."""
SIDES = 16
OPEN_TO = np.radians(120.0)
"""A node whose neighbours leave so wide a view is at an edge that runs from one of them to the other."""


@dataclass(frozen=True, slots=True, eq=False)
class EdgeCells:
    """Cells at the edge of a region, or of a hole in it, before they are cut."""

    corners: Array
    """`[cell, corner, 3]`; they reach far beyond the edge."""
    places: Array
    """Unit vectors of all nodes."""
    nodes: NDArray[np.intp]
    """The node of each cell."""
    spacing: Array
    """The distance of its neighbours, in radii, shape `[cell]`."""
    beside: NDArray[np.integer]
    """Pairs of a cell and a node whose cells share a corner, shape `[2, pair]`; its own node may be among them."""

    def ends(self) -> Array:
        """The great circles at which the cells end, `[cell, circle, 3]`: their poles, on the inner side.

        The edge runs from the neighbour on one side to the node, and on to the neighbour on the other. Beyond it a cell
        reaches as far as it does inwards on the average, and nowhere farther than three quarters of the distance of its
        neighbours. Cells whose neighbours are all around, as in a bay, end where those of the neighbours begin.
        """
        middle = self.places[self.nodes]
        nearest = np.linalg.norm(self.corners - middle[:, None], axis=-1).min(axis=1)
        window = _around(middle, np.maximum(REACH * self.spacing, CORNER * nearest))
        _, near = cut_off(self.corners, _around(middle, np.maximum(MEASURED * self.spacing, LOOKED_AT * nearest)))
        sides = self._outwards(middle)
        window[~sides[0].any(axis=1)] = 0.0
        return np.concatenate([window, *(_beyond(near, middle, side)[:, None] for side in sides)], axis=1)

    def _outwards(self, middle: Array) -> tuple[Array, Array]:
        """The directions at right angles to the edge on both sides of each node, `[cell, 3]`; zero where is no edge.

        The open side of a cell is that of its farthest corner; the edge ends at the neighbours that one sees first from
        there to both sides.
        """
        first, second = _frame(middle)
        farthest = np.argmax(np.linalg.norm(self.corners - middle[:, None], axis=-1), axis=1)
        open_side = _azimuth(self.corners[np.arange(len(middle)), farthest], first, second)
        cell, other = self.beside
        cell, other = (each[other != self.nodes[cell]] for each in (cell, other))
        turned = np.mod(_azimuth(self.places[other], first[cell], second[cell]) - open_side[cell], 2 * np.pi)
        left, right = np.full(len(middle), 2 * np.pi), np.zeros(len(middle))
        np.minimum.at(left, cell, turned)
        np.maximum.at(right, cell, turned)
        is_open = (left + 2 * np.pi - right >= OPEN_TO) & (left <= right)
        angles = open_side + left - np.pi / 2, open_side + right + np.pi / 2
        one, two = (
            is_open[:, None] * (np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second) for angle in angles
        )
        return one, two


def _frame(middle: Array) -> tuple[Array, Array]:
    """Two directions at each place, at right angles to each other."""
    aside = np.cross(middle, np.eye(3)[np.argmin(np.abs(middle), axis=1)])
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    return aside, np.cross(middle, aside)


def _around(middle: Array, radius: Array) -> Array:
    """The sides of a polygon around each place, at so many radians from it, `[node, side, 3]`."""
    first, second = _frame(middle)
    turn = 2 * np.pi * np.arange(SIDES)[:, None] / SIDES
    outwards = np.cos(turn) * first[:, None] + np.sin(turn) * second[:, None]
    return _circle(middle[:, None], outwards, radius[:, None])


def _circle(middle: Array, outwards: Array, distance: Array) -> Array:
    """The pole of the great circle at right angles to a direction, so many radians away in it."""
    return np.asarray(np.sin(distance)[..., None] * middle - np.cos(distance)[..., None] * outwards)


def _azimuth(points: Array, first: Array, second: Array) -> Array:
    """The direction of each point as seen from the place of its frame, in radians."""
    return np.asarray(np.arctan2(np.sum(points * second, axis=-1), np.sum(points * first, axis=-1)))


def _beyond(cells: Array, middle: Array, outwards: Array) -> Array:
    """The pole of the great circle that ends each cell in a direction; zero where that is.

    Inwards the cell reaches on the average as far as its area on that side, over its width.
    """
    is_there = np.any(outwards != 0, axis=1)
    found = np.zeros_like(middle)
    place, direction = middle[is_there], outwards[is_there]
    _, inner = cut_off(cells[is_there], -direction[:, None])
    along = np.einsum("ncx,nx->nc", inner, np.cross(place, direction))
    depth = areas(inner) / np.ptp(along, axis=1)
    found[is_there] = _circle(place, direction, depth)
    return found
