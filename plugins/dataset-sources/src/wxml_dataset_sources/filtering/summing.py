"""Amounts of each step, and their sums since the start of a forecast."""

__all__ = ["AccumulateFilter", "IncrementsFilter"]

import logging
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from wxml import FilterSpace, StateFilter, Variable
from wxml.data.times import format_duration, format_time
from wxml.errors import DataError

from wxml_dataset_sources.filtering.choice import Names, columns

logger = logging.getLogger("wxml")

Sums = NDArray[np.float64]


class AccumulateFilter(StateFilter):
    """Sums amounts of each step, such as rain, since the start of the forecast.

    A sum never falls: a negative amount counts as 0, and the log says how many there were.
    """

    places = ("output",)

    def __init__(self, space: FilterSpace, *, variables: Names) -> None:
        super().__init__(space)
        self._columns = columns(space, variables)
        for one in self._columns:
            _check_amount(space.variables[one], space.timestep)
        self.variables = _with(space, self._columns, "")
        self._sums: Sums | None = None

    @property
    def deviations(self) -> dict[str, str]:
        """Not of sums: nobody knows how the errors of steps go together."""
        return _deviations(self, self._columns)

    def _apply(
        self, values: NDArray[np.float32], valid_time: np.datetime64, lead_time: np.timedelta64
    ) -> NDArray[np.float32]:
        amounts = values[:, self._columns].astype(np.float64)
        negative = int((amounts < 0).sum())
        if negative:
            logger.info("%d negative amounts of the step to %s count as 0", negative, format_time(valid_time))
        amounts = np.where(amounts < 0, 0.0, amounts)
        self._sums = amounts if self._sums is None else self._sums + amounts
        after = values.copy()
        after[:, self._columns] = self._sums
        return after


class IncrementsFilter(StateFilter):
    """Gives the amounts of each step, from sums since the start of the forecast."""

    places = ("output",)

    def __init__(self, space: FilterSpace, *, variables: Names) -> None:
        super().__init__(space)
        self._columns = columns(space, variables)
        self.variables = _with(space, self._columns, format_duration(space.timestep))
        self._last: NDArray[np.float32] | None = None

    @property
    def deviations(self) -> dict[str, str]:
        """Not of differences: nobody knows how the errors of steps go together."""
        return _deviations(self, self._columns)

    def _apply(
        self, values: NDArray[np.float32], valid_time: np.datetime64, lead_time: np.timedelta64
    ) -> NDArray[np.float32]:
        sums, after = values[:, self._columns].copy(), values.copy()
        after[:, self._columns] = sums if self._last is None else sums - self._last
        self._last = sums
        return after


def _deviations(made: StateFilter, changed: list[int]) -> dict[str, str]:
    """The variables that a filter leaves as they are."""
    return {one.name: one.name for place, one in enumerate(made.variables) if place not in changed}


def _check_amount(variable: Variable, timestep: np.timedelta64) -> None:
    """Raise a DataError if the variable holds no amounts, or those of other periods than the time step."""
    step = format_duration(timestep)
    if variable.step_type not in ("", "accum") or variable.period not in ("", step):
        said = f"{variable.step_type or 'of no step type'} {variable.period}".strip()
        raise DataError(
            f"{variable.name!r} is {said}, and amounts of each step of {step} are summed",
            fix="name variables that hold the amounts of each step",
        )


def _with(space: FilterSpace, chosen: list[int], period: str) -> tuple[Variable, ...]:
    return tuple(
        replace(one, step_type="accum", period=period) if number in chosen else one
        for number, one in enumerate(space.variables)
    )
