"""Which times of a source are kept."""

__all__ = ["Times", "chosen_times", "last_instant", "regular_times", "shortest_step"]

import numpy as np
from numpy.typing import NDArray
from wxml.data.times import format_duration, format_time, parse_duration, parse_time
from wxml.errors import DataError

Times = NDArray[np.datetime64]


def chosen_times(times: Times, start: str | None, end: str | None, frequency: str | None) -> Times:
    """The times from `start` to `end`, both included, and of these the first one and those whole `frequency` later.

    An `end` without an hour means its whole day.

    Raises:
        DataError: nothing is left, or `frequency` is no multiple of the shortest step between the times.
    """
    kept = times
    if start is not None:
        kept = kept[kept >= parse_time(start)]
    if end is not None:
        kept = kept[kept <= last_instant(end)]
    if not len(kept):
        there = f"{format_time(times[0])} to {format_time(times[-1])}" if len(times) else "none"
        raise DataError(
            f"no time of the source is from `start` {start} to `end` {end}",
            fix=f"choose a period among the times of the source: {there}",
        )
    return kept if frequency is None else _every(kept, frequency)


def _every(times: Times, frequency: str) -> Times:
    step = parse_duration(frequency)
    own = shortest_step(times) if len(times) > 1 else step
    if step % own:
        raise DataError(
            f"`frequency` is {frequency}, and the times of the source are {format_duration(own)} apart",
            fix=f"choose a multiple of {format_duration(own)}",
        )
    kept: Times = times[(times - times[0]) % step == np.timedelta64(0, "s")]
    return kept


def regular_times(start: str, end: str, frequency: str) -> Times:
    """The times from `start` to `end`, both included, `frequency` apart.

    Raises:
        DataError: `end` is before `start`, or one of them is no time.
    """
    first, last = parse_time(start), last_instant(end)
    if last < first:
        raise DataError(f"`end` {end} is before `start` {start}", fix="swap the two")
    return np.arange(first, last + np.timedelta64(1, "s"), parse_duration(frequency))


def last_instant(end: str) -> np.datetime64:
    """The instant that an option `end` means; without an hour, the last second of the day."""
    is_date = "T" not in end and " " not in end
    return parse_time(end) + np.timedelta64(86399 if is_date else 0, "s")


def shortest_step(times: Times) -> np.timedelta64:
    """The shortest step between times; a day if there is one time."""
    step: np.timedelta64 = np.diff(times).min() if len(times) > 1 else np.timedelta64(86400, "s")
    return step
