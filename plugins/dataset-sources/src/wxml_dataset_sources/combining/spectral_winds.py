"""Vorticity and divergence of winds and back, through spherical harmonics, on rows around the globe.

ζ = (∂v/∂λ − ∂(u cos φ)/∂φ) / (a cos φ) and D = (∂u/∂λ + ∂(v cos φ)/∂φ) / (a cos φ); back, u = −∂ψ/∂y + ∂χ/∂x and
v = ∂ψ/∂x + ∂χ/∂y with ∇²ψ = ζ and ∇²χ = D. Derivatives in latitude fall on the Legendre functions, by parts. Waves
beyond the truncation are cut: total wave number (rows − 1) / 2, rows − 1 on Gaussian latitudes, or what the nodes of
every row resolve.
"""

__all__ = ["MOST_ROWS", "Transform", "divergence", "even_rows", "transform", "vorticity", "wind_u", "wind_v"]

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import gauss_legendre

from wxml_dataset_sources.combining.healpix_cells import healpix_order
from wxml_dataset_sources.combining.latitude_rows import Rows, rows_of
from wxml_dataset_sources.simulation.spherical_harmonics import EARTH_RADIUS, legendre_functions

Array = NDArray[np.float64]
Waves = NDArray[np.complex128]
Part = Literal["values", "eastward", "northward"]
"""Legendre functions, and what the slopes eastward and northward are made of: over a cos φ, with their derivative."""
MOST_ROWS = 1441
POLE = 90 - np.degrees(1e-5)
"""Where the Legendre functions of a row at a pole are taken: their slopes are divided by the cosine of the latitude."""
FADED = 6
"""Orders above l cos φ at which a wave has faded: with 6, winds from waves come back to 1e-5, with 4 to 3e-4."""
AT_ONCE = 1 << 22
"""Values of Legendre functions that are made at once."""


class Transform(NamedTuple):
    """The rows of a grid from south to north, and the waves that they resolve."""

    rows: Rows
    weights: Array
    """Of the rows in an integral over the sine of the latitude, shape `[row]`."""
    truncation: int
    """The largest total wave number."""

    @property
    def inverse_laplacian(self) -> Array:
        """−a² / (l (l + 1)), zero for the mean, shape `[degree]`."""
        degrees = np.arange(1.0, self.truncation + 1)
        return np.append(0.0, -(EARTH_RADIUS**2) / (degrees * (degrees + 1)))

    @property
    def orders(self) -> Array:
        """Shape `[order, 1, 1]`."""
        return np.arange(self.truncation + 1.0)[:, None, None]


def even_rows(grid: Grid) -> Rows | None:
    """The rows of a grid; None if they are no even rows up to both poles, or too many for the transforms."""
    rows = None if healpix_order(grid) is not None else rows_of(grid)
    if rows is None or len(rows.latitudes) > MOST_ROWS or not _reach_the_poles(rows.latitudes):
        return None
    return rows


