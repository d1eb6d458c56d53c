"""Variables on hybrid levels, brought to pressure levels."""

__all__ = ["PressureLevels"]

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import ReadRequest, Variable
from wxml.data.read_request import run
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Part, Source, fill_there, opened, values_of
from wxml_dataset_sources.combining.units import line_to
from wxml_dataset_sources.combining.variable_choice import meant

Array = NDArray[np.float64]
Coefficients = list[Annotated[float, Field(allow_inf_nan=False)]]


class PressureLevels(Combination):
    """Some variables of a source from hybrid levels to pressure levels, linearly in the logarithm of the pressure.

    The pressure of hybrid level k = 1, 2, … is the mean of a + b · surface pressure at the half levels k − 1 and k.
    A value is NaN below the lowest level, above the highest one, and if one of those that it is made of is. The other
    variables stay as they are.
    """

    name = "pressure-levels"

    def __init__(
        self,
        *,
        source: Source,
        variables: Annotated[list[str], Field(min_length=1, description="the parameters on hybrid levels, such as t")],
        levels: Annotated[
            list[Annotated[float, Field(gt=0, le=1200)]], Field(min_length=1, description="the pressures in hPa")
        ],
        surface_pressure: Annotated[str, Field(description="the variable, in Pa or hPa, such as sp")],
        a: Annotated[Coefficients, Field(min_length=2, description="at the half levels, from the top on, in Pa")],
        b: Annotated[Coefficients, Field(min_length=2, description="at the half levels, from the top on")],
    ) -> None:
        part = opened(source)
        options = {"variables": variables, "levels": levels, "surface_pressure": surface_pressure, "a": a, "b": b}
        super().__init__((part,), options)
        own = part.header.variables
        surface = meant(surface_pressure, own, "surface_pressure")[0]
        _check_coefficients(a, b)
        self._a, self._b = (np.convolve(each, [0.5, 0.5], "valid") for each in (a, b))
        self._scale, self._offset = line_to(surface, "Pa")
        self._wanted = np.log(100.0 * np.array(levels))
        groups = [_hybrid(part, name, len(self._a)) for name in variables]
        self._numbers = [np.array([int(each.level or 0) - 1 for each in group]) for group in groups]
        names = part.header.names
        self._needs = [[names.index(each.name) for each in group] + [names.index(surface.name)] for group in groups]
        replaced = {each for group in groups for each in group}
        self._kept = np.array([place for place, each in enumerate(own) if each not in replaced], np.intp)
        made = [_at(group[0], level) for group in groups for level in levels]
        self.header = replace(part.header, variables=(*(own[place] for place in self._kept), *made))

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        source, count = self._sources[0], len(self._kept)
        kept = np.flatnonzero(request.variables < count)
        if len(kept):
            part = replace(request, variables=self._kept[request.variables[kept]])
            fill_there(source, part, out, (slice(None), slice(None), run(kept)))
        group, level = np.divmod(request.variables - count, len(self._wanted))
        for number in np.unique(group[group >= 0]):
            needs = np.array(self._needs[number], np.intp)
            columns = values_of(source, replace(request, variables=needs)).astype(np.float64)
            for column in np.flatnonzero(group == number):
                out[:, :, column] = self._interpolated(columns, number, self._wanted[level[column]])

    def _interpolated(self, columns: Array, number: int, wanted: float) -> Array:
        """The values at one pressure (its logarithm), from `[time, member, level and surface pressure, node]`."""
        numbers = self._numbers[number]
        surface = columns[:, :, -1:] * self._scale + self._offset
        heights = np.log(self._a[numbers, None] + self._b[numbers, None] * surface)
        lower = np.clip(np.sum(heights < wanted, axis=2, keepdims=True), 1, len(numbers) - 1)
        near = [np.take_along_axis(heights, lower + away, axis=2)[:, :, 0] for away in (-1, 0)]
        values = [np.take_along_axis(columns[:, :, :-1], lower + away, axis=2)[:, :, 0] for away in (-1, 0)]
        share = (wanted - near[0]) / (near[1] - near[0])
        is_between = (share >= -1e-9) & (share <= 1 + 1e-9)
        return np.where(is_between, values[0] + share * (values[1] - values[0]), np.nan)


def _check_coefficients(a: Sequence[float], b: Sequence[float]) -> None:
    """Raise a DataError if the coefficients are no pairs, or the pressure does not rise downwards."""
    if len(a) != len(b) or np.any(np.diff(np.array(a) + 1e5 * np.array(b[: len(a)])) <= 0):
        raise DataError(
            f"`a` ({len(a)} numbers) and `b` ({len(b)} numbers) are no half levels from the top on, whose pressure "
            "rises",
            fix="give both for all half levels, one more than there are levels, from the top down, `a` in Pa",
        )


def _hybrid(part: Part, name: str, count: int) -> list[Variable]:
    """The variables of a parameter on hybrid levels, from the top on.

    Raises:
        DataError: they are no hybrid levels between 1 and `count`, or just one.
    """
    found = sorted(meant(name, part.header.variables, "variables"), key=lambda each: each.level or 0)
    wrong = [
        each
        for each in found
        if each.level not in range(1, count + 1)
        or (each.level_type or "hybrid") != "hybrid"
        or each.level_units == "hPa"
    ]
    if wrong or len(found) < 2:
        names = ", ".join(each.name for each in wrong or found)
        raise DataError(
            f"{names} of {part.called} are not at two or more of the hybrid levels 1 to {count}, which `a` and `b` "
            "have",
            fix="name parameters on hybrid levels, and give `a` and `b` for all of them",
        )
    return found


def _at(variable: Variable, level: float) -> Variable:
    """The variable at a pressure level."""
    name = f"{variable.param}_{level:g}"
    return replace(variable, name=name, level=level, level_units="hPa", level_type="isobaric")
