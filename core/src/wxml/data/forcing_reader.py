"""Reads the forcings of a forecast: each from its source, and something in their place where that has ended."""

__all__ = ["ForcingReader", "WhereMissing"]

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from wxml.data.source import DataSource
from wxml.data.times import format_time
from wxml.errors import DataError

logger = logging.getLogger("wxml")

WhereMissing = Literal["error", "persist", "climatology"]
"""What is read where a source of forcings has no data for a time: nothing, which is an error; the last values before
it; or the mean of other years."""
Instants = NDArray[np.datetime64]
AROUND: Final = 5
"""The mean of other years takes the times of the same hour so many days before and after the day of the year."""
HALF_A_YEAR: Final = np.timedelta64(183, "D")
DAY: Final = np.timedelta64(86400, "s")


@dataclass(frozen=True, slots=True, eq=False)
class ForcingReader:
    """Where the forcings of a forecast are read."""

    changing: DataSource
    """Has those that change."""
    constant: DataSource
    """Has those that never change, at any time."""
    members: int
    """The members of the initial states; a source has as many, or one that all of them read."""
    where_missing: WhereMissing = "error"

    def check_times(self, names: Sequence[str], times: Instants) -> None:
        """Check that there is something to read at every time.

        Args:
            names: the forcings that change and are read.
            times: when they are read.

        Raises:
            DataError: there is nothing to read at one of them; the error names it.
        """
        for time in self._lacking(names, times):
            self._instead(names, time)

    def tell(self, names: Sequence[str], times: Instants) -> None:
        """Say in the log what is read in place of forcings at `times`, if something is."""
        lacking = self._lacking(names, times)
        if len(lacking):
            what = {"persist": "their last values before", "climatology": "the mean of other years"}
            logger.warning(
                "the forcings %s are not there at %d of %d times from %s on, and %s are read in their place",
                ", ".join(map(repr, names)), len(lacking), len(times), format_time(lacking.min()),
                what.get(self.where_missing),
            )  # fmt: skip

    def _lacking(self, names: Sequence[str], times: Instants) -> Instants:
        """The times that the source of the forcings does not have."""
        return times[~np.isin(times, self.changing.header.times)] if names else times[:0]

    def read_changing(self, names: Sequence[str], times: Instants) -> NDArray[np.float32]:
        """Read forcings that change, shape `[time, member, forcing, node]`.

        Raises:
            DataError: there is nothing to read at one of `times`.
        """
        there = np.isin(times, self.changing.header.times)
        if there.all():
            return self._of_members(self.changing.read(times, names))
        read = self.changing.read(times[there], names)
        fields = np.empty((len(times), *read.shape[1:]), np.float32)
        fields[there] = read
        for place in np.flatnonzero(~there).tolist():
            others = self._instead(names, times[place])
            fields[place] = self.changing.read(others, names).mean(axis=0, dtype=np.float64)
        return self._of_members(fields)

    def read_constant(self, names: Sequence[str], time: np.datetime64) -> NDArray[np.float32]:
        """Read forcings that never change, at the time of their source next to `time`, `[1, member, forcing, node]`.

        Raises:
            DataError: the source has no times.
        """
        known = self.constant.header.times
        if not len(known):
            raise DataError("the source of the constants has no times", fix="give data that have one")
        nearest = known[np.argmin(np.abs(known - time))]
        return self._of_members(self.constant.read([nearest], names))

    def _of_members(self, fields: NDArray[np.float32]) -> NDArray[np.float32]:
        return fields if fields.shape[1] == self.members else fields.repeat(self.members, axis=1)

    def _instead(self, names: Sequence[str], time: np.datetime64) -> Instants:
        """The times whose mean is read in place of `time`."""
        known = self.changing.header.times
        if self.where_missing == "error":
            raise DataError(
                f"the source has no data for {format_time(time)}, at which a forecast reads the forcings "
                f"{', '.join(map(repr, names))}",
                fix="choose an earlier initial time or a shorter lead time, set "
                "`forecast.inputs.missing_forcings=persist`; or train with those that never change in "
                "`data.variables.constant`",
            )
        if self.where_missing == "persist":
            found = known[known < time][-1:]
            wanted = "a time before it"
        else:
            found = known[_is_alike(known, time)]
            wanted = f"times of the same hour in other years, within {AROUND} days of its day of the year"
        if not len(found):
            raise DataError(
                f"the forcings {', '.join(map(repr, names))} are not there at {format_time(time)}, and their source "
                f"has none of what `forecast.inputs.missing_forcings: {self.where_missing}` takes: {wanted}",
                fix="give other data in `forecast.inputs.forcings`, or choose a shorter lead time",
            )
        return found


def _is_alike(known: Instants, time: np.datetime64) -> NDArray[np.bool_]:
    """Which times have the hour of `time`, are of another year, and at most `AROUND` days from its day of the year.

    >>> days = np.array(["2000-07-01T06", "2001-06-26T06", "2001-06-30T12", "2003-07-09T06"], "datetime64[s]")
    >>> _is_alike(days, np.datetime64("2004-07-01T06", "s")).tolist()
    [True, True, False, False]
    """
    month = time.astype("datetime64[M]")
    of_year, in_month = (month - month.astype("datetime64[Y]")).astype(int), time - month.astype("datetime64[s]")
    years = known.astype("datetime64[Y]")
    near = np.zeros(len(known), bool)
    for year in (years - 1, years, years + 1):  # early January is near late December
        anniversary = (year.astype("datetime64[M]") + of_year).astype("datetime64[s]") + in_month
        near |= np.abs(known - anniversary) <= AROUND * DAY
    is_hour = (known - time) % DAY == np.timedelta64(0, "s")
    return np.asarray(near & is_hour & (np.abs(known - time) > HALF_A_YEAR))
