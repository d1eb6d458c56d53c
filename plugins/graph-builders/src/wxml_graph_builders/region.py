"""The part of the sphere that a regional grid takes up, and what lies around it."""

__all__ = ["Neighbourhood", "Region"]

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from wxml_graph_builders.spherical_hull import SphericalHull

Points = NDArray[np.float64]

SAMPLES = 4  # of the outline, in every `reach`: a point is then found up to 0.8 % farther away


@dataclass(frozen=True, slots=True, eq=False)
class Neighbourhood:
    """A region and everything within some distance of it."""

    hull: SphericalHull | None
    outline: cKDTree
    """Points along the sides of the hull, or all nodes of a region without one, to be searched."""
    reach: float
    """In radians."""

    def holds(self, points: Points, slack: float = 0.0) -> NDArray[np.bool_]:
        """Which points lie in it, or in a neighbourhood wider by at least `slack`.

        Args:
            points: unit vectors, shape `[point, 3]`.
            slack: in radians; no point within it is missed, some beyond it may be held.
        """
        held = np.zeros(len(points), bool) if self.hull is None else self.hull.contains(points, slack)
        outside = np.flatnonzero(~held)
        farthest = self.reach * np.hypot(1, 0.5 / SAMPLES) + slack
        chord = 2 * np.sin(min(farthest, np.pi) / 2)
        distances, _ = self.outline.query(points[outside], distance_upper_bound=chord + 1e-9)
        held[outside] = np.isfinite(distances)
        return held


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A regional grid's nodes and, where they have one, their spherical convex hull."""

    points: Points
    """Unit vectors, shape `[node, 3]`."""
    hull: SphericalHull | None

    @classmethod
    def of(cls, points: Points) -> Self:
        """The region of some nodes, unit vectors of shape `[node, 3]`."""
        return cls(points, SphericalHull.around(points))

    def __len__(self) -> int:
        return len(self.points)

    def around(self, reach: float) -> Neighbourhood:
        """The hull and all within `reach` (radians) of it; around each node where there is no hull."""
        outline = self.points if self.hull is None else self.hull.outline(reach / SAMPLES)
        return Neighbourhood(self.hull, cKDTree(outline), reach)
