"""Values and slopes at places among nodes that form no grid: polynomials fitted to the nearest nodes.

Around each place the nodes lie on the plane that touches the sphere there (orthographic projection), and a polynomial
of degree 3 in x (east) and y (north) is fitted to them by least squares, with weights exp(−d² / r²), r being the
distance of the farthest. Its value is right to the fourth, its slope to the third power of the distance of the nodes.
"""

__all__ = ["Fit", "frame", "local_fits"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
DEGREE = 3
TERMS = (DEGREE + 1) * (DEGREE + 2) // 2
NEIGHBOURS = (21, 42, 84)
"""How many nodes a polynomial is fitted to; more where fewer lie on too few lines, as the nodes of near-by rows do."""
STEEPEST = 1e4
"""The largest ratio of singular values of a fit: beyond it, small errors of values become large ones of slopes."""
ASIDE = 0.3
"""In a region a place is at the edge where the middle of its nodes is farther away than so much of the farthest one; a
polynomial of one degree less is fitted there, since what is beyond the edge would be guessed."""
SAME = 1e-9
"""Radii; nodes that are nearer are at one place, as all those of a row at a pole."""
AT_ONCE = 1 << 13


class Fit(NamedTuple):
    """Weights of the nodes that a polynomial is fitted to, each `[place, node]`."""

    nodes: Indices
    """The numbers of the nodes; a place that needs fewer has the weight 0 at the others."""
    value: Array
    east: Array
    """The slope to the east, per radian."""
    north: Array


def local_fits(source: Grid, target: Grid, called: str) -> Fit:
    """The weights that give values and slopes at the nodes of `target` from values at those of `source`.

    Args:
        source: the nodes that have values.
        target: the places.
        called: what the message calls the nodes.

    Raises:
        DataError: the nodes near to a place lie on too few lines.
    """
    every = unit_vectors(source.latitudes, source.longitudes)
    _, kept = np.unique(np.round(every / SAME), axis=0, return_index=True)
    counts = sorted({min(count, len(kept)) for count in NEIGHBOURS}) if len(kept) >= TERMS else []
    aside = np.inf if source.is_global else ASIDE
    empty = np.zeros((len(target), 1))
    fit = Fit(np.zeros((len(target), 1), np.intp), empty, empty, empty)
    left = np.arange(len(target))
    for count in counts:
        more = ((0, 0), (0, count - fit.nodes.shape[1]))
        fit = Fit(np.pad(fit.nodes, more), np.pad(fit.value, more), np.pad(fit.east, more), np.pad(fit.north, more))
        left = _fill(fit, target, left, (every[kept], kept), count, aside)
        if not len(left):
            return fit
    raise DataError(
        f"{called}: no slope can be found at {target.latitudes[left[0]]:g}°N {target.longitudes[left[0]]:g}°E, nor at "
        f"{len(left) - 1} other places of {len(target)}: the nodes near to it lie on one or a few lines",
        fix="bring the source to another grid first, with `regrid` and for example to: {degrees: 1.0}",
    )


def _fill(fit: Fit, target: Grid, places: Indices, source: tuple[Array, Indices], count: int, aside: float) -> Indices:
    """Write the weights of some places from `count` nodes each, and return the places that need more.

    Args:
        fit: where they are written.
        target: the grid of the places.
        places: which of its nodes.
        source: unit vectors of the nodes, and their numbers.
        count: how many nodes each place takes.
        aside: see `ASIDE`.
    """
    from scipy.spatial import KDTree

    tree, failed = KDTree(source[0]), [np.zeros(0, np.intp)]
    for start in range(0, len(places), AT_ONCE):
        some = places[start : start + AT_ONCE]
        middle = unit_vectors(target.latitudes[some], target.longitudes[some])
        found, near = tree.query(middle, k=np.arange(1, count + 1))
        distances = np.asarray(found, np.float64)
        reach = distances[:, -1:]
        x, y = (np.einsum("nkx,nx->nk", source[0][near], axis) / reach for axis in _axes(target, some))
        is_edge = np.hypot(x.mean(axis=1), y.mean(axis=1)) > aside
        weights, is_good = _weights(x, y, np.exp(-((distances / reach) ** 2)), is_edge)
        weights[1:] /= reach
        _write(fit, some, source[1][near], weights)
        failed.append(some[~is_good])
    return np.concatenate(failed)


def frame(grid: Grid) -> tuple[Array, Array]:
    """The directions east and north at each node, unit vectors `[node, 3]`."""
    return _axes(grid, np.arange(len(grid)))


def _axes(grid: Grid, nodes: Indices) -> tuple[Array, Array]:
    lat, lon = np.radians(grid.latitudes[nodes]), np.radians(grid.longitudes[nodes])
    east = np.stack([-np.sin(lon), np.cos(lon), 0 * lon], axis=-1)
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], axis=-1)
    return east, north


def _write(fit: Fit, places: Indices, nodes: Indices, weights: Array) -> None:
    """Keep the weights `[3, place, node]` of some places."""
    fit.nodes[places] = nodes
    for column, found in zip((fit.value, fit.east, fit.north), weights, strict=True):
        column[places] = found


def _weights(x: Array, y: Array, weights: Array, is_edge: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    """The same as `_fitted`, with one degree less at an edge."""
    found, is_good = np.zeros((3, *x.shape)), np.zeros(len(x), bool)
    for some, degree in ((~is_edge, DEGREE), (is_edge, DEGREE - 1)):
        found[:, some], is_good[some] = _fitted(x[some], y[some], weights[some], degree)
    return found, is_good


def _fitted(x: Array, y: Array, weights: Array, degree: int) -> tuple[Array, NDArray[np.bool_]]:
    """The weights `[3, place, node]` of the values that give value and slopes at 0; and whether they are good."""
    powers = [(total - of_y, of_y) for total in range(degree + 1) for of_y in range(total + 1)]
    terms = np.stack([x**one * y**other for one, other in powers], axis=-1)
    left, sizes, right = np.linalg.svd(terms * weights[..., None], full_matrices=False)
    is_good = sizes[:, 0] <= STEEPEST * sizes[:, -1]
    inverse = np.where(is_good[:, None], 1 / np.maximum(sizes, np.finfo(float).tiny), 0.0)
    return np.einsum("nst,ns,nks->tnk", right[:, :, :3], inverse, left) * weights, is_good
