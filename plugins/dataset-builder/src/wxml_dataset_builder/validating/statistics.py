"""The statistics of a dataset: possible ones, and those of its values."""

__all__ = ["kept_faults", "order_faults", "recomputed_faults", "sampled_faults"]

from collections.abc import Iterator
from typing import Final

import numpy as np
from wxml import Moments
from wxml.data.times import parse_duration
from wxml.errors import DataError

from wxml_dataset_builder.stored import STATISTICS, TENDENCIES, folders_in
from wxml_dataset_builder.validating.kept_moments import ROUNDING, kept_moments
from wxml_dataset_builder.validating.subject import Subject
from wxml_dataset_builder.validating.values import ValueCounts, finite

FEWEST: Final = 16
"""With fewer dates a sample tells too little of the mean."""
FARTHEST: Final = 2.0
"""The mean of a sample may lie so many standard deviations from that of all dates."""


def order_faults(subject: Subject) -> Iterator[str]:
    """Statistics that no values have: a mean outside of the range, a deviation that is negative or larger than it."""
    for prefix in ("", *_tendencies(subject)):
        mean, stdev, lowest, highest = (subject.array(f"{prefix}{name}") for name in STATISTICS)
        rounding = ROUNDING * np.maximum(np.abs(lowest), np.abs(highest))
        for variable, name in enumerate(subject.names):
            found = (mean[variable], stdev[variable], lowest[variable], highest[variable])
            if np.isnan(found).all():
                continue  # the variable has no value in the period
            room = rounding[variable]
            in_range = lowest[variable] - room <= mean[variable] <= highest[variable] + room
            if not in_range or not 0 <= stdev[variable] <= highest[variable] - lowest[variable] + room:
                said = ", ".join(f"{key} {value:.6g}" for key, value in zip(STATISTICS, found, strict=True))
                yield f"the statistics {_called(prefix)} of `{name}` are those of no values: {said}"


def sampled_faults(subject: Subject, counts: ValueCounts) -> Iterator[str]:
    """Means that lie far from those of the dates that were read."""
    if len(counts.moments) < FEWEST:
        return
    found = Moments.stack(counts.moments).merged()
    mean, stdev = subject.array("mean"), subject.array("stdev")
    room = FARTHEST * np.maximum(stdev, found.std) + ROUNDING * np.maximum(np.abs(found.minimum), np.abs(found.maximum))
    for variable in np.flatnonzero((found.weight > 0) & ~(np.abs(found.mean - mean) <= room)):
        yield (
            f"the mean of `{subject.names[variable]}` is {mean[variable]:.6g}, and that of {len(counts.moments)} dates "
            f"{found.mean[variable]:.6g}, which is more than {FARTHEST:g} standard deviations away"
        )


def kept_faults(subject: Subject) -> Iterator[str]:
    """Statistics, those of tendencies too, that do not follow from the moments of each date, if the store has any."""
    inside = subject.in_statistics()
    equal = kept_moments(subject, "equal")
    if equal is not None and inside.any():
        yield from _differences(subject, "", equal[inside].merged(), "moments")
    for prefix, steps in _tendencies(subject).items():
        changes = kept_moments(subject, f"equal_change_{_seconds(subject, steps)}")
        both = inside[: len(inside) - steps] & inside[steps:]
        if changes is not None and both.any():
            yield from _differences(subject, prefix, changes[: len(both)][both].merged(), "moments")


def _seconds(subject: Subject, steps: int) -> int:
    return int((subject.dates[steps] - subject.dates[0]) / np.timedelta64(1, "s"))


def recomputed_faults(subject: Subject, counts: ValueCounts) -> Iterator[str]:
    """Statistics, those of tendencies too, that are not those of all values of their period."""
    if counts.unreadable:
        return
    if counts.moments:
        yield from _differences(subject, "", Moments.stack(counts.moments).merged())
    for prefix, steps in _tendencies(subject).items():
        changes = list(_changes(subject, steps))
        if changes:
            yield from _differences(subject, prefix, Moments.stack(changes).merged())


def _tendencies(subject: Subject) -> dict[str, int]:
    """The prefix of the arrays of each tendency whose period is a multiple of the frequency → its steps."""
    found = {}
    for name in folders_in(subject.path):
        prefix = name.removesuffix("mean")
        is_whole = all(f"{prefix}{one}" in subject.root for one in STATISTICS)
        if name.startswith(TENDENCIES) and name.endswith("_mean") and is_whole:
            found[prefix] = _steps(subject, prefix.removeprefix(TENDENCIES).rstrip("_"))
    return {prefix: steps for prefix, steps in found.items() if steps}


def _steps(subject: Subject, period: str) -> int:
    """The dates from one to that a `period` later; 0 if it is none."""
    try:
        length = parse_duration(period)
    except DataError:
        return 0
    steps = np.diff(subject.dates)
    return int(length / steps[0]) if len(steps) and length % steps[0] == np.timedelta64(0, "s") else 0


def _changes(subject: Subject, steps: int) -> Iterator[Moments]:
    """The moments of the change to each date of the statistics, from the date so many steps before it."""
    inside = subject.in_statistics()
    for row in np.flatnonzero(inside[steps:] & inside[: len(inside) - steps]):
        earlier, later = (finite(np.asarray(subject.data[int(one)])).swapaxes(0, 1) for one in (row, row + steps))
        yield Moments.of_change(earlier, later, np.ones(subject.data.shape[3]))


def _differences(subject: Subject, prefix: str, found: Moments, of: str = "values") -> Iterator[str]:
    """The statistics of the store that are not those of the values or moments."""
    computed = dict(zip(STATISTICS, (found.mean, found.std, found.minimum, found.maximum), strict=True))
    room = ROUNDING * np.maximum(np.abs(found.minimum), np.abs(found.maximum))
    for statistic, values in computed.items():
        stored = subject.array(f"{prefix}{statistic}")
        for variable in np.flatnonzero((found.weight > 0) & ~(np.abs(stored - values) <= room)):
            yield (
                f"the {statistic} {_called(prefix)} of `{subject.names[variable]}` is {stored[variable]:.8g}, and that "
                f"of its {of} {values[variable]:.8g}"
            )


def _called(prefix: str) -> str:
    return f"of the changes over {prefix.removeprefix(TENDENCIES).rstrip('_')}" if prefix else "of the values"
