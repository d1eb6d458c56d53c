"""Sources whose nodes are one list: those of one part behind those of another."""

__all__ = ["Names", "NodeLists"]

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Grid, GridPart, ReadRequest, SourceHeader, Variable
from wxml.data.read_request import run
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Part, fill_there, values_of
from wxml_dataset_sources.combining.fitting import check_members, check_quantities, check_times, in_units_of_first
from wxml_dataset_sources.combining.sequence import in_one_order

Names = Annotated[
    list[str] | None,
    Field(
        description="a name for each source: the grid then has these parts, a graph may have a node set `data:<name>` "
        "for each, and a source may lack variables that another one has; null: one grid of the same variables"
    ),
]
"""The option `names` of a source that lists the nodes of others."""
LACKING = -1


class NodeLists(Combination):
    """Nodes of several sources behind each other; a subclass says which, and sets `header`."""

    def __init__(self, parts: Sequence[Part], names: Sequence[str] | None, options: Mapping[str, Any]) -> None:
        """Check that the parts have the same times and members; convert units to those of the first one.

        Args:
            parts: the sources, in the order of the options.
            names: a name for each part; None: they are one grid, and must have the same variables.
            options: the other options, as JSON values.

        Raises:
            DataError: they have not, or a variable is another quantity.
        """
        super().__init__(parts, {**options, **({} if names is None else {"names": list(names)})})
        if names is not None and len(names) != len(parts):
            raise DataError(
                f"`names` has {len(names)} names, and there are {len(parts)} sources", fix="name each source once"
            )
        check_times(parts)
        check_members(parts)
        self._names = names
        self._parts = in_units_of_first(parts) if names is None else _in_shared_units(parts)
        if names is None:
            in_one_order(self._parts)

    def _list(self, nodes: Sequence[NDArray[np.intp]], grid: Grid) -> SourceHeader:
        """Keep which nodes of each part stand in the list, and return the header of the list, whose grid is `grid`."""
        self._own = np.concatenate(nodes)
        self._owners = np.repeat(np.arange(len(nodes)), [len(kept) for kept in nodes])
        variables = _union(self._parts)
        every = [variable.name for variable in variables]
        self._columns = [
            np.array([part.header.names.index(name) if name in part.header.names else LACKING for name in every])
            for part in self._parts
        ]
        named = zip(self._names or (), nodes, self._columns, strict=self._names is not None)
        grid_parts = tuple(
            GridPart(name, len(kept), tuple(np.array(every)[columns == LACKING].tolist()))
            for name, kept, columns in named
        )
        return replace(self._parts[0].header, grid=replace(grid, parts=grid_parts), variables=variables)

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        owners, own = self._owners[request.nodes], self._own[request.nodes]
        for number in np.unique(owners):
            mine = np.flatnonzero(owners == number)
            columns = self._columns[number][request.variables]
            part, source = replace(request, nodes=run(own[mine]), variables=columns), self._parts[number].source
            there = columns != LACKING
            if there.all():
                fill_there(source, part, out, (*[slice(None)] * 3, run(mine)))
                continue
            out[:, :, :, mine] = np.nan
            if there.any():
                has = np.flatnonzero(there)
                out[:, :, has[:, None], mine] = values_of(source, replace(part, variables=columns[has]))


def _union(parts: Sequence[Part]) -> tuple[Variable, ...]:
    """The variables of all parts, each once: those of the first one, then what the others have beside them."""
    found: dict[str, Variable] = {}
    for part in parts:
        for variable in part.header.variables:
            found.setdefault(variable.name, variable)
    return tuple(found.values())


def _in_shared_units(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts with each variable in the units of the first part that has it.

    Raises:
        DataError: a variable is another quantity in two parts.
    """
    done: list[Part] = []
    for part in parts:
        converted = part
        for before in done:
            converted = in_units_of_first([before, converted])[1]
            check_quantities([before, converted])
        done.append(converted)
    return tuple(done)
