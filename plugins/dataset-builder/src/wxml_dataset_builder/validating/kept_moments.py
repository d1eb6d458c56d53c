"""The moments of each date that a dataset of wxml holds, and whether they are those of its values."""

__all__ = ["ROUNDING", "kept_moments", "moment_faults"]

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from wxml import Moments
from wxml.data.times import format_time
from wxml.errors import DataError

from wxml_dataset_builder.kept import MOMENTS
from wxml_dataset_builder.records import FIELDS
from wxml_dataset_builder.validating.subject import Subject
from wxml_dataset_builder.validating.values import ValueCounts

ROUNDING: Final = 1e-6
"""Statistics may differ by so much of the largest value, since single precision holds it no better."""


def moment_faults(subject: Subject, counts: ValueCounts) -> Iterator[str]:
    """Moments in the store that are not those of the dates that were read."""
    for kind, found in (("equal", counts.moments), ("area", counts.by_area)):
        kept = kept_moments(subject, kind)
        if kept is None or not found:
            continue
        wrong = _unlike(kept[np.array(counts.rows)], Moments.stack(found))
        for variable in np.flatnonzero(wrong.any(0)):
            dates = subject.dates[np.array(counts.rows)[wrong[:, variable]]]
            yield (
                f"`{MOMENTS}/{kind}` of `{subject.names[variable]}` are not those of its values at {len(dates)} dates, "
                f"the first of them {format_time(dates[0])}"
            )


def kept_moments(subject: Subject, name: str) -> Moments | None:
    """The moments `[date, variable]` of a set in the store; None if it is not there.

    Raises:
        DataError: they are of other dates or variables than the data.
    """
    if f"{MOMENTS}/{name}" not in subject.root:
        return None
    found = Moments.from_arrays({field: subject.array(f"{MOMENTS}/{name}/{field}") for field in FIELDS})
    if found.weight.shape != subject.data.shape[:2]:
        raise DataError(
            f"`{MOMENTS}/{name}` has the shape {found.weight.shape}, and `data` holds {subject.data.shape[0]} dates of "
            f"{subject.data.shape[1]} variables",
            fix="build the dataset again",
        )
    return found


def _unlike(kept: Moments, found: Moments) -> NDArray[np.bool_]:
    """Where two moments differ by more than rounding, `[date, variable]`."""
    has_values = found.weight > 0
    size = np.where(has_values, np.maximum(np.abs(found.minimum), np.abs(found.maximum)), 0.0)
    wrong: NDArray[np.bool_] = (kept.missing != found.missing) | ~(
        np.abs(kept.weight - found.weight) <= ROUNDING * found.weight
    )
    for name in ("mean", "std", "minimum", "maximum"):
        with np.errstate(invalid="ignore"):
            apart = np.abs(getattr(kept, name) - getattr(found, name))
        wrong |= has_values & ~(apart <= ROUNDING * size)
    return wrong
