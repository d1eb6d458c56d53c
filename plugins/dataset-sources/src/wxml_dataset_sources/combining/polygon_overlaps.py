"""The shares of the cells of one grid in those of another, where the cells are polygons."""

__all__ = ["polygon_overlaps"]

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wxml_dataset_sources.combining.cell_polygons import CellPolygons
from wxml_dataset_sources.combining.polygons import areas, clipped, is_convex, triangles

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
AT_ONCE = 1 << 14
"""Pairs of cells that are cut at once."""
TRACE = 1e-13
"""Shares smaller than this come from rounding."""


def polygon_overlaps(source: CellPolygons, target: CellPolygons) -> "csr_array":
    """The share of each cell of `target` that lies in each cell of `source`, shape `[target node, source node]`."""
    from scipy.sparse import csr_array

    into, out = _near(source.corners, target.corners)
    convex = is_convex(target.corners), is_convex(source.corners)
    shared = np.zeros(len(into))
    for start in range(0, len(into), AT_ONCE):
        own, other = into[start : start + AT_ONCE], out[start : start + AT_ONCE]
        pair = target.corners[own], source.corners[other]
        shared[start : start + AT_ONCE] = _shared(*pair, convex[0][own], convex[1][other])
    whole = np.bincount(target.nodes, areas(target.corners), target.size)
    rows, columns = target.nodes[into], source.nodes[out]
    weights = csr_array((shared / whole[rows], (rows, columns)), shape=(target.size, source.size))
    weights.sum_duplicates()
    weights.data[weights.data < TRACE] = 0.0
    weights.eliminate_zeros()
    return weights


def _shared(first: Array, second: Array, is_first: NDArray[np.bool_], is_second: NDArray[np.bool_]) -> Array:
    """The area that both of each pair of polygons share; `is_first` and `is_second` say which are convex."""
    areas_shared = np.empty(len(first))
    is_second = is_second & ~is_first
    is_none = ~is_first & ~is_second
    areas_shared[is_first] = _in_windows(second[is_first], first[is_first])
    areas_shared[is_second] = _in_windows(first[is_second], second[is_second])
    polygons, windows = sorted((first[is_none], second[is_none]), key=lambda each: -each.shape[1])
    areas_shared[is_none] = _in_triangles(polygons, windows)
    return areas_shared


def _in_windows(polygons: Array, windows: Array) -> Array:
    """The area of each polygon in a convex window."""
    shared = np.zeros(len(polygons))
    left, corners = clipped(polygons, windows)
    shared[left] = areas(corners)
    return shared


def _in_triangles(polygons: Array, windows: Array) -> Array:
    """The area of each polygon in a window that is not convex: over the triangles of the window, with their signs."""
    parts, signs = triangles(windows)
    window, triangle = np.nonzero(signs)
    shared = _in_windows(polygons[window], parts[window, triangle]) * signs[window, triangle]
    return np.asarray(np.bincount(window, shared, len(polygons)), np.float64)


def _near(source: Array, target: Array) -> tuple[Indices, Indices]:
    """The pairs of cells of target and source whose caps overlap."""
    pairs = [(np.zeros(0, np.intp), np.zeros(0, np.intp))]
    pairs += [pair for own in _classes(target) for other in _classes(source) for pair in [_touching(own, other)]]
    into, out = (np.concatenate(each) for each in zip(*pairs, strict=True))
    return into, out


def _touching(own: tuple[Indices, Array, Array], other: tuple[Indices, Array, Array]) -> tuple[Indices, Indices]:
    """The same of two classes of cells, each with their positions, middles and radii."""
    from scipy.spatial import KDTree

    (into, middle, radius), (out, centre, reach) = own, other
    within = 2 * np.sin(min((radius.max() + reach.max()) / 2, np.pi / 2)) + 1e-12
    found = KDTree(middle).sparse_distance_matrix(KDTree(centre), within, output_type="ndarray")
    angles = 2 * np.arcsin(np.minimum(found["v"] / 2, 1))
    is_near = angles <= radius[found["i"]] + reach[found["j"]] + 1e-9
    return into[found["i"][is_near]], out[found["j"][is_near]]


def _classes(corners: Array) -> list[tuple[Indices, Array, Array]]:
    """The cells of one order of size each: positions, middles, and angles to the farthest corners (radii).

    A few large cells would be near to very many small ones else.
    """
    middle = corners.mean(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    chords = np.linalg.norm(corners - middle[:, None], axis=-1).max(axis=1)
    radius = 2 * np.arcsin(np.minimum(chords / 2, 1))
    order = np.floor(np.log2(np.maximum(radius, 1e-9)))
    members = [np.flatnonzero(order == each) for each in np.unique(order)]
    return [(each, middle[each], radius[each]) for each in members]
