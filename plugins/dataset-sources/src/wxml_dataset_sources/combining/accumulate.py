"""Sums over each step, from totals that run on."""

__all__ = ["Accumulate"]

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import ReadRequest, Variable
from wxml.data.times import format_duration, parse_duration, parse_time
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Part, Source, opened, values_of
from wxml_dataset_sources.combining.time_choice import shortest_step
from wxml_dataset_sources.combining.variable_choice import meant

LOG = logging.getLogger("wxml")
UNLESS_SIGNED = "unless it may be, as net radiation, correct `start` and `restart`, or set them to 0 (`not_negative`)"


class Accumulate(Combination):
    """Some variables summed over each step between the times, from totals that run on since the last restart.

    A time has no sum, and is left out, if the one before it is missing and is no restart. `rolling` sums over longer
    periods.
    """

    name = "accumulate"

    def __init__(
        self,
        *,
        source: Source,
        variables: Annotated[list[str], Field(min_length=1, description="the totals: names (tp) or parameters")],
        start: Annotated[str, Field(description="a time at which the totals begin from 0")],
        restart: Annotated[
            str | None, Field(description="they begin again so long after `start`, again and again, such as 24h")
        ] = None,
        not_negative: Annotated[
            bool, Field(description="a total that falls, as by rounding, counts as 0; the log tells how many")
        ] = False,
        assume: Annotated[
            bool, Field(description="take them for totals that run on, whatever the source says of their periods")
        ] = False,
    ) -> None:
        part = opened(source)
        options = {
            "variables": variables,
            "start": start,
            "restart": restart,
            "not_negative": not_negative,
            "assume": assume,
        }
        super().__init__((part,), options)
        own = part.header
        chosen = [variable for name in variables for variable in meant(name, own.variables, "variables")]
        if not assume:
            _check_totals(part, chosen)
        self._called, self._told = part.called, set[str]()
        self._step, self._not_negative = shortest_step(own.times), not_negative
        self._start, self._restart = parse_time(start), None if restart is None else parse_duration(restart)
        _check_restart(part, self._restart, self._step)
        before = own.times - self._step
        has_sum = (before >= self._start) & (np.isin(before, own.times) | self._is_restart(before))
        self._rows, self._restarts = np.flatnonzero(has_sum), self._is_restart(before[has_sum])
        self._sums = np.array([variable in chosen for variable in own.variables])
        period = format_duration(self._step)
        described = (
            replace(each, step_type="accum", period=period) if each in chosen else each for each in own.variables
        )
        self.header = replace(own, variables=tuple(described), times=own.times[has_sum])

    def _is_restart(self, times: NDArray[np.datetime64]) -> NDArray[np.bool_]:
        """Whether the totals begin from 0 at each time."""
        after = times - self._start
        since = after if self._restart is None else after % self._restart
        return np.asarray(since == np.timedelta64(0, "s"))

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source, which has the same variables."""
        return self._sources[0].chunk_groups()

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        at, sums = self._rows[request.times], np.flatnonzero(self._sums[request.variables])
        self._sources[0].fill(replace(request, times=at), out)
        rows = np.flatnonzero(~self._restarts[request.times])
        if len(rows) and len(sums):
            part = replace(request, times=at[rows] - 1, variables=request.variables[sums])
            place = np.ix_(rows, np.arange(out.shape[1]), sums)
            out[place] = out[place].astype(np.float64) - values_of(self._sources[0], part)
        for column in sums:
            self._tell(self.header.names[request.variables[column]], out[:, :, column])
            if self._not_negative:
                np.maximum(out[:, :, column], 0, out=out[:, :, column])

    def _tell(self, name: str, values: NDArray[np.float32]) -> None:
        """Tell once of each variable how many sums are negative: its totals may begin again where nobody said so."""
        is_negative = values < 0
        if name in self._told or not is_negative.any():
            return
        self._told.add(name)
        meaning = "they count as 0 (not_negative)" if self._not_negative else UNLESS_SIGNED
        LOG.warning(
            "%d of %d sums of %r of %s are negative, down to %g: %s",
            np.count_nonzero(is_negative),
            values.size,
            name,
            self._called,
            values[is_negative].min(),
            meaning,
        )


def _check_totals(part: Part, chosen: Sequence[Variable]) -> None:
    """Raise a DataError if the source says of a variable that it is no total that runs on."""
    for variable in chosen:
        if variable.step_type not in ("", "accum") or variable.period:
            what = f"{variable.step_type} {variable.period}".strip()
            raise DataError(
                f"{variable.name!r} of {part.called} is {what}, and no total that runs on",
                fix="take it as it is, or sum it with `rolling`; if the source is wrong, write `assume: true`",
            )


def _check_restart(part: Part, restart: np.timedelta64 | None, step: np.timedelta64) -> None:
    """Raise a DataError if totals restart between two times."""
    if restart is not None and restart % step:
        own = format_duration(step)
        raise DataError(
            f"`restart` is {format_duration(restart)}, and the times of {part.called} are {own} apart",
            fix=f"choose a multiple of {own}",
        )