def transform(rows: Rows) -> Transform:
    """Prepare the transforms of even rows up to both poles."""
    gaussian, weights = gauss_legendre(len(rows.latitudes))
    is_gaussian = len(weights) > 2 and np.allclose(rows.latitudes, gaussian[::-1], atol=1e-3, rtol=0)
    if not is_gaussian:
        powers = np.polynomial.legendre.legvander(np.sin(np.radians(rows.latitudes)), len(weights) - 1).T
        weights = np.linalg.solve(powers, 2.0 * np.eye(len(weights))[0])
    return Transform(rows, weights, min(len(weights) - 1 if is_gaussian else (len(weights) - 1) // 2, _resolved(rows)))


def _resolved(rows: Rows) -> int:
    """The largest total wave number whose waves all rows resolve.

    Waves of total wave number l and of orders above l cos φ fade towards the pole, so that a row needs them no more.
    """
    cosines = np.cos(np.radians(np.clip(rows.latitudes, -POLE, POLE)))
    orders = (rows.counts - 1) // 2
    return int(np.maximum(orders, np.floor((orders - FADED) / cosines + 1e-6)).min())


def _reach_the_poles(latitudes: Array) -> bool:
    """Whether the outermost rows are no farther from the poles than the rows are from each other."""
    most = 1.01 * np.diff(latitudes).max()
    return bool(latitudes[0] + 90 <= most and 90 - latitudes[-1] <= most)


def vorticity(of: Transform, u: Array, v: Array) -> Array:
    """In s⁻¹, of winds `[..., node]` in m s⁻¹."""
    along, across = _analysed(of, (("eastward", v), ("northward", u)))
    return _synthesised(of, (("values", 1j * of.orders * along + across),))


def divergence(of: Transform, u: Array, v: Array) -> Array:
    """In s⁻¹, of winds `[..., node]` in m s⁻¹."""
    along, across = _analysed(of, (("eastward", u), ("northward", v)))
    return _synthesised(of, (("values", 1j * of.orders * along - across),))


def wind_u(of: Transform, rotation: Array, spreading: Array) -> Array:
    """In m s⁻¹, of vorticity and divergence `[..., node]`."""
    stream, potential = _potentials(of, rotation, spreading)
    return _synthesised(of, (("eastward", 1j * of.orders * potential), ("northward", -stream)))


def wind_v(of: Transform, rotation: Array, spreading: Array) -> Array:
    """In m s⁻¹, of vorticity and divergence `[..., node]`."""
    stream, potential = _potentials(of, rotation, spreading)
    return _synthesised(of, (("eastward", 1j * of.orders * stream), ("northward", potential)))


def _potentials(of: Transform, *fields: Array) -> tuple[Waves, ...]:
    """The coefficients of the inverse Laplacians of fields, `[order, degree, field]`."""
    found = _analysed(of, tuple(("values", each) for each in fields))
    return tuple(of.inverse_laplacian[:, None] * each for each in found)


def _analysed(of: Transform, fields: tuple[tuple[Part, Array], ...]) -> tuple[Waves, ...]:
    """½ Σ w f_m functions, `[order, degree, field]`, of each of the fields `[..., node]` with its functions."""
    waves = [_to_waves(of, values.reshape(-1, values.shape[-1])) * (0.5 * of.weights)[:, None] for _, values in fields]
    size = of.truncation + 1
    found = tuple(np.zeros((size, size, waves[0].shape[2]), np.complex128) for _ in fields)
    for rows, functions in _blocks(of):
        for (part, _), wave, sums in zip(fields, waves, found, strict=True):
            np.add(sums, np.matmul(functions[part], wave[:, rows]), out=sums)
    return found


def _synthesised(of: Transform, fields: tuple[tuple[Part, Waves], ...]) -> Array:
    """Σ coefficients · functions on the nodes, `[field, node]`, summed over the fields."""
    waves = np.zeros((of.truncation + 1, len(of.weights), fields[0][1].shape[2]), np.complex128)
    for rows, functions in _blocks(of):
        for part, coefficients in fields:
            waves[:, rows] += np.matmul(functions[part].swapaxes(1, 2), coefficients)
    return _from_waves(of, waves)


def _blocks(of: Transform) -> Iterator[tuple[slice, dict[Part, Array]]]:
    """The Legendre functions `[order, degree, row]` of some rows after the other, which need little memory at once."""
    step = max(AT_ONCE // (of.truncation + 1) ** 2, 1)
    for start in range(0, len(of.weights), step):
        rows = slice(start, start + step)
        yield rows, _functions(tuple(of.rows.latitudes[rows]), of.truncation)


@lru_cache(maxsize=4)
def _functions(latitudes: tuple[float, ...], truncation: int) -> dict[Part, Array]:
    sines = np.sin(np.radians(np.clip(latitudes, -POLE, POLE)))
    functions, slopes = legendre_functions(truncation, sines)
    metric = 1.0 / (EARTH_RADIUS * np.sqrt(1.0 - sines**2))
    return {"values": functions, "eastward": functions * metric, "northward": slopes * metric}


def _to_waves(of: Transform, values: Array) -> Waves:
    """The waves along each row, `[order, row, field]`, of fields `[field, node]`; those that a row has not are zero."""
    waves = np.zeros((of.truncation + 1, len(of.weights), len(values)), np.complex128)
    for rows, nodes, shift in _alike(of):
        found = np.fft.rfft(values[:, nodes], norm="forward").transpose(2, 1, 0)
        most = min((nodes.shape[1] - 1) // 2, of.truncation) + 1
        waves[:most, rows] = found[:most] * shift[:most, :, None].conj()
    return waves


def _from_waves(of: Transform, waves: Waves) -> Array:
    """The inverse, `[field, node]`."""
    values = np.empty((waves.shape[2], len(of.rows.nodes)))
    for rows, nodes, shift in _alike(of):
        most = min((nodes.shape[1] - 1) // 2, of.truncation) + 1
        turned = (waves[:most, rows] * shift[:most, :, None]).transpose(2, 1, 0)
        values[:, nodes] = np.fft.irfft(turned, n=nodes.shape[1], norm="forward")
    return values


def _alike(of: Transform) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], Waves]]:
    """Rows of one number of nodes, their nodes `[row, column]`, and exp(i m λ) of their first one, `[order, row]`."""
    for count in np.unique(of.rows.counts):
        rows = np.flatnonzero(of.rows.counts == count)
        nodes = of.rows.nodes[of.rows.first[rows][:, None] + np.arange(count)]
        yield rows, nodes, np.exp(1j * of.orders[:, :, 0] * np.radians(of.rows.west[rows]))
