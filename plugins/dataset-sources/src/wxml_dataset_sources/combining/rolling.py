"""Means, sums and extremes over the times before."""

__all__ = ["Rolling"]

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import ReadRequest, Variable
from wxml.data.read_request import run
from wxml.data.times import format_duration, parse_duration
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Part, Source, fill_there, opened, values_of
from wxml_dataset_sources.combining.time_choice import shortest_step
from wxml_dataset_sources.combining.variable_choice import meant

Method = Literal["mean", "sum", "min", "max"]
STEP_TYPES: Final[dict[Method, str]] = {"mean": "avg", "sum": "accum", "min": "min", "max": "max"}
"""The step type of what each method gives."""


class Rolling(Combination):
    """Some variables of a source over a window that ends at the time: mean, sum, least or greatest of all times in it.

    A window of 24h of 6-hourly data has four times, that of the end among them. Times whose window is not whole are
    left out. A value is NaN if one of those in its window is.
    """

    name = "rolling"

    def __init__(
        self,
        *,
        source: Source,
        window: Annotated[str, Field(description="such as 24h: a multiple of the step between the times")],
        method: Annotated[Method, Field(description="what is made of the values in the window")] = "mean",
        variables: Annotated[
            list[str] | None, Field(description="of these: names (t_850) or parameters (t); else of all")
        ] = None,
    ) -> None:
        part = opened(source)
        super().__init__((part,), {"window": window, "method": method, "variables": variables})
        own = part.header
        wanted = own.names if variables is None else variables
        chosen = [variable for name in wanted for variable in meant(name, own.variables, "variables")]
        self._method: Method = method
        step = shortest_step(own.times)
        self._count = _count(part, parse_duration(window), step)
        _check_periods(part, chosen, step)
        self._last = np.flatnonzero(_is_whole(own.times, self._count, step))
        self._rolls = np.array([variable in chosen for variable in own.variables])
        self.header = replace(
            own,
            variables=tuple(_over(each, method, window) if each in chosen else each for each in own.variables),
            times=own.times[self._last],
        )

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source, which has the same variables."""
        return self._sources[0].chunk_groups()

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        last, rolls = self._last[request.times], self._rolls[request.variables]
        source, others, rolling = self._sources[0], np.flatnonzero(~rolls), np.flatnonzero(rolls)
        if len(others):
            part = replace(request, times=last, variables=request.variables[others])
            fill_there(source, part, out, (slice(None), slice(None), run(others)))
        if len(rolling):
            windows = last[:, None] - np.arange(self._count)
            needed, where = np.unique(windows, return_inverse=True)
            values = values_of(source, replace(request, times=needed, variables=request.variables[rolling]))
            for row, positions in enumerate(where.reshape(windows.shape)):
                out[row][:, rolling] = _reduced(values[positions], self._method)


def _reduced(values: NDArray[np.float32], method: Method) -> NDArray[np.floating]:
    """The mean and so on over the first axis; means and sums in double precision."""
    if method in ("mean", "sum"):
        return np.asarray(getattr(np, method)(values, axis=0, dtype=np.float64))
    return np.asarray(getattr(np, method)(values, axis=0))


def _count(part: Part, window: np.timedelta64, step: np.timedelta64) -> int:
    """The number of times in a window.

    Raises:
        DataError: the window is no multiple of the step.
    """
    if window % step:
        raise DataError(
            f"`window` is {format_duration(window)}, and the times of {part.called} are {format_duration(step)} apart",
            fix=f"choose a multiple of {format_duration(step)}",
        )
    return int(window // step)


def _check_periods(part: Part, variables: Sequence[Variable], step: np.timedelta64) -> None:
    """Raise a DataError if a variable describes periods that overlap, or have gaps between them."""
    for variable in variables:
        if variable.period and parse_duration(variable.period.split()[0]) != step:
            raise DataError(
                f"{variable.name!r} of {part.called} is over periods of {variable.period}, and its times are "
                f"{format_duration(step)} apart, so that a window would count some of it twice, or not at all",
                fix=f"choose times {variable.period.split()[0]} apart, with `subset` and its option `frequency`",
            )


def _is_whole(times: NDArray[np.datetime64], count: int, step: np.timedelta64) -> NDArray[np.bool_]:
    """Whether the source has all of the `count` times of the window that ends at each time."""
    first = np.searchsorted(times, times - (count - 1) * step)
    is_whole: NDArray[np.bool_] = np.arange(len(times)) - first == count - 1
    return is_whole


def _over(variable: Variable, method: Method, window: str) -> Variable:
    return replace(variable, step_type=STEP_TYPES[method], period=format_duration(parse_duration(window)))
