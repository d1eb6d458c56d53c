"""Constants and climatologies, again and again."""

__all__ = ["Repeated"]

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import ReadRequest
from wxml.data.times import format_time
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Part, Source, opened, values_of
from wxml_dataset_sources.combining.time_choice import Times, regular_times

Every = Literal["constant", "month", "day", "closest"]
DAY = 86400  # seconds
LEAP_DAY = 229 * DAY


class Repeated(Combination):
    """A constant or a climatology at all times from `start` to `end`, and for all members.

    29 February is the day before it where the climatology has none.
    """

    name = "repeated"

    def __init__(
        self,
        *,
        source: Source,
        start: Annotated[str, Field(description="first time")],
        end: Annotated[str, Field(description="last time; a date without an hour is the whole day")],
        frequency: Annotated[str, Field(description="the step between the times, such as 6h")],
        every: Annotated[
            Every,
            Field(
                description="constant: the source has one time; month: one of each month; day: one of each day of the "
                "year, or of each hour of each day; closest: the nearest time of the source"
            ),
        ] = "constant",
        members: Annotated[
            int, Field(gt=0, description="the number of members, each with the values of the one of the source")
        ] = 1,
    ) -> None:
        part = opened(source)
        options = {"start": start, "end": end, "frequency": frequency, "every": every, "members": members}
        super().__init__((part,), options)
        if members > 1 and part.header.members > 1:
            raise DataError(
                f"`members` is {members}, and {part.called} has {part.header.members} members of its own",
                fix="leave `members` out, or choose one of them with `subset` and its option `members`",
            )
        times = regular_times(start, end, frequency)
        self._rows = _rows(part, times, every)
        self.header = replace(part.header, times=times, members=max(members, part.header.members))

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source, which has the same variables."""
        return self._sources[0].chunk_groups()

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        rows, where = np.unique(self._rows[request.times], return_inverse=True)
        source = self._sources[0]
        members = request.members if source.header.members > 1 else slice(0, 1)
        out[:] = values_of(source, replace(request, times=rows, members=members))[where]


def _rows(part: Part, times: Times, every: Every) -> NDArray[np.intp]:
    """The position in the times of the source for each of `times`.

    Raises:
        DataError: of what a time asks for, such as a January, the source has none or two.
    """
    there = part.header.times
    if every == "closest":
        return _nearest(there, times)
    by_hour = every == "day" and len(np.unique(_seconds_of_day(there))) > 1
    own, wanted = (_keys(each, every, by_hour) for each in (there, times))
    keys, first, counts = np.unique(own, return_index=True, return_counts=True)
    if counts.max() > 1:
        twice = there[own == keys[np.argmax(counts)]]
        raise DataError(
            f"{part.called} has {format_time(twice[0])} and {format_time(twice[1])}, and `every: {every}` takes one "
            "of them",
            fix="choose times with `subset`, or another `every`",
        )
    is_leap_day = (_keys(times, "day", False) == LEAP_DAY) & ~np.isin(wanted, keys)
    wanted[is_leap_day] = _keys(times[is_leap_day] - np.timedelta64(1, "D"), every, by_hour)
    lacking = ~np.isin(wanted, keys)
    if lacking.any():
        raise DataError(
            f"{part.called} has nothing for {format_time(times[lacking][0])} (`every: {every}`)",
            fix="choose `start`, `end` and `frequency` such that it has values for all times",
        )
    return first[np.searchsorted(keys, wanted)]


def _nearest(there: Times, times: Times) -> NDArray[np.intp]:
    """The position in `there`, which rises, of what is nearest to each of `times`; of two as near, of the earlier."""
    after = np.searchsorted(there, times).clip(0, len(there) - 1)
    before = (after - 1).clip(0)
    return np.where(np.abs(times - there[before]) <= np.abs(there[after] - times), before, after)


def _keys(times: Times, every: Every, by_hour: bool) -> NDArray[np.int64]:
    """What tells times apart: nothing, the month, or the day of the year, with the second of the day if `by_hour`."""
    if every == "constant":
        return np.zeros(len(times), np.int64)
    month: NDArray[np.int64] = times.astype("M8[M]").astype(np.int64) % 12 + 1
    if every == "month":
        return month
    day: NDArray[np.int64] = (times.astype("M8[D]") - times.astype("M8[M]").astype("M8[D]")).astype(np.int64) + 1
    return (100 * month + day) * DAY + (_seconds_of_day(times) if by_hour else 0)


def _seconds_of_day(times: Times) -> NDArray[np.int64]:
    seconds: NDArray[np.int64] = (times - times.astype("M8[D]")).astype("m8[s]").astype(np.int64)
    return seconds
