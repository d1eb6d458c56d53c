"""Vorticity and divergence of winds, and back: exactly where rows allow it, else by fits to the nearest nodes."""

__all__ = ["divergence", "from_winds", "to_winds", "vorticity", "wind_u", "wind_v"]

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from wxml import Grid

from wxml_dataset_sources.combining import spectral_winds
from wxml_dataset_sources.combining.local_winds import LocalSlopes, ThroughRows
from wxml_dataset_sources.combining.spectral_winds import Transform, even_rows, transform

Array = NDArray[np.float64]


@lru_cache(maxsize=2)
def from_winds(grid: Grid) -> Transform | LocalSlopes:
    """What vorticity and divergence of winds need.

    Raises:
        DataError: the nodes lie on too few lines, or are too many and no even rows.
    """
    rows = even_rows(grid)
    return LocalSlopes.of(grid) if rows is None else transform(rows)


@lru_cache(maxsize=2)
def to_winds(grid: Grid) -> Transform | ThroughRows:
    """What winds of vorticity and divergence need.

    Raises:
        DataError: the grid is a region; or as `from_winds`.
    """
    rows = even_rows(grid)
    return ThroughRows.of(grid) if rows is None else transform(rows)


def vorticity(of: Transform | LocalSlopes, u: Array, v: Array) -> Array:
    """In s⁻¹, of winds `[..., node]` in m s⁻¹."""
    return of.vorticity(u, v) if isinstance(of, LocalSlopes) else spectral_winds.vorticity(of, u, v)


def divergence(of: Transform | LocalSlopes, u: Array, v: Array) -> Array:
    """In s⁻¹, of winds `[..., node]` in m s⁻¹."""
    return of.divergence(u, v) if isinstance(of, LocalSlopes) else spectral_winds.divergence(of, u, v)


def wind_u(of: Transform | ThroughRows, rotation: Array, spreading: Array) -> Array:
    """In m s⁻¹, of vorticity and divergence `[..., node]`."""
    return (
        of.wind_u(rotation, spreading)
        if isinstance(of, ThroughRows)
        else spectral_winds.wind_u(of, rotation, spreading)
    )


def wind_v(of: Transform | ThroughRows, rotation: Array, spreading: Array) -> Array:
    """In m s⁻¹, of vorticity and divergence `[..., node]`."""
    return (
        of.wind_v(rotation, spreading)
        if isinstance(of, ThroughRows)
        else spectral_winds.wind_v(of, rotation, spreading)
    )
