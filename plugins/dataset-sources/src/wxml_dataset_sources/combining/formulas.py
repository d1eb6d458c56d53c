"""What can be derived from other variables."""

__all__ = ["FORMULAS", "Formula", "FormulaName"]

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid

from wxml_dataset_sources.combining.grid_directions import (
    along_columns,
    along_rows,
    directions,
    eastward,
    northward,
)
from wxml_dataset_sources.combining.hybrid_levels import level_pressure
from wxml_dataset_sources.combining.masks import glacier_mask, land_mask, mask, sea_ice_mask
from wxml_dataset_sources.combining.moisture import (
    DRY_AIR,
    RATIO,
    dewpoint,
    relative_humidity,
    saturation_pressure,
    saturation_pressure_over_water,
    specific_humidity,
    vapour_pressure,
)
from wxml_dataset_sources.combining.winds import divergence, from_winds, to_winds, vorticity, wind_u, wind_v
from wxml_dataset_sources.simulation.spherical_harmonics import EARTH_RADIUS

Array = NDArray[np.float64]
FormulaName = Literal[
    "wind-speed",
    "wind-direction",
    "wind-u",
    "wind-v",
    "relative-humidity",
    "specific-humidity",
    "dewpoint",
    "specific-humidity-of-dewpoint",
    "relative-humidity-of-dewpoint",
    "dewpoint-of-relative-humidity",
    "virtual-temperature",
    "temperature-of-virtual-temperature",
    "omega",
    "vertical-velocity",
    "surface-pressure",
    "log-surface-pressure",
    "pressure",
    "geopotential",
    "height",
    "altitude",
    "geopotential-height",
    "altitude-of-geopotential-height",
    "snow-cover",
    "mask",
    "land-mask",
    "glacier-mask",
    "sea-ice-mask",
    "cosine",
    "sine",
    "angle",
    "wind-east",
    "wind-north",
    "wind-along-rows",
    "wind-along-columns",
    "vorticity",
    "divergence",
    "wind-u-of-vorticity",
    "wind-v-of-vorticity",
    "clip",
    "sum",
    "difference",
]
GRAVITY = 9.80665  # m s⁻²
NUMBER = "a number"
"""A formula takes an operand without a dimension, whose units files may write as `~`, `ln(Pa)`, or not at all."""
WHOLE_SNOW = 0.1  # m: the depth of snow from which on it covers everything


class Formula(NamedTuple):
    """A formula of one or several variables."""

    compute: Callable[..., Array]
    """From what `prepare` gives, the operands in double precision, and the pressure in Pa if `at_pressure`."""
    takes: tuple[str, ...] | None
    """The units in which each operand is taken, or `NUMBER`; empty: in its own. None: one or more in their own."""
    units: str | None
    """The units of the result; None: those of the first variable."""
    needs_same_units: bool = False
    """Whether the units of all variables must be the same."""
    at_pressure: bool = False
    """Whether the pressure counts: that of the level, or a further variable."""
    prepare: Callable[[Grid], object] | None = None
    """What the formula needs of the grid, where it takes whole fields `[..., node]`; it refuses other grids."""
    options: Mapping[str, bool] = MappingProxyType({})
    """The options of a derivation that `compute` takes by their names, and whether it needs them."""
    level_type: str = ""
    """The type of the levels that it makes, `hybrid` or `heightAboveGround`; `compute` takes each as `level`."""


def _total(*values: Array) -> Array:
    return np.asarray(np.sum(values, axis=0))


def _clip(values: Array, *, least: float | None = None, most: float | None = None) -> Array:
    return np.asarray(np.clip(values, least, most))


def _direction(u: Array, v: Array) -> Array:
    return np.asarray(np.mod(270 - np.degrees(np.arctan2(v, u)), 360))


def _angle(cosine: Array, sine: Array) -> Array:
    return np.asarray(np.mod(np.degrees(np.arctan2(sine, cosine)), 360))


def _specific_of_relative(relative: Array, temperature: Array, pressure: Array) -> Array:
    return specific_humidity(relative / 100 * saturation_pressure(temperature), pressure)


def _relative_of_specific(specific: Array, temperature: Array, pressure: Array) -> Array:
    return relative_humidity(vapour_pressure(specific, pressure), temperature)


def _weight(temperature: Array, pressure: Array) -> Array:
    """ρ g (Pa m⁻¹), with ρ = p / (R T)."""
    return np.asarray(pressure / (DRY_AIR * temperature) * GRAVITY)


