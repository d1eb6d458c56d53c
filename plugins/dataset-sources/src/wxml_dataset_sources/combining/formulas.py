"""What can be derived from other variables."""

__all__ = ["FORMULAS", "FormulaName"]

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FormulaName = Literal["wind-speed", "wind-direction", "wind-u", "wind-v", "sum", "difference"]


class Formula(NamedTuple):
    """A formula of one or several variables."""

    compute: Callable[..., Array]
    operands: int | None
    """The number of variables; None: one or more."""
    units: str | None
    """The units of the result; None: those of the first variable."""
    needs_same_units: bool
    """Whether the units of all variables must be the same."""


def _total(*values: Array) -> Array:
    return np.asarray(np.sum(values, axis=0))


def _direction(u: Array, v: Array) -> Array:
    return np.asarray(np.mod(270 - np.degrees(np.arctan2(v, u)), 360))


FORMULAS: Final[dict[FormulaName, Formula]] = {
    "wind-speed": Formula(np.hypot, 2, None, needs_same_units=True),
    "wind-direction": Formula(_direction, 2, "degree", needs_same_units=True),
    "wind-u": Formula(lambda speed, come: -speed * np.sin(np.radians(come)), 2, None, needs_same_units=False),
    "wind-v": Formula(lambda speed, come: -speed * np.cos(np.radians(come)), 2, None, needs_same_units=False),
    "sum": Formula(_total, None, None, needs_same_units=True),
    "difference": Formula(np.subtract, 2, None, needs_same_units=True),
}
"""By name. Directions are those that the wind comes from, in degrees clockwise from north, as in meteorology."""
