"""The refined icosahedron: nearly even nodes on the sphere, coarse ones first."""

__all__ = ["Icosphere", "Near", "greatest_edge", "icosphere"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from wxml.data.sphere import unit_vectors

Points = NDArray[np.float64]
Triangles = NDArray[np.int64]
Near = Callable[[Points, float], NDArray[np.bool_]]


@dataclass(frozen=True, slots=True, eq=False)
class Icosphere:
    """Nodes and the triangles among them at every refinement.

    A mesh of refinement r around the whole globe has 10 · 4^r + 2 nodes, and 20 · 4^k triangles and 60 · 4^k directed
    edges at refinement k. Nodes keep their numbers when the mesh is refined: those of refinement k are the first
    10 · 4^k + 2.
    """

    points: Points
    """Unit vectors, shape `[node, 3]`."""
    triangles: tuple[Triangles, ...]
    """For each refinement from 0 on, node numbers anticlockwise as seen from outside, shape `[triangle, 3]`."""

    def edges(self, refinement: int) -> NDArray[np.int64]:
        """Directed edges of one refinement, each once, shape `[edge, 2]`.

        Every side belongs to two triangles, which run along it in opposite directions.
        """
        a, b, c = self.triangles[refinement].T
        return np.stack([np.concatenate([a, b, c]), np.concatenate([b, c, a])]).T  # each column in one piece

    def parents(self, refinement: int) -> NDArray[np.int64]:
        """Pairs of a node of one refinement and a node of the one before it, shape `[pair, 2]`.

        A node that the refinement has added lies between two older ones, and is paired with both; an older one is
        paired with itself.
        """
        count = int(self.triangles[refinement - 1].max()) + 1
        edges = self.edges(refinement)
        older = np.arange(count)
        added = edges[(edges[:, 0] >= count) & (edges[:, 1] < count)]
        return np.concatenate([np.stack([older, older], axis=1), added])


def greatest_edge(refinement: int) -> float:
    """The length in radians of the longest edges: those of the triangle in the middle of an icosahedron's face.

    An edge of the icosahedron has the length s with cos s = 1/√5. A refinement cuts an equilateral triangle of side s
    at the midpoints of its sides; these are s' apart, with cos s' = (1 + 3 cos s) / (2 + 2 cos s).
    """
    cosine = 1 / np.sqrt(5)
    for _ in range(refinement):
        cosine = (1 + 3 * cosine) / (2 + 2 * cosine)
    return float(np.arccos(cosine))


def icosphere(refinement: int, near: Near | Sequence[Near | None] | None = None) -> Icosphere:
    """Refine the icosahedron `refinement` times, everywhere or only near a region.

    Args:
        refinement: how often every triangle is cut into four at the midpoints of its sides.
        near: tells which points lie in the region or less than a distance (radians) away from it. Triangles that can
            hold no such node are dropped on the way, so a small region costs little even if it is refined a lot. Every
            triangle around a node of the region is kept, at each refinement. A sequence gives one for each cut, from
            the coarsest triangles on; None stands for the whole sphere.
    """
    points, triangles = _icosahedron()
    levels = [triangles]
    everywhere = near if isinstance(near, Sequence) else [near] * refinement
    for level, region in enumerate(everywhere):
        if region is not None:
            # If a point of a triangle lies in the region, no corner is farther away from there than the longest side.
            triangles = triangles[_held(region, points, triangles, greatest_edge(level))]
        points, triangles = _refined(points, triangles)
        levels.append(triangles)
    return Icosphere(points, tuple(levels))


def _held(near: Near, points: Points, triangles: Triangles, slack: float) -> NDArray[np.bool_]:
    """Tell for each triangle whether all its corners lie near; no other point is asked for."""
    corners = np.flatnonzero(np.bincount(triangles.ravel(), minlength=len(points)))
    held = np.zeros(len(points), bool)
    held[corners] = near(points[corners], slack)
    return np.asarray(held[triangles].all(axis=1))


def _icosahedron() -> tuple[Points, Triangles]:
    """Twelve nodes and twenty triangles; the centre of a triangle lies on each pole.

    Hence no node ever falls on a pole, where longitude and direction are undefined. Four rings of three nodes lie at
    sin φ = ±√((5 ± 2√5) / 15).
    """
    sines = np.sqrt((5 + 2 * np.sqrt(5) * np.array([1, -1])) / 15)
    rings = np.degrees(np.arcsin([sines[0], sines[1], -sines[1], -sines[0]]))
    longitudes = np.array([0.0, 120.0, 240.0]) + np.array([0.0, 60.0, 0.0, 60.0])[:, None]
    points = unit_vectors(np.repeat(rings, 3), longitudes.ravel())
    adjacent = points @ points.T > 0.4  # 1/√5 for neighbours, else negative
    triples = [t for t in combinations(range(12), 3) if all(adjacent[i, j] for i, j in combinations(t, 2))]
    triangles = np.array(triples, np.int64)
    inward = np.linalg.det(points[triangles]) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return points, triangles


def _refined(points: Points, triangles: Triangles) -> tuple[Points, Triangles]:
    """Cut every triangle into four; the midpoints are numbered after the old nodes, in the order of their ends."""
    a, b, c = triangles.T
    ends = np.sort(np.stack([np.concatenate([a, b, c]), np.concatenate([b, c, a])]), axis=0)
    sides, number = np.unique(ends[0] * len(points) + ends[1], return_inverse=True)
    middle = points[sides // len(points)] + points[sides % len(points)]
    x, y, z = middle.T
    middle /= np.sqrt(x * x + y * y + z * z)[:, None]
    ab, bc, ca = (len(points) + number.reshape(3, -1)).astype(np.int64)
    parts = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return np.concatenate([points, middle]), np.concatenate([np.stack(part, axis=1) for part in parts])