FORMULAS: Final[dict[FormulaName, Formula]] = {
    "wind-speed": Formula(np.hypot, ("", ""), None, needs_same_units=True),
    "wind-direction": Formula(_direction, ("", ""), "degree", needs_same_units=True),
    "wind-u": Formula(lambda speed, come: -speed * np.sin(come), ("", "radian"), None),
    "wind-v": Formula(lambda speed, come: -speed * np.cos(come), ("", "radian"), None),
    "relative-humidity": Formula(_relative_of_specific, ("kg kg-1", "K"), "%", at_pressure=True),
    "specific-humidity": Formula(_specific_of_relative, ("%", "K"), "kg kg-1", at_pressure=True),
    "dewpoint": Formula(lambda q, p: dewpoint(vapour_pressure(q, p)), ("kg kg-1",), "K", at_pressure=True),
    "specific-humidity-of-dewpoint": Formula(
        lambda dew, p: specific_humidity(saturation_pressure_over_water(dew), p), ("K",), "kg kg-1", at_pressure=True
    ),
    "relative-humidity-of-dewpoint": Formula(
        lambda dew, t: relative_humidity(saturation_pressure_over_water(dew), t), ("K", "K"), "%"
    ),
    "dewpoint-of-relative-humidity": Formula(
        lambda relative, t: dewpoint(relative / 100 * saturation_pressure(t)), ("%", "K"), "K"
    ),
    "virtual-temperature": Formula(lambda t, q: t * (1 + (1 / RATIO - 1) * q), ("K", "kg kg-1"), "K"),
    "temperature-of-virtual-temperature": Formula(lambda t, q: t / (1 + (1 / RATIO - 1) * q), ("K", "kg kg-1"), "K"),
    "omega": Formula(lambda w, t, p: -w * _weight(t, p), ("m s-1", "K"), "Pa s-1", at_pressure=True),
    "vertical-velocity": Formula(
        lambda omega, t, p: -omega / _weight(t, p), ("Pa s-1", "K"), "m s-1", at_pressure=True
    ),
    "surface-pressure": Formula(np.exp, (NUMBER,), "Pa"),
    "log-surface-pressure": Formula(np.log, ("Pa",), "1"),
    "pressure": Formula(
        level_pressure, ("Pa",), "Pa", options={"a": True, "b": True, "levels": False}, level_type="hybrid"
    ),
    "geopotential": Formula(lambda height: GRAVITY * height, ("m",), "m2 s-2"),
    "height": Formula(lambda geopotential: geopotential / GRAVITY, ("m2 s-2",), "m"),
    "altitude": Formula(
        lambda ground, *, level: ground + level, ("m",), "m", options={"levels": True}, level_type="heightAboveGround"
    ),
    "geopotential-height": Formula(lambda z: EARTH_RADIUS * z / (EARTH_RADIUS + z), ("m",), "m"),
    "altitude-of-geopotential-height": Formula(lambda h: EARTH_RADIUS * h / (EARTH_RADIUS - h), ("m",), "m"),
    "snow-cover": Formula(
        lambda mass, density: np.where(mass == 0, 0.0, np.clip(mass / density / WHOLE_SNOW, 0.0, 1.0)),
        ("kg m-2", "kg m-3"),
        "1",
    ),
    "mask": Formula(mask, ("",), "1", options={"least": False, "most": False, "classes": False}),
    "land-mask": Formula(land_mask, ("1",), "1", options={"least": False}),
    "glacier-mask": Formula(glacier_mask, ("kg m-2",), "1", options={"least": False}),
    "sea-ice-mask": Formula(sea_ice_mask, ("1",), "1", options={"least": False}),
    "cosine": Formula(np.cos, ("radian",), "1"),
    "sine": Formula(np.sin, ("radian",), "1"),
    "angle": Formula(_angle, ("1", "1"), "degree"),
    "wind-east": Formula(eastward, ("", ""), None, needs_same_units=True, prepare=directions),
    "wind-north": Formula(northward, ("", ""), None, needs_same_units=True, prepare=directions),
    "wind-along-rows": Formula(along_rows, ("", ""), None, needs_same_units=True, prepare=directions),
    "wind-along-columns": Formula(along_columns, ("", ""), None, needs_same_units=True, prepare=directions),
    "vorticity": Formula(vorticity, ("m s-1", "m s-1"), "s-1", prepare=from_winds),
    "divergence": Formula(divergence, ("m s-1", "m s-1"), "s-1", prepare=from_winds),
    "wind-u-of-vorticity": Formula(wind_u, ("s-1", "s-1"), "m s-1", prepare=to_winds),
    "wind-v-of-vorticity": Formula(wind_v, ("s-1", "s-1"), "m s-1", prepare=to_winds),
    "clip": Formula(_clip, ("",), None, options={"least": False, "most": False}),
    "sum": Formula(_total, None, None, needs_same_units=True),
    "difference": Formula(np.subtract, ("", ""), None, needs_same_units=True),
}
"""By name. Directions are those that the wind comes from, in degrees clockwise from north, as in meteorology.

The virtual temperature is T (1 + (1/ε − 1) q); ω = −ρ g w with ρ = p / (R T), where T is the virtual temperature if
that is what the formula is given; the cover of snow of mass S (kg m⁻²) and density ρ is min(1, S / ρ / 0.1 m), as in
the IFS (documentation, part IV, chapter 8); the geopotential height of altitude z is a z / (a + z), with the
radius of the earth a = 6371 km; g = 9.80665 m s⁻², R = 287.0597 J kg⁻¹ K⁻¹, ε = 0.62198.
"""
