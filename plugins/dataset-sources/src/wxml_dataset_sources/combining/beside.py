"""The variables of several sources beside each other."""

__all__ = ["Beside"]

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from wxml import Moments, ReadRequest, Variable
from wxml.data.read_request import run
from wxml.errors import DataError

from wxml_dataset_sources.combining.chunk_groups import beside_each_other
from wxml_dataset_sources.combining.combination import Combination, Part, fill_there
from wxml_dataset_sources.combining.fitting import check_members, check_times, on_grid_of
from wxml_dataset_sources.combining.kept_moments import moments_on

READ_TOGETHER: Final = 2**22
"""Bytes of all sources that are read before the next times are."""


class Beside(Combination):
    """The variables of several sources, which have the same times, nodes and members, on the nodes of the first."""

    def __init__(self, parts: Sequence[Part], options: Mapping[str, Any], override: bool) -> None:
        """`override`: of variables with equal names, take the last, and do not refuse them."""
        super().__init__(parts, options)
        check_times(parts)
        check_members(parts)
        self._placed = tuple(on_grid_of(parts[0], part) for part in parts)
        variables, self._owners = _owned(parts, override)
        sides = zip(variables, self._owners, strict=True)
        self._columns = np.array([parts[owner].header.names.index(each.name) for each, owner in sides], np.intp)
        self.header = replace(parts[0].header, variables=variables)

    def moments(
        self, times: NDArray[np.datetime64], variables: Sequence[str], timestep: np.timedelta64 | None = None
    ) -> Moments | None:
        """Those of the sources."""
        wanted = self.header.variable_indices(variables)
        owners, joined = self._owners[wanted], Moments.nothing(len(times), len(wanted)).arrays()
        for number in set(owners.tolist()):
            mine, source = np.flatnonzero(owners == number), self._placed[number]
            names = [variables[place] for place in mine.tolist()]
            found = moments_on(self.header.grid, source, times, names, timestep)
            if found is None:
                return None
            for name, array in found.arrays().items():
                joined[name][:, mine] = array
        return Moments.from_arrays(joined)

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of each source, apart from those of the others."""
        return beside_each_other([source.chunk_groups() for source in self._placed], self._owners, self._columns)

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        """Read some times of all sources before the next ones: sources of one file share what is unpacked."""
        size = max(1, READ_TOGETHER // out[:1].nbytes)
        for first in range(0, len(request.times), size):
            some = slice(first, first + size)
            self._read_some(replace(request, times=request.times[some]), out[some])

    def _read_some(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        owners, own = self._owners[request.variables], self._columns[request.variables]
        for number in sorted(set(owners.tolist())):
            columns = np.flatnonzero(owners == number)
            there = slice(None), slice(None), run(columns)
            part = ReadRequest(request.times, own[columns], request.members, request.nodes)
            fill_there(self._placed[number], part, out, there)


def _owned(parts: Sequence[Part], override: bool) -> tuple[tuple[Variable, ...], NDArray[np.intp]]:
    """The variables of all parts in order, and the part that each is read from.

    Raises:
        DataError: two parts have a variable of one name, and `override` is not set.
    """
    variables: dict[str, Variable] = {}
    owners: dict[str, int] = {}
    for number, part in enumerate(parts):
        for variable in part.header.variables:
            if variable.name in variables and not override:
                raise DataError(
                    f"variable {variable.name!r} is in {parts[owners[variable.name]].called} and in {part.called}",
                    fix="give one of them another name with `rename`, leave it out with `subset` and its option "
                    "`drop`, or take the last one with `override: true`",
                )
            variables[variable.name], owners[variable.name] = variable, number
    return tuple(variables.values()), np.array(list(owners.values()), np.intp)
