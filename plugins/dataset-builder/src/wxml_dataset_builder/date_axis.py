"""The axis of dates of a dataset: regular, with the missing dates on it."""

__all__ = ["DateAxis", "last_instant", "make_axis", "peer_duration", "statistics_period", "tendency_steps"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml.data.times import format_time, parse_duration, parse_time
from wxml.errors import DataError

from wxml_dataset_builder.recipe import Dates, StatisticsPeriod

Times = NDArray[np.datetime64]

SECOND = np.timedelta64(1, "s")
YEAR = np.timedelta64(31_557_600, "s")
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
SPARSEST = 10
"""An axis of unknown frequency may have so many times as many dates as the source; else its times are irregular."""


@dataclass(frozen=True, slots=True, eq=False)
class DateAxis:
    """Dates at one distance."""

    dates: Times
    """`datetime64[s]`."""
    is_missing: NDArray[np.bool_]
    """For each date, whether it is missing."""
    frequency: np.timedelta64


def make_axis(times: Times, wanted: Dates) -> DateAxis:
    """The axis of a dataset from the times of its source.

    Args:
        times: those of the source, `datetime64[s]`, rising.
        wanted: the recipe's; what it leaves out is as in the source.

    Raises:
        DataError: the source lacks a date that is not named as missing, or its times are irregular, or none is left.
    """
    first = None if wanted.start is None else parse_time(wanted.start)
    last = None if wanted.end is None else last_instant(wanted.end)
    inside = times[
        (times >= (times[:1] if first is None else first)) & (times <= (times[-1:] if last is None else last))
    ]
    if not len(inside):
        raise DataError(
            f"the source has no time from {wanted.start or 'its start'} to {wanted.end or 'its end'} (`dates`), it has "
            + (f"{len(times)} from {format_time(times[0])} to {format_time(times[-1])}" if len(times) else "none"),
            fix="choose `dates` that the source has",
        )
    frequency = _frequency(inside, wanted)
    anchor = inside[0] if wanted.frequency is None or first is None else first
    start = anchor if first is None else anchor - (anchor - first) // frequency * frequency
    dates: Times = np.arange(start, (inside[-1] if last is None else last) + SECOND, frequency)
    is_missing = _missing(dates, times, wanted)
    return DateAxis(dates, is_missing, frequency)


def last_instant(text: str) -> np.datetime64:
    """The last second of a date, a month or a year; a date-time is that instant."""
    time = np.datetime64(text)
    unit: Any = np.datetime_data(time)[0]
    return parse_time(time + np.timedelta64(1, unit)) - SECOND if unit in ("Y", "M", "D") else parse_time(text)


def _frequency(inside: Times, wanted: Dates) -> np.timedelta64:
    """The step of the axis: the recipe's, else the largest of which all distances are multiples."""
    if wanted.frequency is not None:
        return parse_duration(wanted.frequency)
    if len(inside) < 2:
        raise DataError(
            f"the frequency of the single date {format_time(inside[0])} is unknown",
            fix="write `dates.frequency`, such as 6h",
        )
    step = int(np.gcd.reduce(np.diff(inside).astype("int64")))
    if int((inside[-1] - inside[0]) / SECOND) // step > SPARSEST * len(inside):
        raise DataError(
            f"the times of the source are irregular: {len(inside)} times, all distances multiples of {step} s",
            fix="write `dates.frequency`, such as 6h",
        )
    return np.timedelta64(step, "s")


def _missing(dates: Times, times: Times, wanted: Dates) -> NDArray[np.bool_]:
    """Which dates are missing.

    Raises:
        DataError: one of them is not named as missing, one that is named is not on the axis, or all are missing.
    """
    named: Times = np.array([] if wanted.missing == "any" else [parse_time(one) for one in wanted.missing], "M8[s]")
    strangers = named[~np.isin(named, dates)]
    if len(strangers):
        raise DataError(
            f"`dates.missing` names {format_time(strangers[0])}, which is no date of the dataset",
            fix="take it out of `dates.missing`",
        )
    lacking = ~np.isin(dates, times)
    refused = dates[lacking & ~np.isin(dates, named)]
    if len(refused) and wanted.missing != "any":
        raise DataError(
            f"the source lacks {len(refused)} of the {len(dates)} dates: {_listed(refused)}",
            fix="name them in `dates.missing`, or write `dates.missing: any`",
        )
    is_missing = lacking | np.isin(dates, named)
    if is_missing.all():
        raise DataError(f"all {len(dates)} dates are missing", fix="choose `dates` that the source has")
    return is_missing


def _listed(dates: Times) -> str:
    shown = ", ".join(format_time(date) for date in dates[:3])
    return f"{shown} …" if len(dates) > 3 else shown


def statistics_period(dates: Times, wanted: StatisticsPeriod) -> tuple[np.datetime64, np.datetime64]:
    """The first and the last date that the statistics are of.

    By default the end is kept apart, as anemoi-datasets does: a fifth of the dates of less than 10 years, the last
    year of less than 20, else the last three years. Whole years are counted to the nearest.

    Raises:
        DataError: no date lies in the period.
    """
    start = dates[0] if wanted.start is None else parse_time(wanted.start)
    end = _default_end(dates) if wanted.end is None else last_instant(wanted.end)
    inside = dates[(dates >= start) & (dates <= end)]
    if not len(inside):
        raise DataError(
            f"no date lies in the period of `statistics`, from {format_time(start)} to {format_time(end)}",
            fix="choose `statistics.start` and `statistics.end` among the dates of the dataset",
        )
    return inside[0], inside[-1]


def _default_end(dates: Times) -> np.datetime64:
    years = round(float((dates[-1] - dates[0]) / YEAR))
    if years < 10:
        kept = dates[: max(1, int(0.8 * len(dates)))]
    else:
        kept = dates[dates.astype("M8[Y]") <= dates[-1].astype("M8[Y]") - (3 if years >= 20 else 1)]
    return np.datetime64(kept[-1], "s")


def peer_duration(duration: np.timedelta64) -> str:
    """A duration as anemoi-datasets spells it: in the largest unit of which it is a whole number.

    >>> peer_duration(np.timedelta64(86400, "s")), peer_duration(np.timedelta64(5400, "s"))
    ('1d', '90m')
    """
    seconds = int(duration / np.timedelta64(1, "s"))
    unit, length = next((unit, length) for unit, length in UNITS.items() if seconds % length == 0)
    return f"{seconds // length}{unit}"


def tendency_steps(axis_frequency: np.timedelta64, wanted: Sequence[str]) -> dict[str, int]:
    """The tendencies by name, such as `6h` or `1d`, each with its steps on the axis; that of one step comes first.

    Raises:
        DataError: a tendency is no multiple of the frequency.
    """
    step = peer_duration(axis_frequency)
    found = {step: 1}
    for text in wanted:
        duration = parse_duration(text)
        if duration % axis_frequency != np.timedelta64(0, "s"):
            raise DataError(
                f"`statistics.tendencies` must be multiples of the frequency {step}, got {text!r}",
                fix="take it out of `statistics.tendencies`",
            )
        found[peer_duration(duration)] = int(duration / axis_frequency)
    return found
