"""Derivatives of fields on the sphere to the east and to the north, as sparse matrices, on any grid."""

__all__ = ["RADIUS", "Gradient", "gradient"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.grid_rows import Rows, rows_of
from wxml.data.sphere import unit_vectors

from wxml_verification.arrays import Array

if TYPE_CHECKING:
    from scipy.sparse import csr_array

RADIUS = 6_371_229.0
"""Metres, of the Earth in the IFS."""
AROUND = 1e-3
"""How far, in steps, the last column of a grid around the globe may be from one step before the first."""
NEIGHBOURS = 12
CLEAR = 1e-2
"""The least singular value of a fit beside the greatest: what neighbours do not tell is left out, not guessed."""
Columns = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Gradient:
    """Both derivatives, for a field of single numbers at the nodes, per metre; NaN where there is none."""

    to_east: "csr_array"
    to_north: "csr_array"
    known: NDArray[np.bool_]
    """Where there are derivatives, shape `[node]`."""

    def of(self, field: Array) -> tuple[Array, Array]:
        """The derivatives of a field, shape `[node]`; NaN, too, where a node that they need is missing."""
        east, north = self.to_east @ field, self.to_north @ field
        return np.where(self.known, east, np.nan), np.where(self.known, north, np.nan)


def gradient(grid: Grid) -> Gradient:
    """Differences of second order.

    On rows of nodes: between the neighbours in the row, and between the rows beside it, in which values are
    interpolated by cubics along the row; there is none in the first and the last row, nor at the ends of rows that do
    not go around the globe. Elsewhere: a polynomial of degree two fitted to the 12 nearest nodes on the tangent plane.
    """
    if grid.is_regular:
        return _of_lattice(grid)
    rows = rows_of(grid)
    return _of_neighbours(grid) if rows is None else _of_rows(rows, len(grid))


class _Entries:
    """The entries of both matrices while they are made."""

    def __init__(self, nodes: int) -> None:
        self._nodes = nodes
        self._found: dict[str, list[tuple[NDArray[np.intp], NDArray[np.intp], Array]]] = {"east": [], "north": []}
        self._known = np.zeros(nodes, bool)

    def add(self, which: str, nodes: Columns, columns: Columns, weights: Array | float) -> None:
        """Give each of some nodes a weight on another one; all of the same shape."""
        self._found[which].append((nodes.ravel(), columns.ravel(), np.broadcast_to(weights, nodes.shape).ravel()))

    def gradient(self, known: Columns) -> Gradient:
        """The gradient at the nodes that are known."""
        self._known[known.ravel()] = True
        east, north = (self._matrix(which) for which in ("east", "north"))
        return Gradient(east, north, self._known)

    def _matrix(self, which: str) -> "csr_array":
        from scipy.sparse import csr_array

        nodes, columns, weights = (np.concatenate(part) for part in zip(*self._found[which], strict=True))
        return csr_array((weights, (nodes, columns)), shape=(self._nodes, self._nodes))


def _of_lattice(grid: Grid) -> Gradient:
    """On all pairs of some latitudes and some longitudes, around the globe or not."""
    numbers = np.arange(len(grid)).reshape(grid.shape)
    latitudes, longitudes = grid.latitudes.reshape(grid.shape)[:, 0], grid.longitudes.reshape(grid.shape)[0]
    steps = np.diff(np.unwrap(longitudes, period=360.0))
    is_around = abs(360.0 - abs(steps.sum() + steps[0])) < AROUND * abs(steps[0])
    columns = slice(None) if is_around else slice(1, -1)
    inner, found = numbers[1:-1, columns], _Entries(len(grid))
    east, west = (np.roll(numbers, shift, axis=1)[1:-1, columns] for shift in (-1, 1))
    ahead, behind = (np.roll(np.append(steps, steps[0]), shift)[columns] for shift in (0, 1))
    metres = RADIUS * np.cos(np.radians(latitudes[1:-1, None]))
    for which, weight in zip((west, inner, east), _three_points(behind, ahead), strict=True):
        found.add("east", inner, which, weight / metres)
    angles = np.diff(latitudes)[:, None]
    for which, weight in zip(
        (numbers[:-2, columns], inner, numbers[2:, columns]), _three_points(angles[:-1], angles[1:]), strict=True
    ):
        found.add("north", inner, which, np.broadcast_to(weight / RADIUS, inner.shape))
    return found.gradient(inner)


def _three_points(behind: Array, ahead: Array) -> tuple[Array, Array, Array]:
    """Weights of the derivative, per radian, on the values behind, here and ahead, from the steps in degrees."""
    b, a = np.radians(behind), np.radians(ahead)
    return -a / (b * (a + b)), (a - b) / (a * b), b / (a * (a + b))


def _of_rows(rows: Rows, nodes: int) -> Gradient:
    """On rows around the globe with numbers of nodes of their own."""
    found, known = _Entries(nodes), rows.nodes[1:-1]
    for number, own in enumerate(known, 1):
        step = 360.0 / len(own)
        metres = RADIUS * np.cos(np.radians(rows.latitudes[number]))
        half = 1 / (2 * np.radians(step) * metres)
        found.add("east", own, np.roll(own, -1), half)
        found.add("east", own, np.roll(own, 1), -half)
        longitudes = rows.first[number] + step * np.arange(len(own))
        steps = np.diff(rows.latitudes[number - 1 : number + 2])
        weights = _three_points(*steps)
        found.add("north", own, own, float(weights[1]) / RADIUS)
        for other, weight in ((number - 1, weights[0]), (number + 1, weights[2])):
            for columns, share in _cubic(rows, other, longitudes):
                found.add("north", own, columns, share * weight / RADIUS)
    return found.gradient(np.concatenate(known))


def _cubic(rows: Rows, number: int, longitudes: Array) -> list[tuple[Columns, Array]]:
    """Four nodes of a row, and their weights, that interpolate it at some longitudes (Lagrange)."""
    own = rows.nodes[number]
    places = (longitudes - rows.first[number]) * len(own) / 360.0
    before = np.floor(places)
    x = places - before
    weights = (
        -x * (x - 1) * (x - 2) / 6,
        (x + 1) * (x - 1) * (x - 2) / 2,
        -(x + 1) * x * (x - 2) / 2,
        (x + 1) * x * (x - 1) / 6,
    )
    start = before.astype(np.intp) - 1
    return [(own[(start + step) % len(own)], weight) for step, weight in enumerate(weights)]


def _of_neighbours(grid: Grid) -> Gradient:
    """On nodes in any order: the fit of a polynomial of degree two to the nodes around each."""
    from scipy.spatial import cKDTree

    points = unit_vectors(grid.latitudes, grid.longitudes)
    near = np.asarray(cKDTree(points).query(points, NEIGHBOURS + 1)[1], np.intp)[:, 1:]
    lat, lon = np.radians(grid.latitudes), np.radians(grid.longitudes)
    east = np.stack([-np.sin(lon), np.cos(lon), np.zeros_like(lon)], axis=-1)
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], axis=-1)
    towards = points[near] / np.einsum("nkc,nc->nk", points[near], points)[..., None]  # on the tangent plane
    x, y = (np.einsum("nkc,nc->nk", towards, axis) for axis in (east, north))
    size = np.sqrt(np.mean(x**2 + y**2, axis=1))
    x, y = x / size[:, None], y / size[:, None]
    fits = np.linalg.pinv(np.stack([x, y, x**2, x * y, y**2], axis=-1), rcond=CLEAR)[:, :2] / (
        size[:, None, None] * RADIUS
    )
    numbers, found = np.arange(len(grid)), _Entries(len(grid))
    for which, weights in (("east", fits[:, 0]), ("north", fits[:, 1])):
        found.add(which, np.repeat(numbers[:, None], NEIGHBOURS, axis=1), near, weights)
        found.add(which, numbers, numbers, -weights.sum(axis=1))
    return found.gradient(numbers)
