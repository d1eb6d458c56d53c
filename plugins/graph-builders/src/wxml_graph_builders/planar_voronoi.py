"""The areas of Voronoi cells on a map of a region."""

__all__ = ["planar_areas"]

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError

from wxml_graph_builders.mesh_nodes import MeshNodes
from wxml_graph_builders.voronoi import distinct, square_of_spacing

if TYPE_CHECKING:
    from scipy.spatial import Voronoi

Points = NDArray[np.float64]
Areas = NDArray[np.float64]

LOWEST: Final = 0.02  # the sine of the angle by which all nodes must lie inside the hemisphere


def planar_areas(nodes: MeshNodes) -> Areas:
    """The areas (steradians) of what lies nearest to each node on a map that keeps areas, shape `[node]`.

    The map is Lambert's azimuthal projection around the middle of the nodes (Snyder 1987, page 185). A cell that
    reaches farther than half a spacing beyond the convex hull of the nodes has the area of the nearest one that does
    not. Nodes at one place share its cell. Nodes along a line, and fewer than three, have the square of their mean
    spacing each.

    Raises:
        DataError: the nodes do not fit into a hemisphere.
    """
    places, number, count = distinct(nodes.points)
    return np.asarray(_areas(places)[number] / count[number])


def _areas(places: Points) -> Areas:
    from scipy.spatial import ConvexHull, QhullError, Voronoi, cKDTree  # takes a while to load

    flat = _map(places)
    try:
        tessellation = Voronoi(flat)
        hull = ConvexHull(flat).equations
    except (QhullError, ValueError):
        return np.full(len(places), square_of_spacing(places))
    areas, beyond = _cells(tessellation, _outside(tessellation.vertices, hull, square_of_spacing(places) ** 0.5 / 2))
    if beyond.all():
        return np.full(len(places), square_of_spacing(places))
    inner = np.flatnonzero(~beyond)
    _, nearest = cKDTree(places[inner]).query(places[beyond])
    areas[beyond] = areas[inner[nearest]]
    return areas


def _map(places: Points) -> Points:
    """The places on the plane, `[place, 2]`: r = 2 sin(c / 2) at the angle c from the middle."""
    middle = places.mean(axis=0)
    length = float(np.linalg.norm(middle))
    heights = places @ middle / max(length, 1e-12)
    if length < 1e-6 or heights.min() <= LOWEST:
        raise DataError(
            "method `planar` serves nodes in a hemisphere, got nodes that reach farther",
            fix="write `method: spherical-voronoi`",
        )
    middle = middle / length
    first = np.cross(middle, np.eye(3)[np.argmin(np.abs(middle))])
    first /= np.linalg.norm(first)
    plane = np.stack([first, np.cross(middle, first)], axis=1)
    return np.asarray(places @ plane * np.sqrt(2 / (1 + heights))[:, None])


def _outside(vertices: Points, hull: NDArray[np.float64], margin: float) -> NDArray[np.bool_]:
    """Which corners of cells lie farther than `margin` outside of the hull; `hull` has a row for each of its sides."""
    found = np.zeros(len(vertices), bool)
    for *normal, offset in hull:
        found |= vertices @ np.array(normal) + offset > margin
    return found


def _cells(tessellation: "Voronoi", outside: NDArray[np.bool_]) -> tuple[Areas, NDArray[np.bool_]]:
    """The area of each cell, and whether it reaches too far: a triangle for each of its sides."""
    sides, owners = np.asarray(tessellation.ridge_vertices), tessellation.ridge_points
    unbounded = (sides < 0).any(axis=1)
    far = unbounded | outside[sides].any(axis=1)
    areas, beyond = np.zeros(len(tessellation.points)), np.zeros(len(tessellation.points), bool)
    starts, ends = (tessellation.vertices[sides[~unbounded, end]] for end in (0, 1))
    for owner in (0, 1):
        here = tessellation.points[owners[~unbounded, owner]]
        (x0, y0), (x1, y1) = (starts - here).T, (ends - here).T
        areas += np.bincount(owners[~unbounded, owner], np.abs(x0 * y1 - x1 * y0) / 2, len(areas))
        beyond[owners[far, owner]] = True
    return areas, beyond
