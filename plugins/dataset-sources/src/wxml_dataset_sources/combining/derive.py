"""Variables that are computed from others."""

__all__ = ["Derivation", "Derive"]

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Options, ReadRequest, Variable
from wxml.data.read_request import run
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Source, fill_there, opened, values_of
from wxml_dataset_sources.combining.formulas import FORMULAS, FormulaName
from wxml_dataset_sources.combining.variable_choice import meant


class Derivation(Options):
    """How a variable is computed."""

    formula: Annotated[FormulaName, Field(description="wind-u and wind-v take speed and direction")]
    of: Annotated[list[str], Field(min_length=1, description="the variables that it takes, in its order")]


class Derive(Combination):
    """A source with further variables, which are computed from those that it has.

    A value is NaN if one of those that it is made of is.
    """

    name = "derive"

    def __init__(
        self,
        *,
        source: Source,
        variables: Annotated[dict[str, Derivation], Field(description="new name → {formula, of}")],
    ) -> None:
        part = opened(source)
        super().__init__((part,), {"variables": {name: how.model_dump() for name, how in variables.items()}})
        own = part.header.variables
        self._derived = {name: _checked(name, how, own) for name, how in variables.items()}
        new = tuple(_described(name, how, own) for name, how in self._derived.items())
        self.header = replace(part.header, variables=own + new)

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        source, own = self._sources[0], len(self._sources[0].header.variables)
        kept, derived = np.flatnonzero(request.variables < own), np.flatnonzero(request.variables >= own)
        if len(kept):
            part = replace(request, variables=request.variables[kept])
            fill_there(source, part, out, (slice(None), slice(None), run(kept)))
        for column in derived:
            how = self._derived[self.header.names[request.variables[column]]]
            operands = values_of(source, replace(request, variables=source.header.variable_indices(how.of)))
            numbers = (operands[:, :, number].astype(np.float64) for number in range(len(how.of)))
            out[:, :, column] = FORMULAS[how.formula].compute(*numbers)


def _checked(name: str, how: Derivation, own: Sequence[Variable]) -> Derivation:
    """The derivation with names of variables.

    Raises:
        DataError: the name is taken, a variable is not there, or their number or units do not fit the formula.
    """
    formula = FORMULAS[how.formula]
    if name in {variable.name for variable in own}:
        raise DataError(f"`variables` names {name!r}, which the source has", fix="give the new variable another name")
    operands = [variable for each in how.of for variable in meant(each, own, f"variables.{name}.of")]
    if formula.operands not in (None, len(operands)):
        names = ", ".join(variable.name for variable in operands)
        raise DataError(
            f"`{how.formula}` takes {formula.operands} variables, got {len(operands)} (variables.{name}.of): {names}",
            fix=f"name {formula.operands} variables in `of`",
        )
    _check_operands(name, operands, formula.needs_same_units)
    return Derivation(formula=how.formula, of=[variable.name for variable in operands])


def _check_operands(name: str, operands: Sequence[Variable], needs_same_units: bool) -> None:
    """Raise a DataError if the operands differ in units, step type or period."""
    first = operands[0]
    for other in operands[1:]:
        if needs_same_units and not other.has_units_of(first):
            raise DataError(
                f"{name!r} is made of {first.name!r} in {first.units!r} and {other.name!r} in {other.units!r}",
                fix="bring both to the same units with `convert`",
            )
        if (first.step_type, first.period) != (other.step_type, other.period):
            one, two = (f"{each.step_type or 'of no step type'} {each.period}".strip() for each in (first, other))
            raise DataError(
                f"{name!r} is made of {first.name!r}, which is {one}, and {other.name!r}, which is {two}",
                fix="take variables of the same step type and period, as `rolling` gives them",
            )


def _described(name: str, how: Derivation, own: Sequence[Variable]) -> Variable:
    operands: Mapping[str, Variable] = {variable.name: variable for variable in own}
    first, units = operands[how.of[0]], FORMULAS[how.formula].units
    is_one_level = len({operands[each].level for each in how.of}) == 1
    kept = replace(first, name=name, param=name, standard_name="", units=first.units if units is None else units)
    return kept if is_one_level else replace(kept, level=None, level_units="")
