"""Members of several sources as one ensemble."""

__all__ = ["Ensemble"]

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wxml_dataset_sources.combining.combination import Combination, Sources, opened_all
from wxml_dataset_sources.combining.fitting import check_times, on_grid_of
from wxml_dataset_sources.combining.sequence import in_one_order


class Ensemble(Combination):
    """The members of several sources behind each other, which have the same times, variables and nodes.

    Variables and nodes are in the order of the first source.
    """

    name = "ensemble"

    def __init__(self, *, sources: Sources) -> None:
        parts = opened_all(sources)
        super().__init__(parts, {})
        check_times(parts)
        in_one_order(parts)
        self._placed = tuple(on_grid_of(parts[0], part) for part in parts)
        self.header = replace(parts[0].header, members=sum(part.header.members for part in parts))

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        names = [self.header.names[index] for index in variable_indices]
        first = 0
        for source in self._placed:
            last = first + source.header.members
            out[:, first:last] = source.read(self.header.times[time_indices], names)
            first = last
