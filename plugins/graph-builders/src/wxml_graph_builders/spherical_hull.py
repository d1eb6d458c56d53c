"""The spherical convex hull of nodes in one hemisphere."""

__all__ = ["SphericalHull"]

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError
from wxml.data.sphere import angular_distance

Points = NDArray[np.float64]

LOWEST = 0.02  # the sine of the angle by which all nodes must lie inside the hemisphere


@dataclass(frozen=True, slots=True, eq=False)
class SphericalHull:
    """A convex polygon of great circles, its sides in the order of their azimuths as seen from its middle."""

    plane: Points
    """Two unit vectors, at right angles to the middle of the hull and to each other: shape `[3, 2]`."""
    corners: Points
    """Unit vectors, anticlockwise, shape `[corner, 3]`."""
    azimuths: NDArray[np.float64]
    """Radians in which the corners are seen in that plane, rising, shape `[corner]`."""
    sides: Points
    """Inward unit normals; side i starts at corner i. Shape `[corner, 3]`."""

    @classmethod
    def around(cls, points: Points) -> Self | None:
        """The hull of some nodes; None for nodes along a great circle, or not all in the hemisphere around their mean.

        The gnomonic projection onto the plane that touches the sphere in the middle of the nodes maps great circles to
        straight lines, and so the spherical hull to the plane one.
        """
        middle = points.mean(axis=0)
        heights = points @ middle
        if heights.min() <= LOWEST * np.linalg.norm(middle):
            return None
        plane = _touching_plane(middle)
        try:
            corners = ConvexHull(points @ plane / heights[:, None]).vertices
        except QhullError:
            return None
        return cls._of(points[corners], plane)

    @classmethod
    def _of(cls, corners: Points, plane: Points) -> Self:
        """The hull with these corners, in anticlockwise order."""
        azimuths = _azimuths(corners, plane)
        first = int(np.argmin(azimuths))
        corners, azimuths = np.roll(corners, -first, axis=0), np.roll(azimuths, -first)
        sides = np.cross(corners, np.roll(corners, -1, axis=0))
        return cls(plane, corners, azimuths, sides / np.linalg.norm(sides, axis=1, keepdims=True))

    def contains(self, points: Points, slack: float = 0.0) -> NDArray[np.bool_]:
        """Which points lie inside, or not surely farther than `slack` (radians) outside.

        A ray from the middle leaves the hull through one side: the one that starts at the last azimuth passed.
        """
        crossed = np.searchsorted(self.azimuths, _azimuths(points, self.plane), side="right") - 1
        heights = np.sum(points * self.sides[crossed], axis=1)
        return np.asarray(heights >= -np.sin(min(slack, np.pi / 2)) - 1e-12)

    def outline(self, step: float) -> Points:
        """Points along the sides, corners among them, at most `step` (radians) from one to the next; `[point, 3]`."""
        ends = np.roll(self.corners, -1, axis=0)
        angle = angular_distance(self.corners, ends)
        pieces = np.ceil(angle / step).astype(int)
        side = np.repeat(np.arange(len(pieces)), pieces)
        piece = np.arange(len(side)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        along = (piece / pieces[side] * angle[side])[:, None]
        whole = angle[side][:, None]
        points = (np.sin(whole - along) * self.corners[side] + np.sin(along) * ends[side]) / np.sin(whole)
        return np.asarray(points)


def _touching_plane(middle: Points) -> Points:
    """Two unit vectors at right angles to `middle` and to each other, shape `[3, 2]`."""
    first = np.cross(middle, np.eye(3)[np.argmin(np.abs(middle))])
    second = np.cross(middle, first)
    return np.stack([first / np.linalg.norm(first), second / np.linalg.norm(second)], axis=1)


def _azimuths(points: Points, plane: Points) -> NDArray[np.float64]:
    horizontal = points @ plane
    return np.asarray(np.arctan2(horizontal[:, 1], horizontal[:, 0]))
