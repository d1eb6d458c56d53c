"""Holes: the times at which variables of a source have missing values, and the samples that lack an input for it."""

__all__ = ["HoleFinder", "Incomplete", "Lack", "find_holes", "holes_of_counts", "incomplete"]

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml.data.one_pass import CHUNK_BYTES
from wxml.data.source import DataSource
from wxml.data.times import format_time
from wxml.terminal import Progress

logger = logging.getLogger("wxml")

Times = NDArray[np.datetime64]
Holes = NDArray[np.bool_]
"""Whether a variable has a missing value at a time, on any node of any member, shape `[time, variable]`."""


class HoleFinder:
    """Finds the holes of some times and variables; a copy in another process finds none and is not asked."""

    def __init__(self, find: Callable[[Times, tuple[str, ...]], Holes] | None = None) -> None:
        self._find = find

    def __bool__(self) -> bool:
        return self._find is not None

    def __call__(self, times: Times, variables: tuple[str, ...]) -> Holes:
        """The holes of instants that the source has, rising, shape `[time, variable]`."""
        if self._find is None or not variables:
            return np.zeros((len(times), len(variables)), bool)
        return self._find(times, variables)

    def __reduce__(self) -> tuple[type["HoleFinder"], tuple[()]]:
        return HoleFinder, ()  # what it finds was found before the samples went to another process


def find_holes(source: DataSource, variables: tuple[str, ...], times: Times) -> Holes:
    """Find the holes of a source: of moments that it has, else each instant is read.

    Args:
        source: the source.
        variables: names that it has.
        times: `datetime64[s]` that it has, rising.

    Raises:
        DataError: the data cannot be read.
    """
    own = source.moments(times, variables) if len(times) else None
    if own is not None:
        return holes_of_counts(source, variables, own.missing)
    size = max(1, 4 * source.header.members * len(variables) * len(source.header.grid))
    at_once = max(1, CHUNK_BYTES // size)
    counts = np.zeros((len(times), len(variables)), np.int64)
    shown = Progress("missing values", len(times), unit="time") if len(times) > at_once else None
    for first in range(0, len(times), at_once):
        values = source.read(times[first : first + at_once], variables)
        counts[first : first + at_once] = np.isnan(values).sum(axis=(1, 3))
        if shown:
            shown.update(min(first + at_once, len(times)))
    if shown:
        shown.close()
    return holes_of_counts(source, variables, counts)


def holes_of_counts(source: DataSource, variables: Sequence[str], missing: NDArray[np.int64]) -> Holes:
    """The holes by the numbers of missing values, shape `[time, variable]`; what a part of the grid lacks is none."""
    grid, members = source.header.grid, source.header.members
    lacking = [sum(part.count for part in grid.parts if name in part.lacks) for name in variables]
    return np.asarray(missing > members * np.array(lacking, np.int64))


@dataclass(frozen=True, slots=True)
class Lack:
    """An input that a sample lacks."""

    variable: str
    time: np.datetime64


@dataclass(frozen=True, slots=True, eq=False)
class Incomplete:
    """Which samples lack an input."""

    samples: NDArray[np.bool_]
    """Shape `[initial time]`."""
    lacks: tuple[Lack, ...]
    """What they lack: each variable with each time once, in order of time."""

    def __str__(self) -> str:
        """How many, and the first few, as in `3 of 40 samples lack an input: 't' at 2000-01-01T06 …`."""
        some = ", ".join(f"{one.variable!r} at {format_time(one.time)}" for one in self.lacks[:FEW])
        more = f" and {len(self.lacks) - FEW} more" if len(self.lacks) > FEW else ""
        count = int(self.samples.sum())
        return f"{count} of {len(self.samples)} samples lack an input: {some}{more}"


FEW = 5
"""So many inputs that are lacking are named."""


def incomplete(
    initial_times: Times,
    offsets: NDArray[np.timedelta64],
    needed: NDArray[np.bool_],
    variables: tuple[str, ...],
    holes: Callable[[Times, tuple[str, ...]], Holes],
) -> Incomplete:
    """Find the samples that lack an input.

    Args:
        initial_times: of the samples, rising.
        offsets: the times of a sample relative to its initial time, shape `[time]`.
        needed: whether a value is needed, shape `[time, variable]`.
        variables: names that the source has.
        holes: finds the holes of instants that the source has.
    """
    used = [place for place in range(len(offsets)) if needed[place].any()]
    instants = np.unique(np.concatenate([initial_times + offsets[place] for place in used] or [initial_times[:0]]))
    missing = holes(instants, variables)
    lacks, samples = np.zeros_like(missing), np.zeros(len(initial_times), bool)
    for place in used:
        at = np.searchsorted(instants, initial_times + offsets[place])
        found = missing[at] & needed[place]
        samples |= found.any(axis=1)
        np.logical_or.at(lacks, at, found)
    named = tuple(Lack(variables[column], instants[row]) for row, column in np.argwhere(lacks).tolist())
    return Incomplete(samples, named)
