"""Whether sources can be combined: the same nodes, members, times and quantities. Messages name both sides."""

__all__ = ["SAME_PLACE", "check_members", "check_quantities", "check_times", "in_units_of_first", "on_grid_of"]

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource
from wxml.data.source_fit import SAME_PLACE, Sides, check_variables, in_units_of, on_grid
from wxml.data.times import format_time
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Part

LOG = logging.getLogger("wxml")


def on_grid_of(first: Part, part: Part) -> DataSource:
    """The source of `part` with its nodes in the order of those of `first`.

    Raises:
        DataError: it has other nodes.
    """
    return on_grid(part.source, first.header.grid, _sides(first, part), SAME_PLACE)


def check_members(parts: Sequence[Part]) -> None:
    """Check that all parts have the same number of members.

    Raises:
        DataError: two of them have not.
    """
    first = parts[0]
    for part in parts[1:]:
        if part.header.members != first.header.members:
            raise DataError(
                f"{first.called} has {_members(first)}, {part.called} has {_members(part)}",
                fix="choose the same number of members from both, with `subset` and its option `members`",
            )


def check_times(parts: Sequence[Part]) -> None:
    """Check that all parts have the same times.

    Raises:
        DataError: one lacks a time of the first one, or has another one.
    """
    first, *others = parts
    for part in others:
        for one, other in ((first, part), (part, first)):
            lacking = np.setdiff1d(one.header.times, other.header.times, assume_unique=True)
            if len(lacking):
                raise DataError(
                    f"{one.called} has data for {format_time(lacking[0])}, {other.called} has none: "
                    f"{_period(one.header.times)} in {one.called}, {_period(other.header.times)} in {other.called}",
                    fix="cut both to the times that they share, with `subset` and its options `start`, `end` and "
                    "`frequency`",
                )


def check_quantities(parts: Sequence[Part]) -> None:
    """Check that variables of one name are one quantity in all parts: units, level, step type, period.

    What one side does not state is told in the log, not refused.

    Raises:
        DataError: a variable differs in two parts.
    """
    first, *others = parts
    for part in others:
        for sentence in check_variables(part.header, first.header.variables, _sides(first, part)):
            LOG.warning("%s", sentence)


def in_units_of_first(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts with their variables in the units of the first one, where they can be converted; the log says so."""
    first, *others = parts
    return first, *(
        part._replace(source=in_units_of(part.source, first.header.variables, _sides(first, part))) for part in others
    )


def _sides(first: Part, part: Part) -> Sides:
    return Sides(
        first.called, f"{first.called} has", part.called, fix="bring one of them to the grid of the other with `regrid`"
    )


def _members(part: Part) -> str:
    return f"{part.header.members} member{'s' * (part.header.members > 1)}"


def _period(times: NDArray[np.datetime64]) -> str:
    return f"{len(times)} times from {format_time(times[0])} to {format_time(times[-1])}" if len(times) else "no time"
