"""Vorticity and divergence of winds and back, through spherical harmonics, on regular grids around the globe.

ζ = (∂v/∂λ − ∂(u cos φ)/∂φ) / (a cos φ) and D = (∂u/∂λ + ∂(v cos φ)/∂φ) / (a cos φ); back, u = −∂ψ/∂y + ∂χ/∂x and
v = ∂ψ/∂x + ∂χ/∂y with ∇²ψ = ζ and ∇²χ = D. Derivatives in latitude fall on the Legendre functions, by parts. Waves
beyond the truncation are cut: total wave number (rows − 1) / 2, rows − 1 on Gaussian latitudes, or what the columns
resolve.
"""

__all__ = ["Transform", "divergence", "transform", "vorticity", "wind_u", "wind_v"]

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import gauss_legendre
from wxml.errors import DataError

from wxml_dataset_sources.simulation.spherical_harmonics import EARTH_RADIUS, legendre_functions

Array = NDArray[np.float64]
Waves = NDArray[np.complex128]
MOST_ROWS = 361
POLE = 90 - np.degrees(1e-5)
"""Where the Legendre functions of a row at a pole are taken: their slopes are divided by the cosine of the latitude."""


class Transform(NamedTuple):
    """The Legendre functions of a grid `[order, degree, row]`, over the radius times the cosine of the latitude."""

    nodes: NDArray[np.intp]
    """The nodes of the grid in rows from south to north, eastwards, shape `[row, column]`."""
    weights: Array
    """Of the rows in an integral over the sine of the latitude, shape `[row]`."""
    functions: Array
    slopes: Array
    inverse_laplacian: Array
    """−a² / (l (l + 1)), zero for the mean, shape `[degree]`."""


def transform(grid: Grid) -> Transform:
    """Prepare the transforms of a grid.

    Raises:
        DataError: it is no regular grid around the globe with even columns, or too fine.
    """
    if not grid.is_regular or not grid.is_global or grid.shape[0] > MOST_ROWS or not _has_even_columns(grid):
        raise DataError(
            f"vorticity and divergence need a regular grid around the globe of at most {MOST_ROWS} rows and with even "
            f"columns, and this one has {len(grid)} nodes of shape {grid.shape}",
            fix="bring the source to such a grid first, with `regrid` and for example to: {degrees: 1.0}",
        )
    rows = np.argsort(grid.latitudes[:: grid.shape[1]])
    columns = np.argsort(grid.longitudes[: grid.shape[1]])
    nodes = rows[:, None] * grid.shape[1] + columns
    return _of_rows(tuple(grid.latitudes[nodes[:, 0]]), grid.shape[1])._replace(nodes=nodes)


def _has_even_columns(grid: Grid) -> bool:
    longitudes = np.sort(grid.longitudes[: grid.shape[1]])
    return bool(np.ptp(np.diff(longitudes, append=longitudes[0] + 360.0)) < 2e-3)


@lru_cache(maxsize=2)
def _of_rows(latitudes: tuple[float, ...], columns: int) -> Transform:
    gaussian, weights = gauss_legendre(len(latitudes))
    is_gaussian = np.allclose(latitudes, gaussian[::-1], atol=1e-3, rtol=0)
    sines = np.sin(np.radians(np.clip(latitudes, -POLE, POLE)))
    if not is_gaussian:
        powers = np.polynomial.legendre.legvander(np.sin(np.radians(latitudes)), len(latitudes) - 1).T
        weights = np.linalg.solve(powers, 2.0 * np.eye(len(latitudes))[0])
    truncation = min((columns - 1) // 2, len(latitudes) - 1 if is_gaussian else (len(latitudes) - 1) // 2)
    functions, slopes = legendre_functions(truncation, sines)
    metric = 1.0 / (EARTH_RADIUS * np.sqrt(1.0 - sines**2))
    degrees = np.arange(truncation + 1.0)
    inverse = np.append(0.0, -(EARTH_RADIUS**2) / (degrees[1:] * (degrees[1:] + 1)))
    return Transform(np.zeros((0, 0), np.intp), weights, functions * metric, slopes * metric, inverse)


def vorticity(of: Transform, u: Array, v: Array) -> Array:
    """In s⁻¹, of winds `[..., node]` in m s⁻¹."""
    along, across = _analysed(of, of.functions, v), _analysed(of, of.slopes, u)
    return _synthesised(of, _functions(of), 1j * _orders(of) * along + across)


def divergence(of: Transform, u: Array, v: Array) -> Array:
    """In s⁻¹, of winds `[..., node]` in m s⁻¹."""
    along, across = _analysed(of, of.functions, u), _analysed(of, of.slopes, v)
    return _synthesised(of, _functions(of), 1j * _orders(of) * along - across)


def wind_u(of: Transform, rotation: Array, spreading: Array) -> Array:
    """In m s⁻¹, of vorticity and divergence `[..., node]`."""
    stream, potential = _potentials(of, rotation), _potentials(of, spreading)
    eastwards = _synthesised(of, of.functions, 1j * _orders(of) * potential)
    return eastwards - _synthesised(of, of.slopes, stream)


def wind_v(of: Transform, rotation: Array, spreading: Array) -> Array:
    """In m s⁻¹, of vorticity and divergence `[..., node]`."""
    stream, potential = _potentials(of, rotation), _potentials(of, spreading)
    return _synthesised(of, of.functions, 1j * _orders(of) * stream) + _synthesised(of, of.slopes, potential)


def _functions(of: Transform) -> Array:
    """The Legendre functions themselves: those with m = l = 0 are 1."""
    return np.asarray(of.functions / of.functions[0, 0])


def _orders(of: Transform) -> Array:
    return np.arange(float(len(of.functions)))[:, None, None]


def _potentials(of: Transform, values: Array) -> Waves:
    """The coefficients of the inverse Laplacian of a field, `[order, degree, field]`."""
    return np.asarray(of.inverse_laplacian[:, None] * _analysed(of, _functions(of), values))


def _analysed(of: Transform, functions: Array, values: Array) -> Waves:
    """½ Σ w f_m functions, `[order, degree, field]`, for fields `[..., node]`."""
    rows = values.reshape(-1, values.shape[-1])[:, of.nodes]
    waves = np.fft.rfft(rows, norm="forward")[..., : len(functions)]
    return np.asarray(np.matmul(functions * (0.5 * of.weights), waves.transpose(2, 1, 0)))


def _synthesised(of: Transform, functions: Array, coefficients: Waves) -> Array:
    """Σ coefficients · functions on the nodes, `[field, node]`."""
    waves = np.matmul(functions.swapaxes(1, 2), coefficients)
    rows = np.fft.irfft(waves.transpose(2, 1, 0), n=of.nodes.shape[1], norm="forward")
    values = np.empty((len(rows), of.nodes.size))
    values[:, of.nodes] = rows
    return values
