"""The climatology: the mean of past values at a time of day and a time of the year."""

__all__ = ["BLOCK_BYTES", "DAYS", "Climatology", "PastBins", "calendar"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource

from wxml_verification.arrays import Array
from wxml_verification.kept_sums import KeptSums

DAYS = 366  # one bin for each date of a leap year, so that 1 March is the same bin in every year
BLOCK_BYTES = 64 * 2**20  # one read of the source takes at most this (or one time)
Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, eq=False)
class PastBins:
    """Past times by their dates and times of day."""

    times: Times
    hours: NDArray[np.int64]
    """The times of day that there are, in seconds, rising; shape `[hour]`."""
    days: NDArray[np.int64]
    """The dates that there are, as numbers in a leap year, rising; shape `[day]`."""
    hour_of_time: NDArray[np.intp]
    """The place of each time among these; shape `[time]`."""
    day_of_time: NDArray[np.intp]
    """Likewise."""

    @classmethod
    def of(cls, times: Times, asked: Times | None) -> Self:
        """The bins of some times; see `Climatology.of`."""
        if asked is not None:
            times = times[np.isin(calendar(times)[1], calendar(asked)[1])]
        days, seconds = calendar(times)
        hours, hour_of_time = np.unique(seconds, return_inverse=True)
        dates, day_of_time = np.unique(days, return_inverse=True)
        return cls(times, hours, dates, hour_of_time, day_of_time)

    @property
    def shape(self) -> tuple[int, int]:
        """How many dates and times of day there are."""
        return len(self.days), len(self.hours)

    def counts(self) -> NDArray[np.int64]:
        """The number of times up to and with each date, shape `[1 + day, hour]`; the first is 0."""
        found = np.zeros((1 + len(self.days), len(self.hours)), np.int64)
        np.add.at(found, (1 + self.day_of_time, self.hour_of_time), 1)
        return np.cumsum(found, axis=0)

    def add(self, sums: KeptSums, source: DataSource, variables: Sequence[str], days: slice) -> None:
        """Read the times of some dates once, in blocks, and add them up.

        Args:
            sums: of these dates.
            source: has the times; the mean over its members counts.
            variables: their names.
            days: the dates, by their places.
        """
        chosen = np.flatnonzero((self.day_of_time >= days.start) & (self.day_of_time < days.stop))
        length = max(1, BLOCK_BYTES // (4 * source.header.members * len(variables) * len(source.header.grid)))
        for start in range(0, len(chosen), length):
            block = chosen[start : start + length]
            fields = source.read(self.times[block], variables).mean(axis=1)
            for day, hour, field in zip(self.day_of_time[block], self.hour_of_time[block], fields, strict=True):
                sums.add(day - days.start, hour, field)


@dataclass(frozen=True, slots=True, eq=False)
class Climatology:
    """Mean over the training times with the same time of day, within some days of the date, in whichever year.

    With one or two training years a mean for each date alone is mostly weather, so all dates within ± `window` days
    count the same (a circular running mean over the year). Where no training time lies so near, as with a training
    period shorter than a year, the window is doubled until there is one. A time of day that the training times lack has
    no climatology: NaN.

    Sums are kept of the dates and times of day that there are, in memory if they are small, else in a file.
    """

    hours: NDArray[np.int64]
    """The times of day that the training times have, in seconds, rising; shape `[hour]`."""
    days: NDArray[np.int64]
    """The dates that the training times have, as numbers in a leap year, rising; shape `[day]`."""
    window: int
    """Days on either side of the date."""
    times: NDArray[np.int64]
    """The number of training times up to and with each date, shape `[1 + day, hour]`; the first is 0."""
    sums: KeptSums
    """The sums of the values up to and with each date, and how many are missing."""

    @classmethod
    def of(
        cls, source: DataSource, times: Times, variables: Sequence[str], window: int, asked: Times | None = None
    ) -> Self:
        """Read the training times once, in blocks, and sum by date and time of day.

        Args:
            source: holds the training data; the mean over its members counts.
            times: the training times; each must be in the source.
            variables: their names.
            window: days on either side of a date.
            asked: the instants that will be asked for; training times at other times of day are not read. None: any.
        """
        bins = PastBins.of(times, asked)
        sums = KeptSums(bins.shape, (len(variables), len(source.header.grid)))
        bins.add(sums, source, variables, slice(0, len(bins.days)))
        sums.accumulate()
        return cls.kept(bins, window, sums)

    @classmethod
    def kept(cls, bins: "PastBins", window: int, sums: KeptSums) -> Self:
        """The climatology of sums up to and with each date."""
        return cls(bins.hours, bins.days, window, bins.counts(), sums)

    def at(self, times: Times) -> Array:
        """The climatology of each instant, shape `[time, variable, node]`; NaN where there is none."""
        out = np.full((len(times), *self.sums.shape), np.nan)
        days, seconds = calendar(times)
        hours, windows = np.searchsorted(self.hours, seconds), self.windows(times)
        for index, (day, hour, window) in enumerate(zip(days, hours, windows, strict=True)):
            if window < 0:
                continue
            total, count = np.zeros(self.sums.shape), np.zeros(self.sums.shape)
            for place, sign in self._within(day, window):
                values, missing = self.sums.until(place, hour)
                total += sign * values
                count += sign * (self.times[place, hour] - missing)
            np.divide(total, count, out=out[index], where=count > 0)
        return out

    def windows(self, times: Times) -> NDArray[np.int64]:
        """The days on either side of each instant's date that its mean takes, shape `[time]`.

        It is `window`, doubled until a training time lies within; -1 where no training time has that time of day.
        """
        windows = np.full(len(times), -1, np.int64)
        for index, (day, second) in enumerate(zip(*calendar(times), strict=True)):
            hour = np.flatnonzero(self.hours == second)
            if hour.size:
                window = self.window
                while self._count(day, window, hour[0]) == 0:  # the whole year has one, so this ends
                    window = min(2 * window + 1, DAYS // 2)
                windows[index] = window
        return windows

    def _count(self, day: int, window: int, hour: int) -> int:
        return sum(sign * int(self.times[place, hour]) for place, sign in self._within(day, window))

    def _within(self, day: int, window: int) -> list[tuple[int, int]]:
        """The places in the cumulative sums, and their signs, whose sum is that over the days within `window` of `day`.

        C(day + window) − C(day − window − 1), with C(d) continued periodically: one total of the year more with each
        turn. A window that goes all around the year counts each day once.
        """
        if 2 * window + 1 >= DAYS:
            return [(len(self.days), 1)]
        found = []
        for last, sign in ((int(day) + window, 1), (int(day) - window - 1, -1)):
            turn, date = divmod(last, DAYS)
            found.append((int(np.searchsorted(self.days, date, side="right")), sign))
            if turn:
                found.append((len(self.days), sign * turn))
        return [(place, sign) for place, sign in found if place]


def calendar(times: Times) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The date's number in a leap year, 0 for 1 January to 365 for 31 December, and the seconds since midnight, UTC."""
    dates, months = times.astype("datetime64[D]"), times.astype("datetime64[M]")
    month = months.astype(np.int64) % 12
    day = (dates - months.astype("datetime64[D]")).astype(np.int64)
    before = np.concatenate([[0], np.cumsum([31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30])])
    seconds = (times.astype("datetime64[s]") - dates).astype(np.int64)
    return np.asarray(before[month] + day, np.int64), np.asarray(seconds)
