"""Sparse weights that bring values from the nodes of one grid to those of another."""

__all__ = ["Method", "interpolation_weights"]

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError

from wxml_dataset_sources.combining.fitting import SAME_PLACE

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Method = Literal["nearest", "bilinear"]


class _Bracket(NamedTuple):
    """The places on an axis before and after some values, and how far on the way each value is, from 0 to 1."""

    before: Indices
    after: Indices
    share: Array
    is_outside: NDArray[np.bool_]

    @classmethod
    def of(cls, axis: Array, values: Array) -> "_Bracket":
        found = np.searchsorted(axis, values)
        after, before = np.minimum(found, len(axis) - 1), np.maximum(found - 1, 0)
        step = axis[after] - axis[before]
        share = np.divide(values - axis[before], step, out=np.zeros(len(values)), where=step > 0)
        is_outside = (values < axis[0] - SAME_PLACE) | (values > axis[-1] + SAME_PLACE)
        return cls(before, after, np.clip(share, 0, 1), is_outside)


def interpolation_weights(source: Grid, target: Grid, method: Method) -> "csr_array":
    """The weights `[target node, source node]`; those of a target node sum to 1.

    `bilinear` is in latitude and longitude on a regular grid, and on the triangles between the nodes on others.

    Raises:
        DataError: nodes of `target` are outside of `source`, and the method is not `nearest`.
    """
    from scipy.sparse import csr_array

    if method == "nearest":
        nodes, shares = _nearest(source, target), np.ones((len(target), 1))
    else:
        nodes, shares = (_in_boxes if source.is_regular else _on_triangles)(source, target)
    rows = np.repeat(np.arange(len(target)), nodes.shape[1])
    weights = csr_array((shares.ravel(), (rows, nodes.ravel())), shape=(len(target), len(source)))
    weights.eliminate_zeros()  # else a missing value spreads to where it has no weight
    return weights


def _nearest(source: Grid, target: Grid) -> Indices:
    from scipy.spatial import KDTree

    tree = KDTree(unit_vectors(source.latitudes, source.longitudes))
    return np.asarray(tree.query(unit_vectors(target.latitudes, target.longitudes))[1], np.intp)[:, None]


def _in_boxes(source: Grid, target: Grid) -> tuple[Indices, Array]:
    """The four nodes of a regular grid around each node; between its last row and a pole, the two of that row."""
    columns = source.shape[1]
    latitudes = source.latitudes[::columns]
    upwards = np.argsort(latitudes)
    rows = _Bracket.of(latitudes[upwards], target.latitudes)
    eastwards, lon = _eastwards(source.longitudes[:columns], target.longitudes)
    spacing = np.abs(np.diff(latitudes)).max(initial=0)
    is_beyond = np.where(target.latitudes > 0, 90 - latitudes.max(), latitudes.min() + 90) > spacing
    _check_outside(target, (rows.is_outside & is_beyond) | lon.is_outside)
    corners = [
        (upwards[row] * columns + eastwards[column], up * along)
        for row, up in ((rows.before, 1 - rows.share), (rows.after, rows.share))
        for column, along in ((lon.before, 1 - lon.share), (lon.after, lon.share))
    ]
    nodes, shares = zip(*corners, strict=True)
    return np.stack(nodes, axis=1), np.stack(shares, axis=1)


def _eastwards(own: Array, wanted: Array) -> tuple[Indices, _Bracket]:
    """The columns eastwards from the widest gap between them, and the places of `wanted` among these.

    If no gap is wider than one and a half of the next widest, the columns go around the globe, and the first one comes
    again at the end.
    """
    order = np.argsort(own)
    gaps = np.diff(own[order], append=own[order][0] + 360)
    order = np.roll(order, -int(np.argmax(gaps)) - 1)
    axis = np.mod(own[order] - own[order[0]], 360)
    if len(own) > 1 and gaps.max() < 1.5 * np.sort(gaps)[-2]:
        order, axis = np.append(order, order[0]), np.append(axis, 360.0)
    return order, _Bracket.of(axis, np.mod(wanted - own[order[0]] + SAME_PLACE, 360) - SAME_PLACE)


def _on_triangles(source: Grid, target: Grid) -> tuple[Indices, Array]:
    """The three nodes around each node, of Delaunay's triangles, which fill the hull of all nodes.

    Each half of the globe is put on a plane from the other pole (stereographic), which keeps circles, and so triangles.
    """
    places, wanted = (unit_vectors(grid.latitudes, grid.longitudes) for grid in (source, target))
    nodes, shares = np.zeros((len(target), 3), np.intp), np.zeros((len(target), 3))
    is_outside = np.zeros(len(target), bool)
    for half in (1.0, -1.0):
        mine = np.flatnonzero(half * wanted[:, 2] >= 0)
        near = np.flatnonzero(half * places[:, 2] > -0.7)
        corners, is_inside = _triangles(places[near], wanted[mine], half)
        is_outside[mine] = ~is_inside
        mine = mine[is_inside]
        nodes[mine] = near[corners]
        shares[mine] = _shares(places[nodes[mine]], wanted[mine])
    _check_outside(target, is_outside)
    return nodes, shares


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


def _check_outside(target: Grid, is_outside: NDArray[np.bool_]) -> None:
    """Raise a DataError if nodes of the target are outside of the source."""
    if is_outside.any():
        node = int(np.argmax(is_outside))
        count = np.count_nonzero(is_outside)
        raise DataError(
            f"{count} of {len(target)} nodes of `to` are outside of the grid of `source`, such as "
            f"{target.latitudes[node]:g}°N {target.longitudes[node]:g}°E",
            fix="cut `to` with `subset` and its option `area`: `to: {like: {plugin: subset, …}}`, or take the nearest "
            "nodes, however far they are: `method: nearest`",
        )
