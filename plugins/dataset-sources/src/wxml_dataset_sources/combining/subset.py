"""A part of a source: some times, variables, members and nodes."""

__all__ = ["Subset"]

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import SourceHeader
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Source, opened
from wxml_dataset_sources.combining.node_choice import Area, chosen_nodes, grid_of
from wxml_dataset_sources.combining.thinning import Thinning
from wxml_dataset_sources.combining.time_choice import chosen_times
from wxml_dataset_sources.combining.variable_choice import chosen_variables


class Subset(Combination):
    """Some of the times, variables, members and nodes of a source. What no option names is kept."""

    name = "subset"

    def __init__(
        self,
        *,
        source: Source,
        start: Annotated[str | None, Field(description="first time")] = None,
        end: Annotated[str | None, Field(description="last time; a date without an hour is the whole day")] = None,
        frequency: Annotated[
            str | None, Field(description="keep the first time and those whole multiples of this later, such as 12h")
        ] = None,
        select: Annotated[
            list[str] | None, Field(description="only these, in this order: names (t_850) or parameters (t)")
        ] = None,
        drop: Annotated[list[str] | None, Field(description="all but these: names or parameters")] = None,
        members: Annotated[list[int] | None, Field(description="only these, counted from 0, in this order")] = None,
        area: Annotated[Area | None, Field(description="only the nodes in this box")] = None,
        thinning: Annotated[Thinning | None, Field(description="fewer nodes, of those in `area`")] = None,
    ) -> None:
        part = opened(source)
        options = {
            "start": start,
            "end": end,
            "frequency": frequency,
            "select": select,
            "drop": drop,
            "members": members,
            "area": area and area.model_dump(),
            "thinning": thinning and thinning.model_dump(exclude_none=True),
        }
        super().__init__((part,), {key: value for key, value in options.items() if value is not None})
        own = part.header
        self._members = None if members is None else _chosen_members(own.members, members)
        self._nodes = chosen_nodes(own.grid, area, thinning)
        self.header = SourceHeader(
            own.grid if self._nodes is None else grid_of(own.grid, self._nodes),
            chosen_variables(own.variables, select, drop or ()),
            chosen_times(own.times, start, end, frequency),
            own.members if self._members is None else len(self._members),
        )

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        names = [self.header.names[index] for index in variable_indices]
        values = self._sources[0].read(self.header.times[time_indices], names)
        if self._members is not None:
            values = values[:, self._members]
        out[:] = values if self._nodes is None else values[..., self._nodes]


def _chosen_members(count: int, members: Sequence[int]) -> NDArray[np.intp]:
    """The positions of `members`, of which a source has `count`.

    Raises:
        DataError: there is no such member, one is named twice, or none is named.
    """
    wrong = [member for member in members if not 0 <= member < count or list(members).count(member) > 1]
    if wrong or not members:
        what = f"{wrong[0]}" if wrong else "nothing"
        raise DataError(
            f"`members` names {what}, and the source has the members 0 to {count - 1}",
            fix="name some of these, each once",
        )
    return np.array(members, np.intp)
