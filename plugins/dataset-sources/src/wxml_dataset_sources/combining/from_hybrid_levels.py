"""Sources that bring variables on hybrid levels to other levels."""

__all__ = ["Coefficients", "FromHybridLevels", "Hybrid"]

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import ReadRequest, Variable
from wxml.data.read_request import run
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Part, fill_there, values_of
from wxml_dataset_sources.combining.hybrid_levels import check_coefficients
from wxml_dataset_sources.combining.units import line_to
from wxml_dataset_sources.combining.variable_choice import meant

Array = NDArray[np.float64]
Coefficients = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=2)]


@dataclass(frozen=True, slots=True)
class Hybrid:
    """The options that say what is brought where."""

    variables: Sequence[str]
    """The parameters on hybrid levels."""
    levels: Sequence[float]
    """Where they are brought to."""
    surface_pressure: str
    """The variable."""
    a: Sequence[float]
    """At the half levels, from the top on, in Pa."""
    b: Sequence[float]
    """The same, as shares of the surface pressure."""


class FromHybridLevels(Combination):
    """Some variables of a source on other levels, linearly in a coordinate that rises downwards.

    A value is NaN below the lowest level, above the highest one, and if one of those that it is made of is.
    """

    def __init__(self, part: Part, hybrid: Hybrid, options: dict[str, Any]) -> None:
        """A subclass then calls `_bring`.

        Args:
            part: the source.
            hybrid: what is brought where.
            options: all options as JSON values.

        Raises:
            DataError: the coefficients are no half levels.
        """
        super().__init__((part,), options)
        check_coefficients(hybrid.a, hybrid.b)
        self._part, self._hybrid = part, hybrid
        self._a, self._b = np.array(hybrid.a), np.array(hybrid.b)
        self._count = len(hybrid.a) - 1

    @abstractmethod
    def _coordinate(self, needed: Array) -> Array:
        """The coordinate at all full levels, from what `_bring` said that it needs.

        Args:
            needed: shape `[time, member, variable, node]`, in the units that `_bring` was given.

        Returns:
            Shape `[time, member, level, node]`.
        """

    def _bring(self, needs: Sequence[tuple[Variable, str]], wanted: Array, kind: Variable) -> None:
        """Set `header`.

        Args:
            needs: what the coordinate is made of, each with the units in which it is taken.
            wanted: the coordinate at each of the levels.
            kind: a variable with the units and the type of the levels.
        """
        own, names = self._part.header.variables, self._part.header.names
        self._needed = np.array([names.index(variable.name) for variable, _ in needs], np.intp)
        lines = [line_to(variable, units) for variable, units in needs]
        self._scales, self._offsets = (np.array(each)[:, None] for each in zip(*lines, strict=True))
        self._wanted = wanted
        groups = [self.on_hybrid_levels(name) for name in self._hybrid.variables]
        self._numbers = [np.array([int(each.level or 0) - 1 for each in group]) for group in groups]
        self._columns = [np.array([names.index(each.name) for each in group], np.intp) for group in groups]
        replaced = {each for group in groups for each in group}
        self._kept = np.array([place for place, each in enumerate(own) if each not in replaced], np.intp)
        made = [_at(group[0], level, kind) for group in groups for level in self._hybrid.levels]
        self.header = replace(self._part.header, variables=(*(own[place] for place in self._kept), *made))

    def on_hybrid_levels(self, name: str, option: str = "variables") -> list[Variable]:
        """The variables of a parameter on hybrid levels, from the top on.

        Raises:
            DataError: they are no hybrid levels that the coefficients have, or just one.
        """
        found = sorted(meant(name, self._part.header.variables, option), key=lambda each: each.level or 0)
        wrong = [
            each
            for each in found
            if each.level not in range(1, self._count + 1)
            or (each.level_type or "hybrid") != "hybrid"
            or each.level_units == "hPa"
        ]
        if wrong or len(found) < 2:
            names = ", ".join(each.name for each in wrong or found)
            raise DataError(
                f"{names} of {self._part.called} are not at two or more of the hybrid levels 1 to {self._count}, which "
                "`a` and `b` have",
                fix="name parameters on hybrid levels, and give `a` and `b` for all of them",
            )
        return found

    def on_all_levels(self, name: str, option: str) -> list[Variable]:
        """The same, at every level that the coefficients have.

        Raises:
            DataError: a level lacks.
        """
        found = self.on_hybrid_levels(name, option)
        if len(found) != self._count:
            there = {each.level for each in found}
            lacking = ", ".join(str(level) for level in range(1, self._count + 1) if level not in there)
            raise DataError(
                f"`{option}` is {name!r}, which is not at level {lacking} of the {self._count} that `a` and `b` have",
                fix="read it at all hybrid levels: a height is the sum over all that is below",
            )
        return found

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        source, count = self._sources[0], len(self._kept)
        kept = np.flatnonzero(request.variables < count)
        if len(kept):
            part = replace(request, variables=self._kept[request.variables[kept]])
            fill_there(source, part, out, (slice(None), slice(None), run(kept)))
        group, level = np.divmod(request.variables - count, len(self._wanted))
        if not (group >= 0).any():
            return
        needed = values_of(source, replace(request, variables=self._needed)).astype(np.float64)
        coordinate = self._coordinate(needed * self._scales + self._offsets)
        for number in np.unique(group[group >= 0]):
            columns = values_of(source, replace(request, variables=self._columns[number])).astype(np.float64)
            for column in np.flatnonzero(group == number):
                found = _interpolated(columns, coordinate[:, :, self._numbers[number]], self._wanted[level[column]])
                out[:, :, column] = found


def _interpolated(columns: Array, coordinate: Array, wanted: float) -> Array:
    """The values at one place of a coordinate, from those at the levels `[time, member, level, node]`."""
    lower = np.clip(np.sum(coordinate < wanted, axis=2, keepdims=True), 1, coordinate.shape[2] - 1)
    near = [np.take_along_axis(coordinate, lower + away, axis=2)[:, :, 0] for away in (-1, 0)]
    values = [np.take_along_axis(columns, lower + away, axis=2)[:, :, 0] for away in (-1, 0)]
    share = (wanted - near[0]) / (near[1] - near[0])
    is_between = (share >= -1e-9) & (share <= 1 + 1e-9)
    return np.where(is_between, values[0] + share * (values[1] - values[0]), np.nan)


def _at(variable: Variable, level: float, kind: Variable) -> Variable:
    """The variable at a level of that kind."""
    return replace(
        variable,
        name=f"{variable.param}_{level:g}",
        level=level,
        level_units=kind.level_units,
        level_type=kind.level_type,
    )
