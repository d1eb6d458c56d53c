"""How variables are computed from others: which formula, of which variables, level by level."""

__all__ = ["Derived", "derived"]

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, Variable
from wxml.data.units import Line, conversion, have_same_meaning, is_known
from wxml.errors import DataError

from wxml_dataset_sources.combining.derivation import Derivation
from wxml_dataset_sources.combining.derivation_options import checked_options, made_levels
from wxml_dataset_sources.combining.formulas import FORMULAS, NUMBER, Formula, FormulaName
from wxml_dataset_sources.combining.same_units import in_same_units
from wxml_dataset_sources.combining.units import line_to
from wxml_dataset_sources.combining.variable_choice import meant

LOG = logging.getLogger("wxml")


class Operand(NamedTuple):
    """A variable that a formula takes, times `scale`, plus `offset`."""

    name: str
    scale: float
    offset: float


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """A variable that is computed."""

    variable: Variable
    how: FormulaName
    operands: tuple[Operand, ...]
    pressure: float | None
    """That of the level in Pa, where the formula takes it and no operand is it."""
    options: Mapping[str, Any]
    """What the formula takes by name."""

    @property
    def formula(self) -> Formula:
        """Looked up by its name, since a source is pickled and a function that has none cannot be."""
        return FORMULAS[self.how]

    def computed(self, values: Sequence[NDArray[np.float32]], grid: Grid) -> NDArray[np.float64]:
        """The values, from those of the operands; at all nodes of `grid` if the formula takes whole fields."""
        pairs = zip(values, self.operands, strict=True)
        taken = [each.astype(np.float64) * operand.scale + operand.offset for each, operand in pairs]
        pressure = [] if self.pressure is None else [self.pressure]
        before = [] if self.formula.prepare is None else [self.formula.prepare(grid)]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):  # what is no number is missing
            found = self.formula.compute(*before, *taken, *pressure, **self.options).reshape(taken[0].shape)
        return np.where(np.isfinite(found), found, np.nan)


def derived(name: str, how: Derivation, own: Sequence[Variable]) -> list[Derived]:
    """One variable, or one for each level that all parameters with several levels in `how.of` have, or that it makes.

    Args:
        name: that of the new variable, or of the new parameter.
        how: the formula, the variables or parameters that it takes, and its options.
        own: the variables of the source.

    Raises:
        DataError: the name is taken, a variable is not there, or their number, units, periods or levels, or the options
            do not fit the formula.
    """
    chosen = [meant(each, own, f"variables.{name}.of") for each in how.of]
    options = checked_options(name, how)
    if FORMULAS[how.formula].level_type:
        found = _at_new_levels(name, how.formula, [group[0] for group in chosen], options)
    else:
        found = [_one(name, suffix, how.formula, each, options) for suffix, each in _by_level(name, chosen)]
    taken = {variable.name for variable in own}
    for each in found:
        if each.variable.name in taken:
            raise DataError(
                f"`variables` names {each.variable.name!r}, which the source has",
                fix="give the new variable another name",
            )
    return found


def _at_new_levels(
    name: str, how: FormulaName, operands: Sequence[Variable], options: Mapping[str, Any]
) -> list[Derived]:
    """A variable at each of the levels that the formula makes."""
    kept = {key: value for key, value in options.items() if key != "levels"}
    made = [_one(name, f"_{level:g}", how, operands, {**kept, "level": level}) for level in made_levels(how, options)]
    level_type = FORMULAS[how].level_type
    units = "m" if level_type == "heightAboveGround" else ""
    return [
        replace(
            each,
            variable=replace(
                each.variable, level=float(each.options["level"]), level_units=units, level_type=level_type
            ),
        )
        for each in made
    ]


def _by_level(name: str, chosen: Sequence[Sequence[Variable]]) -> list[tuple[str, list[Variable]]]:
    """What follows the name, and the operands, at each level; a single variable counts at all levels."""
    tables = [{_level_of(each): each for each in group} for group in chosen]
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


def _level_of(variable: Variable) -> tuple[float | None, str]:
    """The level, and its units; those of numbered levels may be written as `1`, `level`, or not at all."""
    units = variable.level_units
    return variable.level, "" if have_same_meaning(units, "1") else units


def _one(name: str, suffix: str, how: FormulaName, operands: Sequence[Variable], options: Mapping[str, Any]) -> Derived:
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
        lines = [_line(how, each, taken) for each, taken in zip(operands, takes, strict=True)]
    taken = tuple(Operand(each.name, *line) for each, line in zip(operands, lines, strict=True))
    return Derived(_described(name, suffix, units, operands), how, taken, pressure, options)


def _line(how: FormulaName, operand: Variable, taken: str) -> Line:
    """What brings an operand to the units in which the formula takes it.

    Raises:
        DataError: it has other units, or none.
    """
    if not taken:
        return Line(1.0, 0.0)
    if taken != NUMBER:
        return line_to(operand, taken)
    found = conversion(operand.units, "1")
    if found is None and is_known(operand.units):
        raise DataError(
            f"`{how}` takes a number without a dimension, and {operand.name!r} is in {operand.units!r}",
            fix="name another variable in `of`, or take the variable as it is, if it is what you want to have",
        )
    return found or Line(1.0, 0.0)


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
    levelled = [each for each in operands if each.level is not None]
    types = {each.level_type for each in levelled if each.level_type}
    is_one = len({_level_of(each) for each in levelled}) == 1 and len(types) <= 1
    level, level_units = (levelled[0].level, levelled[0].level_units) if is_one else (None, "")
    return replace(
        operands[0],
        name=name + suffix,
        param=name,
        standard_name="",
        grib="",
        units=units,
        level=level,
        level_units=level_units,
        level_type="".join(types) if is_one else "",
    )
