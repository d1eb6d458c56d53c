"""From one unit to another, by pint."""

__all__ = ["conversion"]

import re
from functools import cache
from typing import TYPE_CHECKING

from wxml import Variable
from wxml.errors import DataError

if TYPE_CHECKING:
    from pint import UnitRegistry

POWER = re.compile(r"(?<=[A-Za-z])(?=[-+]?\d)")
"""Where `m2 s-2` has the sign of a power for pint: `m**2 s**-2`."""


def conversion(variable: Variable, units: str) -> tuple[float, float]:
    """The scale and the offset from the units of a variable to others.

    Raises:
        DataError: the variable states no units, one of both is not known, or they do not measure the same.
    """
    if variable.has_units_of(Variable(variable.name, units=units)):
        return 1.0, 0.0
    if not variable.units:
        raise DataError(
            f"{variable.name!r} states no units, so that it cannot be converted to {units!r}",
            fix="say what its units are with `rescale`, whose scale is 1 if none is given",
        )
    from pint.errors import DimensionalityError  # takes half a second to load

    registry = _registry()
    _check(variable.units, f"{variable.name!r} is in")
    _check(units, f"`units` of {variable.name!r} is")
    try:
        zero, one = (
            registry.Quantity(value, _plain(variable.units)).to(_plain(units)).magnitude for value in (0.0, 1.0)
        )
    except DimensionalityError as error:
        raise DataError(
            f"{variable.name!r} is in {variable.units!r}, which cannot be converted to {units!r}",
            fix="choose units of the same quantity, or multiply with `rescale`, such as by 1000 from m to kg m-2",
        ) from error
    return float(one - zero), float(zero)


def _check(units: str, says: str) -> None:
    """Raise a DataError if pint does not know the units."""
    try:
        _registry().Unit(_plain(units))
    except Exception as error:  # pint raises errors of its parser, of tokens, and of its own
        raise DataError(
            f"{says} {units!r}, which is no known unit",
            fix="write it like 'degC', 'm s-1' or 'kg m-2', or multiply with `rescale`",
        ) from error


def _plain(units: str) -> str:
    """The units as pint has them; every way to write a share is 1."""
    is_share = Variable("x", units=units).has_units_of(Variable("x", units="1"))
    return "dimensionless" if is_share else units


@cache
def _registry() -> "UnitRegistry[float]":
    from pint import UnitRegistry

    return UnitRegistry(preprocessors=[lambda text: POWER.sub("**", text.replace("%", "percent"))])
