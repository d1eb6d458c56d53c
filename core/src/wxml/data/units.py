"""Units as text: whether two ways to write them mean the same unit, and how one is converted to another."""

__all__ = ["Line", "conversion", "have_same_meaning", "is_known"]

import math
import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pint import UnitRegistry

_ALIASES = {
    "K": "kelvin kelvins degk deg_k degree_k degrees_k deg_kelvin degree_kelvin degrees_kelvin °k",
    "degC": "celsius degc deg_c degree_c degrees_c deg_celsius degree_celsius degrees_celsius °c",
    "degF": "fahrenheit degf deg_f degree_f degrees_f deg_fahrenheit degree_fahrenheit degrees_fahrenheit °f",
    "m": "metre metres meter meters",
    "s": "second seconds sec",
    "Pa": "pascal pascals",
    "hPa": "hectopascal hectopascals millibar millibars mbar mb",
    "J": "joule joules",
    "W": "watt watts",
    "%": "percent pct",
    "degree": "degrees deg ° degree_true degrees_true deg_true °true",
    "radian": "radians rad",
}
_PINT = {"%": "percent"}
_SYMBOLS = {alias: symbol for symbol, aliases in _ALIASES.items() for alias in aliases.split()}
_DIMENSIONLESS = ("1", "dimensionless", "(0 - 1)", "-", "fraction", "level", "layer", "sigma_level")
LARGEST_POWER = 9
"""Units of files may say anything; no quantity has a higher power."""
_TWO_WORDS = re.compile(r"(?<!\w)(deg|degrees?|°)\.?\s+(c|celsius|k|kelvin|f|fahrenheit|true)\b", re.IGNORECASE)
"""Degrees of temperature, and from true north; one by one the words would be an angle times something."""
_FACTOR = re.compile(r"([^\W\d]+|%|°\w*)(?:\^?([+-]?\d+))?")


def have_same_meaning(first: str, second: str) -> bool:
    """Whether two texts mean the same unit, however they are written; nothing is converted.

    >>> have_same_meaning("m s**-1", "m/s"), have_same_meaning("K", "degC"), have_same_meaning("m", "km")
    (True, False, False)
    """
    return _canonical(first) == _canonical(second)


class Line(NamedTuple):
    """What becomes of values in other units: `scale` times the value, plus `offset`."""

    scale: float
    offset: float


def conversion(found: str, wanted: str) -> Line | None:
    """Return what makes values in `wanted` of values in `found`, by pint.

    None if one of both is not known or not stated, if they do not measure the same, such as geopotential (m2 s-2) and
    geopotential height (m), or if it takes more than a scale and an offset, as for decibels.

    >>> conversion("degC", "K"), conversion("hPa", "Pa"), conversion("%", "(0 - 1)"), conversion("m2 s-2", "m")
    (Line(scale=1.0, offset=273.15), Line(scale=100.0, offset=0.0), Line(scale=0.01, offset=0.0), None)
    """
    if have_same_meaning(found, wanted):
        return Line(1.0, 0.0)
    points = _converted(found, wanted)
    if points is None:
        return None
    zero, one, two = points
    scale = float(f"{one - zero:.12g}") if zero else one  # the difference of numbers with an offset is rounded
    is_line = math.isfinite(scale) and scale != 0 and math.isclose(two - zero, 2 * scale, rel_tol=1e-9)
    return Line(scale, zero) if is_line else None


def is_known(units: str) -> bool:
    """Whether a text is a unit that can be converted to others.

    >>> is_known("kg m-2"), is_known("%"), is_known("furlongs of water"), is_known("")
    (True, True, False, False)
    """
    return _converted(units, units) is not None


def _converted(found: str, wanted: str) -> tuple[float, ...] | None:
    """The values 0, 1 and 2 in other units; None if pint cannot convert them."""
    source, target = _pint_text(found), _pint_text(wanted)
    if source is None or target is None:
        return None
    from pint.errors import PintError  # takes half a second to load, and most data need it not

    try:
        with np.errstate(all="ignore"):  # logarithmic units of 0
            return tuple(float(_registry().Quantity(value, source).to(target).magnitude) for value in (0.0, 1.0, 2.0))
    except (PintError, ArithmeticError, ValueError, TypeError, AttributeError):  # its parser raises any of these
        return None


def _pint_text(units: str) -> str | None:
    """The units as pint has them, `m ** 2 * s ** -2`; None if they are no product of powers.

    pint is given names and small powers alone: the texts of files may hold `9**9**9`.
    """
    powers = _canonical(units)
    if isinstance(powers, str) or any(abs(power) > LARGEST_POWER for _, power in powers):
        return None
    factors = [f"{_PINT.get(symbol, symbol)} ** {power}" for symbol, power in sorted(powers)]
    return " * ".join(factors) or "dimensionless"


@cache
def _registry() -> "UnitRegistry[float]":
    from pint import UnitRegistry

    return UnitRegistry()


def _canonical(text: str) -> str | frozenset[tuple[str, int]]:
    """The power of each symbol, as in {m: 1, s: -1}; the text itself if it is no product of powers."""
    words = _TWO_WORDS.sub(r"\1_\2", " ".join(text.split())).replace("°_", "°")
    if words.lower() in _DIMENSIONLESS:
        return frozenset()
    powers: Counter[str] = Counter()
    sign = 1
    for part in re.split(r"(/)|[ .*·]+", words.replace("**", "^").replace(" / ", "/")):
        if not part or part == "1":
            continue
        if part == "/":
            sign = -1
            continue
        match = _FACTOR.fullmatch(part)
        if match is None:
            return words
        powers[_SYMBOLS.get(match[1].lower(), match[1])] += sign * int(match[2] or 1)
        sign = 1
    return frozenset((symbol, power) for symbol, power in powers.items() if power) if words else words
