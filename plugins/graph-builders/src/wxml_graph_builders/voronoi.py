"""The areas of the parts of the sphere that are nearest to each node: Voronoi cells."""

__all__ = ["EdgeOfRegion", "cell_areas", "distinct", "edge_of_region", "square_of_spacing"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from wxml.data.sphere import spans_globe

from wxml_graph_builders.edges import nearest_nodes
from wxml_graph_builders.mesh_nodes import Cells, MeshNodes
from wxml_graph_builders.region import SphericalHull

Points = NDArray[np.float64]
Areas = NDArray[np.float64]

SAME_PLACE = 1e-9  # of the earth's radius, 6 mm
FARTHER = 2.5  # a cell with a corner so many times as far away as is usual for it reaches beyond the region


def cell_areas(nodes: MeshNodes) -> Areas:
    """The area of each node's cell in steradians, shape `[node]`; those of nodes around the globe add up to 4π.

    Nodes at one place share its cell. Of nodes in a region, those at its edge have a cell that reaches far beyond: they
    take the area of the nearest node whose cell does not. A region without such a node is divided into equal areas: the
    square of the mean distance from a node to the nearest one, each.
    """
    places, number, count = distinct(nodes.points)
    areas = _areas(places, spans_globe(nodes.nodes.latitudes, nodes.nodes.longitudes))
    return np.asarray(areas[number] / count[number])


@dataclass(frozen=True, slots=True, eq=False)
class EdgeOfRegion:
    """The nodes at the edge of a region, and the neighbours of each node."""

    at_edge: NDArray[np.bool_]
    """Shape `[node]`."""
    neighbours: Cells
    """Pairs of nodes whose cells touch, both ways, shape `[pair, 2]`; two at the edge may be far apart."""


def edge_of_region(nodes: MeshNodes) -> EdgeOfRegion:
    """The nodes whose cells reach beyond the region that the nodes cover."""
    places, number, _ = distinct(nodes.points)
    triangles = _triangles(places)
    if triangles is None:
        return EdgeOfRegion(np.ones(len(nodes), bool), np.empty((0, 2), np.int64))
    at_edge = _reaches_beyond(places, triangles)[number]
    first = np.full(len(places), -1)
    first[number[::-1]] = np.arange(len(number))[::-1]
    sides = np.concatenate([triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    twins = np.stack([np.arange(len(number)), first[number]], axis=1)
    twins = twins[twins[:, 0] != twins[:, 1]]
    return EdgeOfRegion(at_edge, np.concatenate([first[sides], twins, twins[:, ::-1]]))


def distinct(points: Points) -> tuple[Points, NDArray[np.int64], NDArray[np.int64]]:
    """The distinct places, the number of each node's place, and how many nodes each place has.

    Places within `SAME_PLACE` of each other are one, whatever a rounding would make of them.
    """
    _, number = np.unique(_twin(points), return_inverse=True)
    number = np.asarray(number).ravel()
    first = np.full(int(number.max()) + 1, len(points))
    np.minimum.at(first, number, np.arange(len(points)))
    return points[first], number, np.bincount(number)


def _twin(points: Points) -> NDArray[np.int64]:
    """The lowest node at the place of each one, itself in most cases."""
    from scipy.spatial import cKDTree  # takes a while to load

    lowest = np.arange(len(points))
    pairs = cKDTree(points).query_pairs(SAME_PLACE, output_type="ndarray")
    for _ in range(len(points) if len(pairs) else 0):
        least = np.minimum(lowest[pairs[:, 0]], lowest[pairs[:, 1]])
        before = lowest.copy()
        for column in (0, 1):
            np.minimum.at(lowest, pairs[:, column], least)
        if np.array_equal(before, lowest):
            break
    return lowest


def _areas(places: Points, around_the_globe: bool) -> Areas:
    if len(places) == 1:
        return np.full(1, 4 * np.pi)
    triangles = _triangles(places)
    if triangles is None:
        return _areas_on_circle(places)
    areas = _areas_of_corners(places, triangles)
    if around_the_globe:
        return areas
    beyond = _reaches_beyond(places, triangles)
    if beyond.all():
        return np.full(len(places), square_of_spacing(places))
    inner = np.flatnonzero(~beyond)
    _, nearest = nearest_nodes(places[inner], places[beyond], 1)
    areas[beyond] = areas[inner[nearest]]
    return areas


def square_of_spacing(places: Points) -> float:
    """The square of the mean distance (chord) from a place to the nearest one; all of the sphere for a lone one."""
    if len(places) == 1:
        return 4 * np.pi
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(places).query(places, k=[2])
    return float(np.mean(distance)) ** 2


def _triangles(places: Points) -> Cells | None:
    """The Delaunay triangles, anticlockwise as seen from outside; None if the places lie on one circle."""
    if len(places) < 4:
        return None
    from scipy.spatial import ConvexHull, QhullError

    try:
        triangles = ConvexHull(places).simplices.astype(np.int64)
    except QhullError:
        return None
    a, b, c = (places[corner] for corner in triangles.T)
    outward = np.sum(np.cross(b - a, c - a) * (a + b + c - 3 * places.mean(axis=0)), axis=1)
    triangles[outward < 0] = triangles[outward < 0][:, ::-1]
    return np.asarray(triangles)


def _areas_on_circle(places: Points) -> Areas:
    """The areas of the lunes around places on one circle: each takes half of the gap on either side."""
    if len(places) == 2:
        return np.full(2, 2 * np.pi)
    middle = places.mean(axis=0)
    _, _, axes = np.linalg.svd(places - middle)
    flat = (places - middle) @ axes[:2].T
    centre = _circle_centre(flat)
    azimuth = np.arctan2(flat[:, 1] - centre[1], flat[:, 0] - centre[0])
    order = np.argsort(azimuth)
    gaps = np.mod(np.diff(azimuth[order], append=azimuth[order[0]]), 2 * np.pi)
    areas = np.empty(len(places))
    areas[order] = gaps + np.roll(gaps, 1)
    return areas


def _circle_centre(flat: Points) -> NDArray[np.float64]:
    """The centre of the circle through points in a plane: |p − c|² is the same for all of them."""
    differences = flat[1:] - flat[0]
    squares = np.sum(flat[1:] ** 2, axis=1) - np.sum(flat[0] ** 2)
    return np.asarray(np.linalg.lstsq(2 * differences, squares, rcond=None)[0])


def _centres(places: Points, triangles: Cells) -> Points:
    """The unit vectors that are equally far from the three corners of each triangle, on the outer side of it."""
    a, b, c = (places[corner] for corner in triangles.T)
    normal = np.cross(b - a, c - a)
    return np.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True))


def _areas_of_corners(places: Points, triangles: Cells) -> Areas:
    """The areas of the Voronoi cells, put together from two signed triangles on each side of each corner.

    With the circumcentre o of a triangle a b c and the middle m of a side a b, the triangle a m o lies in the cell of
    a. It counts as negative where o lies beyond the side, and the triangle on the other side counts that much more.
    """
    centres = _centres(places, triangles)
    areas = np.zeros(len(places))
    for start, end in ((0, 1), (1, 2), (2, 0)):
        first, second = places[triangles[:, start]], places[triangles[:, end]]
        middle = first + second
        middle /= np.linalg.norm(middle, axis=1, keepdims=True)
        areas += np.bincount(triangles[:, start], _signed_area(first, middle, centres), len(places))
        areas += np.bincount(triangles[:, end], _signed_area(middle, second, centres), len(places))
    return areas


def _signed_area(a: Points, b: Points, c: Points) -> Areas:
    """The areas of triangles on the unit sphere, positive if a, b, c run anticlockwise as seen from outside.

    tan(E / 2) = a · (b × c) / (1 + a · b + b · c + c · a) (Van Oosterom and Strackee 1983,
    doi:10.1109/TBME.1983.325207).
    """
    volume = _dot(a, np.cross(b, c))
    return np.asarray(2 * np.arctan2(volume, 1 + _dot(a, b) + _dot(b, c) + _dot(c, a)))


def _dot(a: Points, b: Points) -> NDArray[np.float64]:
    return np.asarray(np.sum(a * b, axis=1))


def _reaches_beyond(places: Points, triangles: Cells) -> NDArray[np.bool_]:
    """Whether the cell of each place has a corner outside of the hull of all, or much farther away than its others."""
    centres = _centres(places, triangles)
    radius = np.arccos(np.clip(np.sum(places[triangles[:, 0]] * centres, axis=1), -1, 1))
    hull = SphericalHull.around(places)
    outside = np.zeros(len(triangles), bool) if hull is None else ~hull.contains(centres)
    # A centre in the hemisphere opposite to the hull looks as if it were inside.
    outside |= radius > np.pi / 4
    corner, by_corner = triangles.ravel(), np.repeat(radius, 3)
    usual = _median(corner, by_corner, len(places))
    far = by_corner > FARTHER * usual[corner]
    return np.bincount(corner, np.repeat(outside, 3) | far, len(places)) > 0


def _median(group: NDArray[np.int64], values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """The lower median of the values of each group, shape `[group]`; every group has one."""
    order = np.lexsort((values, group))
    sizes = np.bincount(group, minlength=count)
    starts = np.cumsum(sizes) - sizes
    return np.asarray(values[order][starts + (sizes - 1) // 2])
