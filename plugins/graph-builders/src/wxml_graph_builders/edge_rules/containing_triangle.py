"""The EdgeBuilder `containing-triangle`: every target reads the corners of the triangle that it lies in."""

__all__ = ["ContainingTriangle", "barycentric", "containing"]

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError, cKDTree

from wxml_graph_builders.edge_builder import EdgeBuilder
from wxml_graph_builders.edges import nearest_nodes
from wxml_graph_builders.mesh_nodes import Cells, MeshNodes, Pairs

Points = NDArray[np.float64]

INSIDE = -1e-9  # a weight of a corner from which on a point counts as inside: rounding
CANDIDATES = 8
BLOCK = 1 << 15


class ContainingTriangle(EdgeBuilder):
    """Every target reads the three corners of the triangle of source nodes that it lies in.

    The triangles are those that the mesh says, or the spherical Delaunay triangulation of its nodes. A target outside
    of all triangles, beside a regional mesh, reads its nearest source; one on a side or a corner reads the corners of
    one triangle. The feature `barycentric` gives the weights by which linear interpolation would take the corners.
    """

    def __init__(self) -> None:
        """It has no options."""

    def _edges(self, source: MeshNodes, target: MeshNodes) -> Pairs:
        points, queries = source.points, target.points
        cells = delaunay(points) if source.cells is None else source.cells
        found = containing(points, cells, queries)
        inside, outside = np.flatnonzero(found >= 0), np.flatnonzero(found < 0)
        _, nearest = nearest_nodes(points, queries[outside], 1)
        corners = np.stack([cells[found[inside]].ravel(), np.repeat(inside, 3)], axis=1)
        return np.concatenate([corners, np.stack([nearest, outside], axis=1)])


def delaunay(points: Points) -> Cells:
    """The Delaunay triangles of points on the sphere: the sides of their convex hull. Three points have none."""
    places, first = np.unique(np.rint(points * 1e9).astype(np.int64), axis=0, return_index=True)
    if len(places) < 4:
        return np.empty((0, 3), np.int64)
    try:
        triangles = first[ConvexHull(points[first]).simplices]
    except QhullError:  # all points lie on one circle
        return np.empty((0, 3), np.int64)
    inward = np.linalg.det(points[triangles]) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return triangles.astype(np.int64)


def containing(points: Points, cells: Cells, queries: Points) -> NDArray[np.int64]:
    """The number of a triangle that holds each query point, -1 for none; shape `[query]`.

    The triangles with the nearest centres are tried first, then twice as many, up to all that come near enough.
    """
    found = np.full(len(queries), -1)
    if not len(cells):
        return found
    corners = points[cells]
    centres = corners.mean(axis=1)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    widest = float(np.linalg.norm(corners - centres[:, None], axis=-1).max())
    tree = cKDTree(centres)
    for start in range(0, len(queries), BLOCK):
        part = np.arange(start, min(start + BLOCK, len(queries)))
        found[part] = _search(tree, corners, queries[part], widest)
    return found


def _search(tree: cKDTree, corners: Points, queries: Points, widest: float) -> NDArray[np.int64]:
    """The triangles that hold the queries; only those with a centre no farther than `widest` can."""
    found, left, tried = np.full(len(queries), -1), np.arange(len(queries)), 0
    while len(left) and tried < len(corners):
        ranks = np.arange(tried + 1, min(max(2 * tried, CANDIDATES), len(corners)) + 1)
        distance, number = tree.query(queries[left], k=ranks, distance_upper_bound=widest + 1e-9)
        cell = np.asarray(number)
        near = np.isfinite(distance)
        weights = np.full((*near.shape, 3), -1.0)
        query, _ = np.nonzero(near)
        weights[near] = barycentric(corners[cell[near]], queries[left[query]])
        least = weights.min(axis=-1)
        best = least.argmax(axis=1)
        holds = least[np.arange(len(left)), best] >= INSIDE
        found[left[holds]] = cell[np.flatnonzero(holds), best[holds]]
        left, tried = left[~holds & near[:, -1]], int(ranks[-1])
    return found


def barycentric(corners: Points, points: Points) -> Points:
    """The weights, which add up to 1, by which the corners of a triangle give the direction of a point in it.

    p ∝ w₁ a + w₂ b + w₃ c with w₁ = p · (b × c), and so on; the sign tells on which side of the plane through b and c
    the point lies. A point on the other side of the sphere has no weights of one sign.

    Args:
        corners: unit vectors, anticlockwise, shape `[point, 3, 3]`.
        points: unit vectors, shape `[point, 3]`.
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    raw = np.stack([np.sum(points * np.cross(*side), axis=1) for side in ((b, c), (c, a), (a, b))], axis=1)
    total = raw.sum(axis=1, keepdims=True)
    return np.where(total > 0, raw / np.where(total > 0, total, 1.0), -1.0)
