"""How variables are computed from others: which formula, of which variables, level by level."""

__all__ = ["Derived", "derived"]

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, Variable
from wxml.data.units import Line
from wxml.errors import DataError

from wxml_dataset_sources.combining.formulas import FORMULAS, Formula, FormulaName
from wxml_dataset_sources.combining.same_units import in_same_units
from wxml_dataset_sources.combining.units import line_to
from wxml_dataset_sources.combining.variable_choice import meant

LOG = logging.getLogger("wxml")
Limits = tuple[float | None, float | None]


class Operand(NamedTuple):
    """A variable that a formula takes, times `scale`, plus `offset`."""

    name: str
    scale: float
    offset: float


class Derived(NamedTuple):
    """A variable that is computed."""

    variable: Variable
    formula: Formula
    operands: tuple[Operand, ...]
    pressure: float | None
    """That of the level in Pa, where the formula takes it and no operand is it."""
    limits: Limits

    def computed(self, values: Sequence[NDArray[np.float32]], grid: Grid) -> NDArray[np.float64]:
        """The values, from those of the operands; at all nodes of `grid` if the formula takes whole fields."""
        pairs = zip(values, self.operands, strict=True)
        taken = [each.astype(np.float64) * operand.scale + operand.offset for each, operand in pairs]
        pressure = [] if self.pressure is None else [self.pressure]
        before = [] if self.formula.prepare is None else [self.formula.prepare(grid)]
        with np.errstate(invalid="ignore", divide="ignore"):  # what is no number of the formula's range is missing
            found = self.formula.compute(*before, *taken, *pressure).reshape(taken[0].shape)
        found = np.where(np.isfinite(found), found, np.nan)
        return found if self.limits == (None, None) else np.clip(found, *self.limits)


def derived(
    name: str, formula: FormulaName, of: Sequence[str], own: Sequence[Variable], limits: Limits
) -> list[Derived]:
    """One variable, or one for each level that all parameters with several levels in `of` have.

    Args:
        name: that of the new variable, or of the new parameter.
        formula: what is computed.
        of: the variables or parameters that it takes.
        own: the variables of the source.
        limits: the least and the most value, of `clip`.

    Raises:
        DataError: the name is taken, a variable is not there, or their number, units, periods or levels do not fit the
            formula.
    """
    chosen = [meant(each, own, f"variables.{name}.of") for each in of]
    _check_limits(name, formula, limits)
    found = [_one(name, suffix, formula, operands, limits) for suffix, operands in _by_level(name, chosen)]
    taken = {variable.name for variable in own}
    for each in found:
        if each.variable.name in taken:
            raise DataError(
                f"`variables` names {each.variable.name!r}, which the source has",
                fix="give the new variable another name",
            )
    return found


def _by_level(name: str, chosen: Sequence[Sequence[Variable]]) -> list[tuple[str, list[Variable]]]:
    """What follows the name, and the operands, at each level; a single variable counts at all levels."""
    tables = [{(each.level, each.level_units): each for each in group} for group in chosen]
    levelled = [table for table in tables if len(table) > 1]
    if not levelled:
        return [("", [group[0] for group in chosen])]
    shared = [level for level in levelled[0] if all(level in table for table in levelled)]
    if not shared:
        raise DataError(
            f"the variables of {name!r} have no level in common (variables.{name}.of)",
            fix="name variables at one level each, such as t_850, or parameters with the same levels",
        )
    lacking = {f"{level[0]:g}" for table in levelled for level in table if level not in shared and level[0] is not None}
    if lacking:
        LOG.warning("%r is not made at level %s, which not all of its variables have", name, ", ".join(sorted(lacking)))
    return [
        (
            levelled[0][level].name.removeprefix(levelled[0][level].param),
            [table[level] if len(table) > 1 else group[0] for table, group in zip(tables, chosen, strict=True)],
        )
        for level in shared
    ]


def _one(name: str, suffix: str, how: FormulaName, operands: Sequence[Variable], limits: Limits) -> Derived:
    """The derivation of one variable."""
    formula = FORMULAS[how]
    pressure = _pressure(name, how, operands)
    takes = list(formula.takes or [""] * len(operands))
    if formula.at_pressure and pressure is None:
        takes.append("Pa")
    if len(takes) != len(operands):
        names = ", ".join(variable.name for variable in operands)
        raise DataError(
            f"`{how}` takes {len(takes)} variables, got {len(operands)} (variables.{name}.of): {names}",
            fix=f"name {len(takes)} variables in `of`",
        )
    _check_periods(name, operands)
    if formula.needs_same_units:
        units, lines = in_same_units(name, how, operands)
    else:
        units = operands[0].units if formula.units is None else formula.units
        lines = [line_to(each, taken) if taken else Line(1.0, 0.0) for each, taken in zip(operands, takes, strict=True)]
    taken = tuple(Operand(each.name, *line) for each, line in zip(operands, lines, strict=True))
    return Derived(_described(name, suffix, units, operands), formula, taken, pressure, limits)


def _pressure(name: str, how: FormulaName, operands: Sequence[Variable]) -> float | None:
    """The pressure of the level in Pa, where the formula takes it and no operand is it.

    Raises:
        DataError: it takes it, and there is neither.
    """
    formula = FORMULAS[how]
    if not formula.at_pressure or len(operands) != len(formula.takes or ()):
        return None
    levels = {(each.level, each.level_units) for each in operands}
    level, units = next(iter(levels))
    hectopascals = Variable("p", units="hPa")
    if len(levels) == 1 and level is not None and Variable("p", units=units).has_units_of(hectopascals):
        return 100.0 * level
    names = ", ".join(each.name for each in operands)
    raise DataError(
        f"`{how}` takes the pressure, and {names} are not at one pressure level in hPa (variables.{name}.of)",
        fix="name the variable that is the pressure, such as sp, as the last one in `of`",
    )


def _check_limits(name: str, how: FormulaName, limits: Limits) -> None:
    """Raise a DataError if limits are given for another formula, or none or the wrong ones for this."""
    least, most = limits
    if how != "clip" and limits != (None, None):
        raise DataError(
            f"`least` and `most` are for `clip`, got them for `{how}` (variables.{name})",
            fix="leave them out, and derive another variable from this one with `clip`, in a second `derive`",
        )
    if how == "clip" and (limits == (None, None) or (least is not None and most is not None and least > most)):
        raise DataError(
            f"`clip` needs `least`, `most`, or both in this order, got {least} and {most} (variables.{name})",
            fix="write for example {formula: clip, of: [q], least: 0}",
        )


def _check_periods(name: str, operands: Sequence[Variable]) -> None:
    """Raise a DataError if the operands differ in step type or period."""
    first = operands[0]
    for other in operands[1:]:
        if (first.step_type, first.period) != (other.step_type, other.period):
            one, two = (f"{each.step_type or 'of no step type'} {each.period}".strip() for each in (first, other))
            raise DataError(
                f"{name!r} is made of {first.name!r}, which is {one}, and {other.name!r}, which is {two}",
                fix="take variables of the same step type and period, as `rolling` gives them",
            )


def _described(name: str, suffix: str, units: str, operands: Sequence[Variable]) -> Variable:
    """The new variable: at the level of its operands, where they have one."""
    levels = {(each.level, each.level_units, each.level_type) for each in operands if each.level is not None}
    level, level_units, level_type = next(iter(levels)) if len(levels) == 1 else (None, "", "")
    return replace(
        operands[0],
        name=name + suffix,
        param=name,
        standard_name="",
        grib="",
        units=units,
        level=level,
        level_units=level_units,
        level_type=level_type,
    )
