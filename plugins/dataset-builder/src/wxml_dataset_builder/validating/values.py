"""The values of a dataset: whole chunks, NaN where it may be, and within the range that the statistics say."""

__all__ = ["ValueCounts", "finite", "value_faults"]

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from wxml import Moments
from wxml.data.times import format_time
from wxml.files.failures import DAMAGE
from wxml.terminal import progress

from wxml_dataset_builder.stored import date_blocks
from wxml_dataset_builder.validating.subject import Subject, reason

SAMPLED: Final = 64
"""So many dates are read where not all are."""
Values = NDArray[np.floating[Any]]


@dataclass(slots=True)
class Places:
    """The dates at which something is wrong, in the order in which they are found."""

    dates: list[np.datetime64] = field(default_factory=list)
    count: int = 0

    def add(self, date: np.datetime64, count: int) -> None:
        """Count something at a date."""
        if count:
            self.dates.append(date)
            self.count += count

    def __str__(self) -> str:
        return f"{self.count} at {len(self.dates)} dates, the first of them {format_time(self.dates[0])}"


@dataclass(slots=True)
class ValueCounts:
    """What was found in the values; the moments are those of the dates that the statistics are of."""

    rows: list[int] = field(default_factory=list)
    """Their positions on the axis."""
    moments: list[Moments] = field(default_factory=list)
    """Every value counted alike."""
    by_area: list[Moments] = field(default_factory=list)
    """Counted by the areas of the store, if it has them."""
    unreadable: list[tuple[np.datetime64, str]] = field(default_factory=list)
    empty: Places = field(default_factory=Places)
    filled: Places = field(default_factory=Places)
    infinite: dict[str, Places] = field(default_factory=dict)
    absent: dict[str, Places] = field(default_factory=dict)
    outside: dict[str, Places] = field(default_factory=dict)


def value_faults(subject: Subject, counts: ValueCounts, *, whole: bool) -> Iterator[str]:
    """Read the dates, all or by sample, fill `counts`, and yield a sentence for each thing that is wrong."""
    rows = _rows(subject, whole=whole)
    ranges = subject.array("minimum"), subject.array("maximum")
    areas = subject.array("area_weights") if "area_weights" in subject.root else None
    in_statistics = subject.in_statistics()
    for row in progress(_readable_rows(subject, rows, counts), len(rows), "values"):
        number, values = row
        if subject.is_missing[number]:
            counts.filled.add(subject.dates[number], int(np.count_nonzero(~np.isnan(values))))
        else:
            _count(subject, counts, number, values, ranges if in_statistics[number] else None)
            if in_statistics[number]:
                _add_moments(counts, number, finite(values).swapaxes(0, 1), areas)
    yield from _told(subject, counts)


def _rows(subject: Subject, *, whole: bool) -> NDArray[np.intp]:
    """All positions, or some of the dates that are there and of those that are missing, spread evenly."""
    if whole:
        return np.arange(len(subject.dates))
    kinds = (np.flatnonzero(~subject.is_missing), np.flatnonzero(subject.is_missing))
    some = [kind[np.linspace(0, len(kind) - 1, min(len(kind), SAMPLED)).astype(np.intp)] for kind in kinds if len(kind)]
    return np.unique(np.concatenate(some))


def _readable_rows(subject: Subject, rows: NDArray[np.intp], counts: ValueCounts) -> Iterator[tuple[int, Values]]:
    """Each position with its values `[variable, member, node]`, without those whose chunks are damaged."""
    for block in date_blocks(subject.data, rows):
        try:
            values = np.asarray(subject.data.get_orthogonal_selection((block,)))
        except DAMAGE:
            yield from _one_by_one(subject, block, counts)
            continue
        yield from ((int(row), one) for row, one in zip(block, values, strict=True))


def _one_by_one(subject: Subject, block: NDArray[np.intp], counts: ValueCounts) -> Iterator[tuple[int, Values]]:
    for row in block:
        try:
            yield int(row), np.asarray(subject.data[int(row)])
        except DAMAGE as error:
            counts.unreadable.append((subject.dates[row], reason(error)))


def _count(
    subject: Subject, counts: ValueCounts, number: int, values: Values, ranges: tuple[Values, Values] | None
) -> None:
    """Count what is wrong with the values of one date that is there."""
    date, absent = subject.dates[number], np.isnan(values)
    if absent.all():
        counts.empty.add(date, 1)
        return
    infinite = np.isinf(values).sum((1, 2))
    outside = np.zeros(len(values), int)
    if ranges is not None:
        lowest, highest = (one[:, None, None].astype(values.dtype) for one in ranges)
        outside = ((values < lowest) | (values > highest)).sum((1, 2))
    found = ((counts.infinite, infinite), (counts.absent, absent.sum((1, 2))), (counts.outside, outside))
    for places, numbers in found:
        for variable in np.flatnonzero(numbers):
            places.setdefault(subject.names[variable], Places()).add(date, int(numbers[variable]))


def _add_moments(counts: ValueCounts, number: int, values: Values, areas: NDArray[np.float64] | None) -> None:
    """Add the moments of values `[member, variable, node]` of one date."""
    counts.rows.append(number)
    counts.moments.append(Moments.of(values, np.ones(values.shape[2])))
    if areas is not None:
        counts.by_area.append(Moments.of(values, areas))


def finite(values: Values) -> Values:
    """The values, with NaN in place of infinite ones."""
    return np.where(np.isinf(values), np.nan, values) if np.isinf(values).any() else values


def _told(subject: Subject, counts: ValueCounts) -> Iterator[str]:
    if counts.unreadable:
        date, why = counts.unreadable[0]
        yield f"{len(counts.unreadable)} dates of `data` cannot be read, the first of them {format_time(date)}: {why}"
    if counts.empty.count:
        yield f"dates without any value that `missing_dates` does not list: {counts.empty}"
    if counts.filled.count:
        yield f"values at dates that `missing_dates` lists: {counts.filled}"
    allowed = _may_lack(subject)
    for name, places in counts.absent.items():
        if name not in allowed:
            yield f"`{name}` has missing values where none are allowed: {places}"
    for name, places in counts.infinite.items():
        yield f"`{name}` has infinite values: {places}"
    for name, places in counts.outside.items():
        yield f"`{name}` has values outside of the range of its statistics: {places}"


def _may_lack(subject: Subject) -> set[str]:
    """The variables that may have missing values: those of `variables_with_nans`, else what `allow_nans` says."""
    listed = subject.attributes.get("variables_with_nans")
    allowed = subject.attributes.get("allow_nans", True)
    for names in (listed, allowed):
        if isinstance(names, list):
            return set(map(str, names))
    return set(subject.names) if allowed else set()
