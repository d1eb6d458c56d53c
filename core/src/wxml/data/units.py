"""Units as text: whether two ways to write them mean the same unit."""

__all__ = ["have_same_meaning"]

import re
from collections import Counter

_ALIASES = {
    "K": "kelvin degk degree_kelvin degrees_kelvin",
    "degC": "celsius degc deg_c degree_c degrees_c degree_celsius degrees_celsius °c",
    "m": "metre metres meter meters",
    "s": "second seconds sec",
    "Pa": "pascal pascals",
    "hPa": "hectopascal hectopascals millibar millibars mbar mb",
    "J": "joule joules",
    "W": "watt watts",
    "%": "percent pct",
}
_SYMBOLS = {alias: symbol for symbol, aliases in _ALIASES.items() for alias in aliases.split()}
_DIMENSIONLESS = ("1", "dimensionless", "(0 - 1)", "-", "fraction", "level", "layer", "sigma_level")
_FACTOR = re.compile(r"([^\W\d]+|%|°\w+)(?:\^?([+-]?\d+))?")


def have_same_meaning(first: str, second: str) -> bool:
    """Whether two texts mean the same unit, however they are written; nothing is converted.

    >>> have_same_meaning("m s**-1", "m/s"), have_same_meaning("K", "degC"), have_same_meaning("m", "km")
    (True, False, False)
    """
    return _canonical(first) == _canonical(second)


def _canonical(text: str) -> object:
    """The power of each symbol, as in {m: 1, s: -1}; the text itself if it is no product of powers."""
    words = " ".join(text.split())
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
