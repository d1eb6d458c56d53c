"""The climatology: the mean of past values at a time of day and a time of the year."""

__all__ = ["Climatology"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource

from wxml_verification.arrays import Array

DAYS = 366  # one bin for each date of a leap year, so that 1 March is the same bin in every year
BLOCK_BYTES = 64 * 2**20  # one read of the source takes at most this (or one time)
Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, eq=False)
class Climatology:
    """Mean over the training times with the same time of day, within some days of the date, in whichever year.

    With one or two training years a mean for each date alone is mostly weather, so all dates within ± `window` days
    count the same (a circular running mean over the year). Where no training time lies so near, as with a training
    period shorter than a year, the window is doubled until there is one. A time of day that the training times lack has
    no climatology: NaN.
    """

    hours: NDArray[np.int64]
    """The times of day that the training times have, in seconds, rising; shape `[hour]`."""
    window: int
    """Days on either side of the date."""
    times: NDArray[np.int64]
    """The number of training times up to and with each date, shape `[day, hour]`."""
    totals: Array
    """Sums of the values up to and with each date, shape `[day, hour, variable, node]`."""
    counts: NDArray[np.int32]
    """The number of values in `totals`."""

    @classmethod
    def of(cls, source: DataSource, times: Times, variables: Sequence[str], window: int) -> Self:
        """Read the training times once, in blocks, and sum by date and time of day.

        Args:
            source: holds the training data; the mean over its members counts.
            times: the training times; each must be in the source.
            variables: their names.
            window: days on either side of a date.
        """
        days, seconds = _calendar(times)
        hours, hour_of_time = np.unique(seconds, return_inverse=True)
        shape = (DAYS, len(hours), len(variables), len(source.header.grid))
        totals, counts, in_bin = np.zeros(shape), np.zeros(shape, np.int32), np.zeros(shape[:2], np.int64)
        length = max(1, BLOCK_BYTES // (4 * source.header.members * len(variables) * len(source.header.grid)))
        for start in range(0, len(times), length):
            block = slice(start, start + length)
            fields = source.read(times[block], variables).mean(axis=1)
            for day, hour, field in zip(days[block], hour_of_time[block], fields, strict=True):
                present = np.isfinite(field)
                totals[day, hour] += np.where(present, field, 0.0)
                counts[day, hour] += present
                in_bin[day, hour] += 1
        for sums in (totals, counts, in_bin):
            np.cumsum(sums, axis=0, out=sums)  # in place: a window is then the difference of two of them
        return cls(hours, window, in_bin, totals, counts)

    def at(self, times: Times) -> Array:
        """The climatology of each instant, shape `[time, variable, node]`; NaN where there is none."""
        out = np.full((len(times), *self.totals.shape[2:]), np.nan)
        days, seconds = _calendar(times)
        hours, windows = np.searchsorted(self.hours, seconds), self.windows(times)
        for index, (day, hour, window) in enumerate(zip(days, hours, windows, strict=True)):
            if window >= 0:
                count = _within(self.counts[:, hour], day, window)
                np.divide(_within(self.totals[:, hour], day, window), count, out=out[index], where=count > 0)
        return out

    def windows(self, times: Times) -> NDArray[np.int64]:
        """The days on either side of each instant's date that its mean takes, shape `[time]`.

        It is `window`, doubled until a training time lies within; -1 where no training time has that time of day.
        """
        windows = np.full(len(times), -1, np.int64)
        for index, (day, second) in enumerate(zip(*_calendar(times), strict=True)):
            hour = np.flatnonzero(self.hours == second)
            if hour.size:
                window = self.window
                while _within(self.times[:, hour[0]], day, window) == 0:  # the whole year has one, so this ends
                    window = min(2 * window + 1, DAYS // 2)
                windows[index] = window
        return windows


def _within(cumulative: NDArray[Any], day: int, window: int) -> NDArray[Any]:
    """The sum over the days within `window` of `day`, around the year: C(day + window) − C(day − window − 1).

    C(d) is the cumulative sum continued periodically: one total of the year more with each turn. A window that goes
    all around the year counts each day once.
    """
    if 2 * window + 1 >= DAYS:
        return np.asarray(cumulative[-1])
    (late_turn, last), (early_turn, before) = divmod(int(day) + window, DAYS), divmod(int(day) - window - 1, DAYS)
    return np.asarray(cumulative[last] - cumulative[before] + (late_turn - early_turn) * cumulative[-1])


def _calendar(times: Times) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The date's number in a leap year, 0 for 1 January to 365 for 31 December, and the seconds since midnight, UTC."""
    dates, months = times.astype("datetime64[D]"), times.astype("datetime64[M]")
    month = months.astype(np.int64) % 12
    day = (dates - months.astype("datetime64[D]")).astype(np.int64)
    before = np.concatenate([[0], np.cumsum([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30])])
    seconds = (times.astype("datetime64[s]") - dates).astype(np.int64)
    return np.asarray(before[month] + day, np.int64), np.asarray(seconds)
