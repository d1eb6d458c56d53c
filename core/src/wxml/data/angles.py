"""Warns of angles that go all around, such as wind direction: as plain numbers, 359° and 1° are far apart."""

__all__ = ["circular_angles", "warn_of_angles"]

import logging
import math
from collections.abc import Sequence

from wxml.data.statistics import Statistics
from wxml.data.units import have_same_meaning
from wxml.data.variables import Variable

logger = logging.getLogger("wxml")

TURNS = {"degree": 360.0, "radian": 2 * math.pi}
DIRECTION = "direction"
SPEEDS = (("wdir", "ws"), ("wdir", "si"), ("wd", "ws"), ("wd", "si"), ("direction", "speed"))
"""What names of directions and of the speeds beside them have in common."""


def circular_angles(variables: Sequence[Variable], statistics: Statistics) -> tuple[Variable, ...]:
    """The variables that are angles and go around.

    They are in degrees or radians and differ by more than half a turn, or are called a direction.

    Args:
        variables: those to look at.
        statistics: the physical ones, of these and perhaps others.
    """
    return tuple(one for one in variables if one.name in statistics.variables and _goes_around(one, statistics))


def _goes_around(variable: Variable, statistics: Statistics) -> bool:
    turn = next((turn for unit, turn in TURNS.items() if have_same_meaning(variable.units, unit)), None)
    is_called = DIRECTION in f"{variable.name} {variable.standard_name}".lower()
    if turn is None and (variable.units or not is_called):
        return False
    column = statistics.variables.index(variable.name)
    return is_called or float(statistics.maximum[column] - statistics.minimum[column]) > (turn or TURNS["degree"]) / 2


def warn_of_angles(variables: Sequence[Variable], statistics: Statistics, available: Sequence[str]) -> None:
    """Log a warning for the angles that a model reads or forecasts, with a source that makes components of them.

    Args:
        variables: what the model reads and forecasts.
        statistics: the physical ones.
        available: the names of all variables of the source; the speed of a wind may be among them.
    """
    for angle in circular_angles(variables, statistics):
        made = _components(angle.name, available)
        logger.warning(
            "%r is an angle, and the model learns it as a plain number, for which 359° and 1° are far apart; read its "
            "components in its place: {plugin: derive, source: …, variables: {%s}}",
            angle.name,
            made,
        )


def _components(name: str, available: Sequence[str]) -> str:
    """Two derived variables: of a wind, with its speed, else cosine and sine."""
    for direction, speed in SPEEDS:
        other = name.replace(direction, speed)
        if direction in name and other in available:
            at = name.replace(direction, "").strip("_")
            return ", ".join(f"{axis}{at or '_wind'}: {{formula: wind-{axis}, of: [{other}, {name}]}}" for axis in "uv")
    parts = (("cos", "cosine"), ("sin", "sine"))
    parts = (("cos", "cosine"), ("sin", "sine"))
    return ", ".join(f"{name}_{short}: {{formula: {formula}, of: [{name}]}}" for short, formula in parts)
