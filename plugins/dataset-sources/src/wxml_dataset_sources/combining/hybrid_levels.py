"""The pressure of hybrid levels: p = a + b · surface pressure at the half levels.

Full level k = 1, 2, … lies between the half levels k − ½ and k + ½, of which the first is the top of the atmosphere,
and has the mean of their pressures, as in the IFS (documentation, part III, chapter 2).
"""

__all__ = ["check_coefficients", "heights_of_levels", "hybrid_numbers", "level_pressure", "pressure_of_levels"]

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError

from wxml_dataset_sources.combining.moisture import DRY_AIR, RATIO

Array = NDArray[np.float64]


def level_pressure(surface: Array, *, a: Sequence[float], b: Sequence[float], level: float) -> Array:
    """In Pa, at a full level (an integer) or a half level (such as 136.5)."""
    lower = round(level - 0.5)  # the half level at or above the level
    near = [lower] if level != round(level) else [int(level) - 1, int(level)]
    return np.asarray(np.mean([a[half] + b[half] * surface for half in near], axis=0))


def pressure_of_levels(surface: Array, a: Array, b: Array) -> Array:
    """In Pa at all half levels, `[half level, …]`, of the surface pressure in Pa."""
    shape = (len(a),) + (1,) * surface.ndim
    return a.reshape(shape) + b.reshape(shape) * surface


def heights_of_levels(surface: Array, temperature: Array, humidity: Array | float, a: Array, b: Array) -> Array:
    """The geopotential above the ground (m² s⁻²) of the full levels, `[level, …]`.

    φ(k + ½) is the sum of R T_v ln(p(j + ½) / p(j − ½)) over the levels j below, and φ(k) = φ(k + ½) + α R T_v with
    α = 1 − p(k − ½) / Δp · ln(p(k + ½) / p(k − ½)), which is ln 2 at the top, where the pressure is 0 (Simmons and
    Burridge 1981, doi:10.1175/1520-0493(1981)109<0758:AEAAMC>2.0.CO;2).

    Args:
        surface: the surface pressure in Pa.
        temperature: in K, `[level, …]`, from the top on.
        humidity: specific humidity in kg kg⁻¹, `[level, …]`.
        a: at the half levels from the top on, in Pa.
        b: at the half levels.
    """
    half = pressure_of_levels(surface, a, b)
    above, below = half[:-1], half[1:]
    is_top = above <= 0
    ratio = np.log(below / np.where(is_top, below, above))
    share = np.where(is_top, np.log(2.0), 1 - above / (below - above) * ratio)
    virtual = DRY_AIR * temperature * (1 + (1 / RATIO - 1) * humidity)
    thick = virtual * ratio
    lower = np.cumsum(thick[::-1], axis=0)[::-1] - thick  # of the half level below each
    return np.asarray(lower + share * virtual)


def check_coefficients(a: Sequence[float], b: Sequence[float]) -> None:
    """Raise a DataError if the coefficients are no pairs, or the pressure does not rise downwards."""
    if len(a) != len(b) or np.any(np.diff(np.array(a) + 1e5 * np.array(b[: len(a)])) <= 0):
        raise DataError(
            f"`a` ({len(a)} numbers) and `b` ({len(b)} numbers) are no half levels from the top on, whose pressure "
            "rises",
            fix="give both for all half levels, one more than there are levels, from the top down, `a` in Pa",
        )


def hybrid_numbers(levels: Sequence[float] | str | None, count: int) -> list[float]:
    """The numbers of the hybrid levels that an option chooses: `full` or None, `half`, or some of both.

    Args:
        levels: the option.
        count: the number of full levels.

    Raises:
        DataError: a number is no level.
    """
    full, half = np.arange(1.0, count + 1), np.arange(0.5, count + 1)
    if levels is None or isinstance(levels, str):
        return (half if levels == "half" else full).tolist()
    for level in levels:
        if level not in full and level not in half:
            raise DataError(
                f"`levels` names {level:g}, which is no hybrid level of `a` and `b`",
                fix=f"choose among 1 to {count}, and 0.5 to {count + 0.5:g} for half levels",
            )
    return list(levels)
