"""The part of the sphere that a regional grid takes up: its spherical convex hull, and what lies around it."""

__all__ = ["Neighbourhood", "Region", "SphericalHull"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from wxml.data.sphere import angular_distance

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Points = NDArray[np.float64]

LOWEST = 0.02  # the sine of the angle by which all nodes must lie inside the hemisphere
SAMPLES = 4  # of the outline, in every `reach`: a point is then found up to 0.8 % farther away
FINEST_STEP = 1e-5  # radians, 64 m: however small the distance, the sides of a hull have no more samples


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
        """The hull of `points`; None if they lie along a great circle, or not all in the hemisphere around their mean.

        The gnomonic projection onto the plane that touches the sphere in the middle of the nodes maps great circles to
        straight lines, and so the spherical hull to the plane one.
        """
        from scipy.spatial import ConvexHull, QhullError  # takes a while to load

        middle = points.mean(axis=0)
        heights = points @ middle
        if heights.min() <= LOWEST * np.linalg.norm(middle):
            return None
        first_axis = np.cross(middle, np.eye(3)[np.argmin(np.abs(middle))])
        second_axis = np.cross(middle, first_axis)
        plane = np.stack([axis / np.linalg.norm(axis) for axis in (first_axis, second_axis)], axis=1)
        try:
            corners = points[ConvexHull(points @ plane / heights[:, None]).vertices]  # anticlockwise
        except QhullError:
            return None
        azimuths = _azimuths(corners, plane)
        first = int(np.argmin(azimuths))
        corners, azimuths = np.roll(corners, -first, axis=0), np.roll(azimuths, -first)
        sides = np.cross(corners, np.roll(corners, -1, axis=0))
        return cls(plane, corners, azimuths, sides / np.linalg.norm(sides, axis=1, keepdims=True))

    def contains(self, points: Points, slack: float = 0.0) -> NDArray[np.bool_]:
        """Tell for each point whether it lies inside, or perhaps outside by no more than `slack` (radians).

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


def _azimuths(points: Points, plane: Points) -> NDArray[np.float64]:
    """The directions (radians) in which the points are seen from the middle, in the coordinates of `plane`."""
    horizontal = points @ plane
    return np.asarray(np.arctan2(horizontal[:, 1], horizontal[:, 0]))


@dataclass(frozen=True, slots=True, eq=False)
class Neighbourhood:
    """A region and everything within some distance of it."""

    hull: SphericalHull | None
    outline: "cKDTree"
    """Points along the sides of the hull, or all nodes of a region without one, to be searched."""
    reach: float
    """The greatest distance from the region, in radians."""

    def holds(self, points: Points, slack: float = 0.0) -> NDArray[np.bool_]:
        """Tell for each point whether it lies in the neighbourhood, widened by `slack`; shape `[point]`.

        Args:
            points: unit vectors, shape `[point, 3]`.
            slack: radians. Every point within it is held; points a little beyond it may be held, too.
        """
        held = np.zeros(len(points), bool) if self.hull is None else self.hull.contains(points, slack)
        outside = np.flatnonzero(~held)
        beside = max(self.reach * np.hypot(1, 0.5 / SAMPLES), np.hypot(self.reach, 0.5 * FINEST_STEP))
        farthest = beside + slack
        chord = 2 * np.sin(min(farthest, np.pi) / 2)
        distances, _ = self.outline.query(points[outside], distance_upper_bound=chord + 1e-9)
        held[outside] = np.isfinite(distances)
        return held


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """The nodes of a regional grid, and their spherical convex hull if they have one."""

    points: Points
    """Unit vectors, shape `[node, 3]`."""
    hull: SphericalHull | None

    @classmethod
    def of(cls, points: Points) -> Self:
        """The region of some nodes, unit vectors of shape `[node, 3]`."""
        return cls(points, SphericalHull.around(points))

    def around(self, reach: float) -> Neighbourhood:
        """The hull and everything within `reach` (radians) of it, or of the nodes if there is no hull."""
        from scipy.spatial import cKDTree

        outline = self.points if self.hull is None else self.hull.outline(max(reach / SAMPLES, FINEST_STEP))
        return Neighbourhood(self.hull, cKDTree(outline), reach)
