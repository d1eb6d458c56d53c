"""Polygons on the unit sphere, many at once; their edges are great circles.

Corners are unit vectors, anticlockwise as seen from outside, shape `[polygon, corner, 3]`. Polygons of fewer corners
repeat the last one, which adds nothing to an area and cuts nothing off.
"""

__all__ = ["anticlockwise", "areas", "clipped", "cut_off", "is_convex", "triangles"]

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STRAIGHT = 1e-12
"""Corners this far inside of an edge, in radii, come from rounding."""


def areas(corners: Array) -> Array:
    """The areas in steradian, negative for clockwise corners, shape `[polygon]`; each less than half of the sphere.

    The sum over triangles with tan(E / 2) = a · (b × c) / (1 + a · b + b · c + c · a) (Eriksson 1990,
    doi:10.1080/0025570X.1990.11977515).
    """
    return np.asarray(_triangle_areas(*_fan(corners)).sum(axis=1))


def triangles(corners: Array) -> tuple[Array, Array]:
    """The triangles `[polygon, triangle, 3, 3]` from the first corner on, anticlockwise, and the signs of their areas.

    The sum of what any shape shares with the triangles, by their signs, is what it shares with the polygon, convex or
    not.
    """
    first, second, third = _fan(corners)
    signs = np.sign(_triangle_areas(first, second, third))
    turned = (signs < 0)[..., None]
    return np.stack([first, np.where(turned, third, second), np.where(turned, second, third)], axis=2), signs


def anticlockwise(corners: Array) -> Array:
    """The same polygons, those with clockwise corners turned round."""
    return np.where((areas(corners) < 0)[:, None, None], corners[:, ::-1], corners)


def is_convex(corners: Array) -> NDArray[np.bool_]:
    """Whether no corner lies outside of an edge, shape `[polygon]`."""
    heights = np.einsum("pcx,pex->pce", corners, _normals(corners))
    return np.asarray((heights > -STRAIGHT).all(axis=(1, 2)))


def clipped(corners: Array, windows: Array) -> tuple[NDArray[np.intp], Array]:
    """What lies in a convex window of each polygon (Sutherland and Hodgman 1974, doi:10.1145/360767.360802).

    Args:
        corners: the polygons, convex or not; what is left of one that is not may have edges to and fro, of no area.
        windows: the windows, as many.

    Returns:
        The positions of the polygons of which something is left, and its corners.
    """
    return cut_off(corners, _normals(windows))


def cut_off(corners: Array, normals: Array) -> tuple[NDArray[np.intp], Array]:
    """What lies on the inner side of each of some great circles of each polygon.

    Args:
        corners: the polygons.
        normals: the poles of their great circles on the inner side, shape `[polygon, circle, 3]`; zero cuts nothing.

    Returns:
        The positions of the polygons of which something is left, and its corners.
    """
    left, circles = np.arange(len(corners)), normals
    for normals in circles.swapaxes(0, 1):
        heights = np.einsum("pcx,px->pc", corners, normals[left])
        corners, counts = _cut(corners, heights)
        left, corners = left[counts > 0], corners[counts > 0]
    return left, corners


def _cut(corners: Array, heights: Array) -> tuple[Array, NDArray[np.intp]]:
    """The polygons where heights are not negative, and the number of corners of each."""
    after, next_heights = np.roll(corners, -1, axis=1), np.roll(heights, -1, axis=1)
    crossing = np.abs(next_heights)[..., None] * corners + np.abs(heights)[..., None] * after
    length = np.linalg.norm(crossing, axis=-1, keepdims=True)
    crossing /= np.where(length > 0, length, 1.0)
    shape = (len(corners), 2 * corners.shape[1])
    found = np.stack([crossing, after], axis=2).reshape(*shape, 3)
    is_found = np.stack([(heights >= 0) != (next_heights >= 0), next_heights >= 0], axis=2).reshape(shape)
    counts = is_found.sum(axis=1)
    order = np.argsort(~is_found, axis=1, kind="stable")[:, : counts.max(initial=1)]
    rank = np.minimum(np.arange(order.shape[1]), np.maximum(counts - 1, 0)[:, None])
    kept = np.take_along_axis(order, rank, axis=1)
    return np.take_along_axis(found, kept[..., None], axis=1), counts


def _normals(corners: Array) -> Array:
    """The inward normals of the edges, shape `[polygon, edge, 3]`; zero for an edge of no length."""
    normals = np.cross(corners, np.roll(corners, -1, axis=1))
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return np.asarray(np.where(length > STRAIGHT, normals / np.where(length > STRAIGHT, length, 1.0), 0.0))


def _fan(corners: Array) -> tuple[Array, Array, Array]:
    """The corners of the triangles from the first corner on, each `[polygon, triangle, 3]`."""
    return np.broadcast_to(corners[:, :1], corners[:, 2:].shape), corners[:, 1:-1], corners[:, 2:]


def _triangle_areas(first: Array, second: Array, third: Array) -> Array:
    volume = np.sum(first * np.cross(second - first, third - first), axis=-1)
    cosines = (np.sum(one * two, axis=-1) for one, two in ((first, second), (second, third), (third, first)))
    return np.asarray(2 * np.arctan2(volume, 1 + sum(cosines)))
