"""Members of several sources as one ensemble."""

__all__ = ["Ensemble"]

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from wxml import Moments, ReadRequest
from wxml.data.read_request import run

from wxml_dataset_sources.combining.chunk_groups import in_all_of_them
from wxml_dataset_sources.combining.combination import Combination, Sources, fill_there, opened_all
from wxml_dataset_sources.combining.fitting import check_times, in_units_of_first, on_grid_of
from wxml_dataset_sources.combining.kept_moments import moments_on
from wxml_dataset_sources.combining.sequence import in_one_order


class Ensemble(Combination):
    """The members of several sources behind each other, which have the same times, variables and nodes.

    Variables and nodes are in the order of the first source, and values in its units.
    """

    name = "ensemble"

    def __init__(self, *, sources: Sources) -> None:
        parts = opened_all(sources)
        super().__init__(parts, {})
        check_times(parts)
        parts = in_units_of_first(parts)
        in_one_order(parts)
        self._placed = tuple(on_grid_of(parts[0], part) for part in parts)
        self._columns = [part.header.variable_indices(parts[0].header.names) for part in parts]
        counts = [part.header.members for part in parts]
        self._owners = np.repeat(np.arange(len(parts)), counts)
        self._own = np.concatenate([np.arange(count) for count in counts])
        self.header = replace(parts[0].header, members=sum(counts))

    def moments(
        self, times: NDArray[np.datetime64], variables: Sequence[str], timestep: np.timedelta64 | None = None
    ) -> Moments | None:
        """Those of all members of all sources."""
        merged = Moments.nothing(len(times), len(variables))
        for source in self._placed:
            found = moments_on(self.header.grid, source, times, variables, timestep)
            if found is None:
                return None
            merged += found
        return merged

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of variables that lie together in each source."""
        return in_all_of_them([source.chunk_groups() for source in self._placed], self._columns)

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        owners, own = self._owners[request.members], self._own[request.members]
        for number in np.unique(owners):
            mine = np.flatnonzero(owners == number)
            columns = self._columns[number][request.variables]
            part = replace(request, members=run(own[mine]), variables=columns)
            fill_there(self._placed[number], part, out, (slice(None), run(mine)))
