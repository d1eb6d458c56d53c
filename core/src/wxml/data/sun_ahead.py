"""SunAhead: the sun of the hours to come, which no forecast needs to guess."""

__all__ = ["SunAhead"]

from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wxml.data.forcing import Forcing
from wxml.data.forcings import cosine_zenith_angle
from wxml.data.grid import Grid
from wxml.data.times import format_duration, parse_duration, parse_time
from wxml.data.variables import Variable
from wxml.errors import DataError

SECOND = np.timedelta64(1, "s")
HOUR = np.timedelta64(3600, "s")
DAYS = 60
LONGEST = np.timedelta64(1800, "s")
"""The longest part of a mean: the sun moves by 7.5° in it."""
MOST_KEPT = 2**25
"""Bytes of fields that are kept, since samples that follow each other ask for the same instants."""


class SunAhead(Forcing):
    """The mean insolation of parts of the time to come: the cosine of the sun's zenith angle, 0 at night.

    With `until: [1h, 2h, 6h]` there are the fields `sun_ahead_1h`, `sun_ahead_2h` and `sun_ahead_6h`: the means from
    now until 1 h, from 1 h until 2 h, and from 2 h until 6 h ahead. A forcing of the data is known at the input times
    alone; these tell a model that forecasts hours how the sun will rise and set meanwhile. A mean is that of the
    midpoints of parts of at most 30 minutes.

    With `standardised_over` the fields are (x - m) / s, where m and s are mean and standard deviation of the insolation
    at the nodes and every hour of the period, so that they count as much as what is normalised. Of a long period 60
    days stand for all.
    """

    def __init__(
        self,
        *,
        until: Annotated[
            list[str],
            Field(min_length=1, max_length=100, description="ends of the parts of the time to come, in order"),
        ] = ["1h"],  # noqa: B006  # never changed
        standardised_over: Annotated[
            tuple[str, str] | None,
            Field(
                description="start and end of a period, such as that of the training, whose mean is 0 and whose "
                "deviation is 1; null: cosines as they are"
            ),
        ] = None,
    ) -> None:
        """Keep the parts.

        Raises:
            DataError: an end is no time, the ends are not in order, or the period is none.
        """
        ends = [parse_duration(text) for text in until]
        parts = list(pairwise([0 * SECOND, *ends]))
        if any(first >= second for first, second in parts):
            raise DataError(f"`until` must rise, got {until}", fix="write it like [1h, 2h, 6h]")
        names = [f"sun_ahead_{format_duration(end)}" for end in ends]
        self.variables = [Variable(name, units="1") for name in names]
        self._parts = dict(zip(names, parts, strict=True))
        self._hours = None if standardised_over is None else _hours(*standardised_over)
        self._scales: tuple[Grid, float, float] | None = None
        self._kept: dict[np.datetime64, NDArray[np.float64]] = {}
        self._kept_of: Grid | None = None

    def _compute(self, name: str, grid: Grid, time: np.datetime64) -> NDArray[np.float64]:
        begin, end = self._parts[name]
        count = -int(-(end - begin) // LONGEST)
        middles = begin + (end - begin) * (2 * np.arange(count) + 1) // (2 * count)
        mean, deviation = self._scale(grid)
        sun = np.mean([self._insolation(grid, time + middle) for middle in middles], axis=0)
        return np.asarray((sun - mean) / deviation)

    def _insolation(self, grid: Grid, time: np.datetime64) -> NDArray[np.float64]:
        """The insolation at an instant, kept for the next sample that asks for it."""
        if self._kept_of is not grid or len(self._kept) * len(grid) * 8 > MOST_KEPT:
            self._kept, self._kept_of = {}, grid
        if time not in self._kept:
            self._kept[time] = _insolation(grid, time)
        return self._kept[time]

    def _scale(self, grid: Grid) -> tuple[float, float]:
        """Mean and deviation, computed once for a grid."""
        if self._hours is None:
            return 0.0, 1.0
        if self._scales is None or self._scales[0] is not grid:
            sun = np.stack([_insolation(grid, hour) for hour in self._hours])
            self._scales = (grid, float(sun.mean()), float(sun.std()) or 1.0)
        return self._scales[1:]


def _insolation(grid: Grid, time: np.datetime64) -> NDArray[np.float64]:
    return np.maximum(cosine_zenith_angle(grid, time), 0.0)


def _hours(start: str, end: str) -> NDArray[np.datetime64]:
    """All hours of at most 60 days, evenly spread over a period."""
    first, last = (parse_time(text).astype("datetime64[D]") for text in (start, end))
    days = np.arange(first, last + 1)
    if not len(days):
        raise DataError(
            f"`standardised_over` must not end before it starts, got [{start}, {end}]", fix="exchange the two"
        )
    chosen = days[np.unique(np.linspace(0, len(days) - 1, min(len(days), DAYS)).astype(int))]
    return np.asarray((chosen.astype("datetime64[s]")[:, None] + np.arange(24) * HOUR).reshape(-1))
