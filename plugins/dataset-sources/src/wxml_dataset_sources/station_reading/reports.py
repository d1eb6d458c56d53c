"""Reports of stations: which of several counts for a station and a time."""

__all__ = ["Reports", "Schedule", "chosen"]

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from wxml.data.times import format_time
from wxml.errors import DataError


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times that reports are given to: the nearest one counts."""

    every: np.timedelta64
    """The times are the multiples of it since midnight, UTC."""
    within: np.timedelta64
    """Reports that are farther from the nearest of these times are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Reports:
    """The time and the station of each row, as positions."""

    time: NDArray[np.intp]
    station: NDArray[np.intp]
    times: NDArray[np.datetime64]
    """`datetime64[s]`, rising."""
    names: NDArray[np.str_]
    """The stations, in order."""
    reported: NDArray[np.datetime64]
    """When each row was observed."""
    is_near: NDArray[np.bool_]
    """Whether each row is near enough to its time."""

    @classmethod
    def of(
        cls,
        reported: NDArray[np.datetime64],
        station: NDArray[np.intp],
        names: NDArray[np.str_],
        schedule: Schedule | None,
    ) -> Self:
        """Give each row its time.

        Raises:
            DataError: no row is near to a time of the schedule.
        """
        if schedule is None:
            times, time = np.unique(reported, return_inverse=True)
            return cls(time, station, times, names, reported, np.ones(len(reported), bool))
        step = schedule.every.astype("timedelta64[s]").astype(np.int64)
        seconds = reported.astype("datetime64[s]").astype(np.int64)
        due = ((seconds + step // 2) // step * step).astype("datetime64[s]")
        is_near = np.abs(due - reported) <= schedule.within
        if not is_near.any():
            raise DataError(
                f"no report is within {schedule.within.astype('timedelta64[m]')} of a multiple of {schedule.every}",
                fix="widen `within`",
            )
        times = np.unique(due[is_near])
        return cls(np.searchsorted(times, due).clip(0, len(times) - 1), station, times, names, reported, is_near)

    @property
    def distance(self) -> NDArray[np.timedelta64]:
        """How far each row is from its time."""
        return np.abs(self.times[self.time] - self.reported)


def chosen(
    name: str,
    rows: Reports,
    column: NDArray[np.float64],
    repeated: Literal["error", "first", "last"],
    dropped: dict[str, int],
) -> NDArray[np.float32]:
    """The values `[time, station]`: the nearest report to each time, and of two at one instant what `repeated` says.

    Args:
        name: of the variable.
        rows: the time and the station of each value.
        column: the values, NaN where there is none.
        repeated: which of two values at one instant counts.
        dropped: why values are left out → how many; it is added to.

    Raises:
        DataError: two values of a station at one instant differ, and `repeated` is `error`.
    """
    shape = (len(rows.times), len(rows.names))
    dropped["far from the times"] = dropped.get("far from the times", 0) + int(
        (np.isfinite(column) & ~rows.is_near).sum()
    )
    there = np.flatnonzero(np.isfinite(column) & rows.is_near)
    where = rows.time[there] * shape[1] + rows.station[there]
    instants = rows.reported[there].astype("datetime64[s]").astype(np.int64)
    ranks = -there if repeated == "last" else there
    order = np.lexsort((ranks, instants, rows.distance[there].astype(np.int64), where))
    there, where, instants, found = there[order], where[order], instants[order], column[there][order]
    is_next = where[1:] == where[:-1]
    twice = np.flatnonzero(is_next & (instants[1:] == instants[:-1]) & (found[1:] != found[:-1]))
    if len(twice) and repeated == "error":
        first, second = sorted(twice[0] + np.arange(2), key=lambda place: there[place])
        raise DataError(
            f"station {str(rows.names[where[first] % shape[1]])!r} reports two values of `{name}` for "
            f"{format_time(rows.reported[there[first]])}: {found[first]:g} and {found[second]:g}",
            fix="choose with `repeated: first` or `repeated: last`, or by `quality`",
        )
    if len(twice):
        why = f"that are not the {repeated} one of their time"
        dropped[why] = dropped.get(why, 0) + len(twice)
    counts = np.concatenate([[True], ~is_next])[: len(where)]
    out = np.full(shape, np.nan, np.float32)
    out.reshape(-1)[where[counts]] = found[counts]
    return out
