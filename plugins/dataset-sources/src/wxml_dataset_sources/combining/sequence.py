"""Sources after each other: the times of all, for the same variables and nodes."""

__all__ = ["Sequential", "in_one_order"]

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from wxml import Moments, ReadRequest
from wxml.data.read_request import run
from wxml.data.times import format_time
from wxml.errors import DataError

from wxml_dataset_sources.combining.chunk_groups import in_all_of_them
from wxml_dataset_sources.combining.combination import Combination, Part, fill_there
from wxml_dataset_sources.combining.fitting import check_members, check_quantities, in_units_of_first, on_grid_of
from wxml_dataset_sources.combining.kept_moments import changes_inside, moments_on

FEW = 10
"""One in so many changes may go from one source to the next, where stored moments are used."""


class Sequential(Combination):
    """The times of several sources, which have the same variables, nodes and members and no time in common.

    Variables and nodes are in the order of the first source, and values in its units.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        super().__init__(parts, {})
        parts = in_units_of_first(parts)
        in_one_order(parts)
        check_members(parts)
        self._placed = tuple(on_grid_of(parts[0], part) for part in parts)
        times = np.concatenate([part.header.times for part in parts])
        owners = np.repeat(np.arange(len(parts)), [len(part.header.times) for part in parts])
        order = np.argsort(times, kind="stable")
        repeats = np.flatnonzero(np.diff(times[order]) == np.timedelta64(0, "s"))
        if len(repeats):
            first, second = owners[order[repeats[0]]], owners[order[repeats[0] + 1]]
            raise DataError(
                f"{parts[first].called} and {parts[second].called} both have data for "
                f"{format_time(times[order[repeats[0]]])}",
                fix="cut one of them with `subset` and its options `start` and `end`",
            )
        self._owners = owners[order]
        self._own = np.concatenate([np.arange(len(part.header.times)) for part in parts])[order]
        self._columns = [part.header.variable_indices(parts[0].header.names) for part in parts]
        self.header = replace(parts[0].header, times=times[order])

    def moments(
        self, times: NDArray[np.datetime64], variables: Sequence[str], timestep: np.timedelta64 | None = None
    ) -> Moments | None:
        """Those of the sources; for a change from one source to the next, values at both times are read."""
        rows = self.header.time_indices(times)
        owners, later = self._owners[rows], self._later(rows, timestep)
        is_seam = (later >= 0) & (self._owners[later] != owners)
        if is_seam.sum() * FEW > len(rows):
            return None  # as many fields would be read as without any moments
        joined = Moments.nothing(len(rows), len(variables)).arrays()
        for number in set(owners.tolist()):
            mine, source = np.flatnonzero((owners == number) & ~is_seam), self._placed[number]
            found = moments_on(self.header.grid, source, times[mine], variables, timestep)
            found = changes_inside(found, times[mine], timestep, source.header.times)
            if found is None:
                return None
            for name, array in found.arrays().items():
                joined[name][mine] = array
        for place in np.flatnonzero(is_seam):
            change = self._change(rows[place], later[place], variables)
            for name, array in change.arrays().items():
                joined[name][place] = array
        return Moments.from_arrays(joined)

    def _later(self, rows: NDArray[np.intp], timestep: np.timedelta64 | None) -> NDArray[np.intp]:
        """The row of the time that is so much later than that of each row; -1 where there is none."""
        times = self.header.times
        if timestep is None:
            return np.full(len(rows), -1, np.intp)
        wanted = times[rows] + timestep
        found = np.searchsorted(times, wanted)
        return np.where(times.take(found, mode="clip") == wanted, found, -1)

    def _change(self, earlier: int, later: int, variables: Sequence[str]) -> Moments:
        before, after = self.read(self.header.times[[earlier, later]], variables)
        return Moments.of_change(before, after, self.header.grid.area_weights)

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of variables that lie together in each source."""
        return in_all_of_them([source.chunk_groups() for source in self._placed], self._columns)

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        owners, own = self._owners[request.times], self._own[request.times]
        for number in np.unique(owners):
            rows = np.flatnonzero(owners == number)
            columns = self._columns[number][request.variables]
            part = replace(request, times=own[rows], variables=columns)
            fill_there(self._placed[number], part, out, (run(rows),))


def in_one_order(parts: Sequence[Part]) -> None:
    """Check that all parts have the same variables, perhaps in other orders.

    Raises:
        DataError: one lacks a variable that another has, or has another quantity by the same name.
    """
    first, *others = parts
    for part in others:
        for one, other in ((first, part), (part, first)):
            lacking = [name for name in one.header.names if name not in other.header.names]
            if lacking:
                there = ", ".join(other.header.names)
                raise DataError(
                    f"{one.called} has variable {lacking[0]!r}, {other.called} has only {there}",
                    fix="leave it out with `subset` and its option `drop`, or give it the name of the other source "
                    "with `rename`",
                )
    check_quantities(parts)
