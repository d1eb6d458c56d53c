"""The part of the sphere that a regional grid takes up."""

__all__ = ["Region"]

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError, cKDTree

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A regional grid's nodes and, where the region has one, its spherical convex hull."""

    tree: cKDTree
    """The grid's nodes as unit vectors, to be searched."""
    sides: Points | None
    """The hull's sides, great circles given by their inward unit normals, shape `[side, 3]`; None without a hull."""

    @classmethod
    def of(cls, points: Points) -> Self:
        """The region of some nodes, unit vectors of shape `[node, 3]`."""
        return cls(cKDTree(points), _hull_sides(points))

    def near(self, points: Points, reach: float, slack: float = 0.0) -> NDArray[np.bool_]:
        """Which points lie inside the hull, or within a distance `reach` (radians) of a node.

        Args:
            points: unit vectors, shape `[point, 3]`.
            reach: from a node.
            slack: by so much (radians) both the hull and the reach are widened.
        """
        near = self._in_hull(points, slack)
        far = np.flatnonzero(~near)  # the hull is cheap to test and holds most points
        chord = 2 * np.sin(min(reach + slack, np.pi) / 2)
        distances, _ = self.tree.query(points[far], distance_upper_bound=chord * (1 + 1e-9) + 1e-12)
        near[far] = np.isfinite(distances)
        return near

    def _in_hull(self, points: Points, slack: float) -> NDArray[np.bool_]:
        inside = np.full(len(points), self.sides is not None)
        for side in self.sides if self.sides is not None else ():
            inside[inside] = points[inside] @ side >= -np.sin(min(slack, np.pi / 2))
        return inside


def _hull_sides(points: Points) -> Points | None:
    """Inward normals of the hull's sides; None for nodes on one great circle or not all in one hemisphere.

    The gnomonic projection onto the plane that touches the sphere in the middle of the region maps great circles to
    straight lines, and so the spherical hull to the plane one.
    """
    middle = points.mean(axis=0)
    length = np.linalg.norm(middle)
    if length < 1e-9 or np.min(points @ middle) < 0.02 * length:
        return None
    middle /= length
    first = np.cross(middle, np.eye(3)[np.argmin(np.abs(middle))])
    first /= np.linalg.norm(first)
    plane = points @ np.stack([first, np.cross(middle, first)], axis=1) / (points @ middle)[:, None]
    try:
        corners = points[ConvexHull(plane).vertices]  # anticlockwise
    except QhullError:
        return None
    sides = np.cross(corners, np.roll(corners, -1, axis=0))
    return np.asarray(sides / np.linalg.norm(sides, axis=1, keepdims=True))
