"""Grids whose nodes lie in rows around the globe, such as regular, reduced Gaussian and octahedral ones and HEALPix."""

__all__ = ["Quadrature", "Rows", "quadrature", "rows_of"]

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.sphere import gauss_legendre

Array = NDArray[np.float64]

SAME_ROW = 1e-4
"""Degrees between latitudes of one row."""
EVEN = 2e-3
"""Degrees by which the longitudes of a row may be uneven: files round them."""
GAUSSIAN = 1e-3
"""Degrees by which Gaussian latitudes may be rounded; a regular spacing differs by far more."""
WIDEST_CAP = 1.5
"""How far the first and the last row may be from the poles, in units of the greatest distance between two rows."""
SHARES = (1.0, 7 / 8, 3 / 4, 1 / 2)
"""How much of the degree that fits the number of rows is tried, until all weights are near to the areas of the rows:
the rings of HEALPix, which are no zeros of a polynomial, need the second."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of nodes, each of one latitude and evenly spaced around the globe, from north to south."""

    latitudes: Array
    """Degrees, shape `[row]`."""
    first: Array
    """The longitude of the first node of each row, degrees, shape `[row]`."""
    nodes: tuple[NDArray[np.intp], ...]
    """The numbers of the nodes of each row, eastward."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of nodes of each row."""
        return np.array([len(nodes) for nodes in self.nodes])


@dataclass(frozen=True, slots=True, eq=False)
class Quadrature:
    """∫ p(x) dx over [−1, 1] as a sum over rows, x being the sine of the latitude."""

    points: Array
    """x of each row, shape `[row]`."""
    weights: Array
    """Positive, sum 2, shape `[row]`."""
    degree: int
    """The sum is exact for polynomials up to this degree."""


def rows_of(grid: Grid) -> Rows | None:
    """Find the rows of a grid; None if it has others than even ones around the globe, or leaves out a polar cap.

    There must be three rows at least, of three nodes in the mean: of scattered nodes each has a latitude of its own.
    """
    if grid.parts:
        return None
    order = np.argsort(-grid.latitudes, kind="stable")
    breaks = np.flatnonzero(-np.diff(grid.latitudes[order]) > SAME_ROW) + 1
    found = [_eastward(grid, nodes) for nodes in np.split(order, breaks)]
    if len(found) < 3 or len(grid) < 3 * len(found) or any(nodes is None for nodes in found):
        return None
    nodes = tuple(each for each in found if each is not None)
    latitudes = np.array([grid.latitudes[each].mean() for each in nodes])
    gap = max(north - south for north, south in pairwise(latitudes))
    if max(90 - latitudes[0], 90 + latitudes[-1]) > WIDEST_CAP * gap:
        return None
    return Rows(latitudes, np.array([grid.longitudes[each[0]] for each in nodes]), nodes)


def _eastward(grid: Grid, nodes: NDArray[np.intp]) -> NDArray[np.intp] | None:
    """The nodes of a row sorted by longitude; None if they are not evenly spaced around the globe."""
    longitudes = np.mod(grid.longitudes[nodes] + EVEN, 360.0) - EVEN  # 359.9999 is 0
    order = np.argsort(longitudes, kind="stable")
    step = 360.0 / len(nodes)
    uneven = longitudes[order] - longitudes[order[0]] - step * np.arange(len(nodes))
    return nodes[order] if np.all(np.abs(uneven) <= min(EVEN, step / 10)) else None


def quadrature(latitudes: Array) -> Quadrature | None:
    """Weights of rows (degrees, from north to south): those of Gauss–Legendre where the rows are the Gaussian ones.

    Else the weights are as near to the areas of the rows as sums can be that are exact for polynomials; n rows at equal
    distances, with or without the poles, are exact up to degree n − 1 (Clenshaw and Curtis 1960, Fejér 1933). None if
    there are no such weights near to the areas.
    """
    count = len(latitudes)
    gaussian, weights = gauss_legendre(count)
    if np.allclose(latitudes, gaussian, rtol=0, atol=GAUSSIAN):
        return Quadrature(np.sin(np.radians(gaussian)), weights, 2 * count - 1)
    points = np.sin(np.radians(latitudes))
    between = np.radians((latitudes[1:] + latitudes[:-1]) / 2)
    areas = -np.diff(np.sin(np.concatenate([[np.pi / 2], between, [-np.pi / 2]])))
    for share in SHARES:
        degree = int(share * (count - 1))
        weights = _nearest_weights(points, areas, degree)
        if np.all(weights > areas / 2):
            return Quadrature(points, weights, degree)
    return None


def _nearest_weights(points: Array, areas: Array, degree: int) -> Array:
    """The exact weights w with the least Σ (w − a)² / a, where a are the areas of the rows."""
    polynomials = np.polynomial.legendre.legvander(points, degree) * np.sqrt(2 * np.arange(degree + 1) + 1)
    integrals = np.zeros(degree + 1)
    integrals[0] = 2.0
    root = np.sqrt(areas)
    change, *_ = np.linalg.lstsq((polynomials * root[:, None]).T, integrals - areas @ polynomials, rcond=1e-13)
    return np.asarray(areas + root * change)
