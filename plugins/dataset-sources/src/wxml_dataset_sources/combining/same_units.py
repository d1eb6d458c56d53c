"""Operands of a formula that takes all of them in the same units."""

__all__ = ["in_same_units"]

import logging
from collections.abc import Sequence

from wxml import Variable
from wxml.data.units import Line, conversion
from wxml.errors import DataError

from wxml_dataset_sources.combining.formulas import FORMULAS, FormulaName

LOG = logging.getLogger("wxml")


def in_same_units(name: str, how: FormulaName, operands: Sequence[Variable]) -> tuple[str, list[Line]]:
    """The units of the variable `name`, and what brings each operand to those that the formula takes: the first one's.

    A difference of temperatures in degC or degF is in K: 20 °C less 15 °C is 5 K, not 5 °C.

    Raises:
        DataError: an operand cannot be converted to the units of the first one, or is added to it and has its zero
            elsewhere.
    """
    units = "K" if how == "difference" and _has_own_zero(operands[0].units) else operands[0].units
    lines = [_line(name, how, operands, each, units) for each in operands]
    return units if FORMULAS[how].units is None else str(FORMULAS[how].units), lines


def _has_own_zero(units: str) -> bool:
    """Whether these are units of temperature that do not begin at absolute zero."""
    line = conversion(units, "K")
    return line is not None and line.offset != 0.0


def _line(name: str, how: FormulaName, operands: Sequence[Variable], other: Variable, units: str) -> Line:
    """What brings one of the operands to `units`."""
    first, line = operands[0], conversion(other.units, units)
    said = f"{name!r} is made of {first.name!r} in {first.units!r} and {other.name!r} in {other.units!r}"
    if line is None:
        raise DataError(
            said, fix="take variables of the same quantity, and say the units of those without any with `rescale`"
        )
    if line.offset and how == "sum":
        raise DataError(f"{said}, whose zeros are not the same", fix="bring both to the same units with `convert`")
    if not other.has_units_of(first):
        LOG.info("%s, which is converted to %r", said, units)
    return line
