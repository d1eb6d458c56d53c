"""Sources whose nodes are one list: those of one part behind those of another."""

__all__ = ["NodeLists"]

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import ReadRequest
from wxml.data.read_request import run

from wxml_dataset_sources.combining.combination import Combination, Part, fill_there
from wxml_dataset_sources.combining.fitting import check_members, check_times, in_units_of_first
from wxml_dataset_sources.combining.sequence import in_one_order


class NodeLists(Combination):
    """Nodes of several sources behind each other; a subclass says which, and sets `header`."""

    def __init__(self, parts: Sequence[Part], options: Mapping[str, Any]) -> None:
        """Check that the parts have the same times, members and variables; convert units to those of the first one.

        Args:
            parts: the sources, in the order of the options.
            options: the other options, as JSON values.

        Raises:
            DataError: they have not, or a variable is another quantity.
        """
        super().__init__(parts, options)
        check_times(parts)
        check_members(parts)
        self._parts = in_units_of_first(parts)
        in_one_order(self._parts)

    def _list(self, nodes: Sequence[NDArray[np.intp]]) -> None:
        """Keep which nodes of each part stand in the list."""
        self._own = np.concatenate(nodes)
        self._owners = np.repeat(np.arange(len(nodes)), [len(kept) for kept in nodes])
        names = self._parts[0].header.names
        self._columns = [part.header.variable_indices(names) for part in self._parts]

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        owners, own = self._owners[request.nodes], self._own[request.nodes]
        for number in np.unique(owners):
            mine = np.flatnonzero(owners == number)
            columns = self._columns[number][request.variables]
            part = replace(request, nodes=run(own[mine]), variables=columns)
            fill_there(self._parts[number].source, part, out, (*[slice(None)] * 3, run(mine)))
