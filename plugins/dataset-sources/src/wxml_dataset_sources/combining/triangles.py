"""Between the nodes of any grid, on the triangles that they make."""

__all__ = ["on_triangles"]

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


def on_triangles(places: Array, wanted: Array) -> tuple[Indices, Array, NDArray[np.bool_]]:
    """The three nodes around each node, of Delaunay's triangles, which fill the hull of all nodes.

    Each half of the globe is put on a plane from the other pole (stereographic), which keeps circles, and so triangles.

    Args:
        places: unit vectors of the nodes that have values, shape `[node, 3]`.
        wanted: unit vectors of the nodes to be given values.

    Returns:
        The nodes and their shares, shape `[target node, 3]`, and whether each node is outside of the hull.
    """
    nodes, shares = np.zeros((len(wanted), 3), np.intp), np.zeros((len(wanted), 3))
    is_outside = np.zeros(len(wanted), bool)
    for half in (1.0, -1.0):
        mine = np.flatnonzero(half * wanted[:, 2] >= 0)
        near = np.flatnonzero(half * places[:, 2] > -0.7)
        corners, is_inside = _triangles(places[near], wanted[mine], half)
        is_outside[mine] = ~is_inside
        mine = mine[is_inside]
        nodes[mine] = near[corners]
        shares[mine] = _shares(places[nodes[mine]], wanted[mine])
    return nodes, shares, is_outside


def _triangles(places: Array, wanted: Array, half: float) -> tuple[Indices, NDArray[np.bool_]]:
    """The corners of the triangle around each wanted place that is in one, and whether each is."""
    from scipy.spatial import Delaunay

    if len(places) < 3 or not len(wanted):
        return np.zeros((0, 3), np.intp), np.zeros(len(wanted), bool)
    flat, sought = (points[:, :2] / (1 + half * points[:, 2:]) for points in (places, wanted))
    triangles = Delaunay(flat)
    found = triangles.find_simplex(sought, tol=1e-9)
    return triangles.simplices[found[found >= 0]].astype(np.intp), found >= 0


def _shares(corners: Array, wanted: Array) -> Array:
    """The shares of three corners `[node, corner, xyz]` in the point of their plane below each wanted place."""
    shares = np.linalg.solve(corners.transpose(0, 2, 1), wanted[..., None])[..., 0]
    shares = np.clip(shares, 0, None)  # an edge on the sphere is not straight on the plane
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
