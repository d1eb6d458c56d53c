"""Waves: from fields on a region of a grid to their coefficients, and from these to the power at each wavenumber."""

__all__ = ["CosineWaves", "Harmonics", "Waves", "ZonalWaves", "waves_of"]

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import groupby, islice

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.grid_rows import Quadrature, Rows, quadrature, rows_of
from wxml.data.legendre import legendre_functions, resolved_degree
from wxml.data.plane import Plane, plane_of
from wxml.errors import ConfigError, Fault

from wxml_verification.arrays import Array

KEPT = 128 * 2**20  # bytes of Legendre functions that are kept; more are made anew for each lot of fields
LEAST = 2  # the wavenumber below which a spectrum tells nothing
PLACE = ("verification", "metrics", "truncation")


class Waves(ABC):
    """The waves of the fields on some nodes.

    Attributes:
        nodes: the nodes that must have values, shape `[some]`.
        wavenumbers: how many there are, from 0 on.
    """

    nodes: NDArray[np.intp]
    wavenumbers: int

    @abstractmethod
    def products(self, pairs: Array) -> Array:
        """The power of each of two fields and their common power, at each wavenumber.

        Args:
            pairs: shape `[2, field, node]`, all nodes of the grid; those of `nodes` are known.

        Returns:
            Shape `[3, wavenumber, field]`: Σ |a|², Σ |b|² and Re Σ a b̄ over the waves of a wavenumber.
        """


class Harmonics(Waves):
    """Spherical harmonics: a Fourier transform of each row, and for each degree l a sum over rows for each order m.

    With the normalisation of `wxml.data.legendre`, the sum of the power over l is the mean of the square over the
    sphere, of fields that have no finer waves.
    """

    def __init__(self, rows: Rows, weights: Quadrature, truncation: int) -> None:
        self.nodes = np.concatenate(rows.nodes)
        self.wavenumbers = truncation + 1
        self._runs = [(length, len(list(run))) for length, run in groupby(rows.lengths.tolist())]
        self._shift = np.exp(-1j * np.radians(rows.first)[:, None] * np.arange(truncation + 1))
        self._points, self._weights = weights.points, weights.weights / 2
        small = 4 * len(rows.nodes) * self.wavenumbers**2 <= KEPT
        self._kept = tuple(self._made()) if small else None

    def products(self, pairs: Array) -> Array:
        """See `Waves.products`; the functions of one degree are in memory at a time, unless all are small."""
        _, count, _ = pairs.shape
        rows = self._rows(pairs.reshape(2 * count, -1)[:, self.nodes])  # [m, row, 2 field · part]
        found = np.empty((3, self.wavenumbers, count))
        for degree, functions in enumerate(self._made() if self._kept is None else self._kept):
            sums = np.matmul(functions[:, None], rows[: degree + 1])[:, 0].reshape(degree + 1, 2, count, 2)
            sums[1:] *= np.sqrt(2)  # of waves m and −m together
            first, second = sums[:, 0], sums[:, 1]
            for place, (one, other) in enumerate(((first, first), (second, second), (first, second))):
                found[place, degree] = np.einsum("mfp,mfp->f", one, other)
        return found

    def _made(self) -> Iterator[Array]:
        """½ w P̄_lm of each degree l, shape `[m, row]`."""
        for functions in islice(legendre_functions(self._points), self.wavenumbers):
            yield functions * self._weights

    def _rows(self, fields: Array) -> Array:
        """The Fourier coefficients of each row, shape `[m, row, field · part]`; 0 where a row has too few nodes."""
        out = np.zeros((self.wavenumbers, len(self._points), len(fields)), complex)
        row = start = 0
        for length, count in self._runs:
            part = fields[:, start : start + length * count].reshape(len(fields), count, length)
            known = min(self.wavenumbers, (length - 1) // 2 + 1)
            waves = np.fft.rfft(part, norm="forward")[..., :known] * self._shift[row : row + count, :known]
            out[:known, row : row + count] = waves.transpose(2, 1, 0)
            row, start = row + count, start + length * count
        return out.view(np.float64)


class ZonalWaves(Waves):
    """The waves along whole rows around the globe, each row counting by its area.

    The wavenumber counts waves around the globe. A row of n nodes tells waves up to n / 2 from each other.
    """

    def __init__(self, rows: Rows, areas: Array) -> None:
        """Take the rows that are whole.

        Args:
            rows: of the grid.
            areas: the share of the area of each node in the region, 0 outside; some row lies inside.
        """
        inside = [nodes for nodes in rows.nodes if np.all(areas[nodes] > 0)]
        self.nodes = np.concatenate(inside)
        self.wavenumbers = max(len(nodes) for nodes in inside) // 2 + 1
        total = areas[self.nodes].sum()
        self._rows = [(nodes, float(areas[nodes].sum() / total)) for nodes in inside]

    def products(self, pairs: Array) -> Array:
        """See `Waves.products`."""
        found = np.zeros((3, self.wavenumbers, pairs.shape[1]))
        for nodes, share in self._rows:
            first, second = np.fft.rfft(pairs[..., nodes], norm="forward")
            known = len(nodes) // 2 + 1
            both = np.full(known, 2 * share)  # waves m and −m
            both[0] = share
            if len(nodes) % 2 == 0:
                both[-1] = share
            for place, (one, other) in enumerate(((first, first), (second, second), (first, second))):
                found[place, :known] += ((one * other.conj()).real * both).T
        return found


class CosineWaves(Waves):
    """Cosine series on a rectangle of rows and columns, whose wavenumber counts half waves along its longer side.

    The discrete cosine transform II (Denis et al. 2002, doi:10.1175/1520-0493(2002)130<1812:SDOTDA>2.0.CO;2); each node
    counts alike, and the sum of the power is the mean of the square.
    """

    def __init__(self, plane: Plane, nodes: NDArray[np.intp]) -> None:
        """Take a rectangle.

        Args:
            plane: its rows and columns.
            nodes: their numbers on the grid, row by row.
        """
        rows, columns = plane.shape
        self.nodes = nodes
        self._shape = plane.shape
        numbers = plane.wavenumber(np.arange(rows)[:, None], np.arange(columns)).ravel()
        self._order = np.argsort(numbers, kind="stable")
        self._starts = np.flatnonzero(np.diff(numbers[self._order], prepend=-1))
        self._numbers = numbers[self._order][self._starts]
        self.wavenumbers = int(numbers.max()) + 1

    def products(self, pairs: Array) -> Array:
        """See `Waves.products`."""
        from scipy.fft import dctn  # where it is needed, as every train loads these plugins

        fields = pairs[..., self.nodes].reshape(*pairs.shape[:2], *self._shape)
        size = np.sqrt(len(self.nodes))
        first, second = dctn(fields, axes=(-2, -1), norm="ortho").reshape(*pairs.shape[:2], -1)[..., self._order] / size
        found = np.zeros((3, self.wavenumbers, pairs.shape[1]))
        for place, (one, other) in enumerate(((first, first), (second, second), (first, second))):
            found[place, self._numbers] = np.add.reduceat(one * other, self._starts, axis=-1).T
        return found


def waves_of(grid: Grid, areas: Array, transform: str, truncation: int | None, margin: int) -> Waves | None:
    """The waves of a region; None where it has none, such as spherical harmonics of a part of the globe.

    Args:
        grid: the places of the nodes.
        areas: the share of the area of each node in the region, 0 outside.
        transform: `sht`, `dct` or `zonal`.
        truncation: the greatest wavenumber of `sht`; None: the greatest that the grid resolves.
        margin: the number of rows and columns at each edge that `dct` leaves out.
    """
    if transform == "dct":
        return _cosines(grid, areas, margin)
    rows = rows_of(grid)
    if rows is None:
        return None
    if transform == "zonal":
        is_whole = any(np.all(areas[nodes] > 0) for nodes in rows.nodes)
        return ZonalWaves(rows, areas) if is_whole else None
    weights = quadrature(rows.latitudes)
    if weights is None or not np.all(areas > 0):
        return None
    longest = (int(rows.lengths.max()) - 1) // 2
    most = min(weights.degree // 2, longest)
    if truncation is None:
        resolved = resolved_degree(weights, rows.lengths, most)
        if resolved < LEAST:
            problem = f"the rows near the poles are too short for wavenumbers beyond {resolved}"
            raise ConfigError(
                [Fault(PLACE, problem)], fix="write a `truncation`, at which these rows are too coarse by little"
            )
        return Harmonics(rows, weights, resolved)
    most = min(len(rows.nodes) - 1, longest)
    if truncation > most:
        raise ConfigError([Fault(PLACE, f"must be at most {most} on this grid, got {truncation}")])
    return Harmonics(rows, weights, truncation)


def _cosines(grid: Grid, areas: Array, margin: int) -> CosineWaves | None:
    """The rectangle of a region; None if its nodes are none."""
    if plane_of(grid) is None:
        return None
    inside = (areas > 0).reshape(grid.shape)
    inside[:margin] = inside[len(inside) - margin :] = False
    inside[:, :margin] = inside[:, inside.shape[1] - margin :] = False
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if min(len(rows), len(columns)) < 2:
        return None
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    if not inside[part].all():
        return None
    nodes = np.arange(len(grid)).reshape(grid.shape)[part]
    own = Grid.curvilinear(*(each[nodes] for each in (grid.latitudes, grid.longitudes)))
    plane = plane_of(own)
    return None if plane is None else CosineWaves(plane, nodes.ravel())
