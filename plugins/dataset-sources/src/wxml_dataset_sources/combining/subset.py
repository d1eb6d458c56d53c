"""A part of a source: some times, variables, members and nodes."""

__all__ = ["Subset"]

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Moments, ReadRequest, SourceHeader
from wxml.data.read_request import Positions, picked, run
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Source, opened
from wxml_dataset_sources.combining.kept_moments import changes_inside
from wxml_dataset_sources.combining.node_choice import Area, chosen_nodes, grid_of
from wxml_dataset_sources.combining.node_mask import Mask, inside_edge, masked
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
        mask: Annotated[Mask | None, Field(description="only the nodes at which a field has such values")] = None,
        trim_edge: Annotated[
            int | None, Field(gt=0, description="without so many rows and columns at each edge of a region")
        ] = None,
        thinning: Annotated[Thinning | None, Field(description="fewer nodes, of those that are left")] = None,
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
            "mask": mask and mask.model_dump(exclude={"source"}, exclude_none=True),
            "trim_edge": trim_edge,
            "thinning": thinning and thinning.model_dump(exclude_none=True),
        }
        field = part if mask is None or mask.source is None else opened(mask.source, "mask.source")
        super().__init__(
            (part,) if field is part else (part, field),
            {key: value for key, value in options.items() if value is not None},
        )
        own = part.header
        kept = [] if mask is None else [masked(part, field, mask)]
        kept += [] if trim_edge is None else [inside_edge(part, trim_edge)]
        nodes = chosen_nodes(own.grid, area, thinning, kept)
        self._members: Positions = (
            slice(0, own.members) if members is None else run(_chosen_members(own.members, members))
        )
        self._nodes: Positions = slice(0, len(own.grid)) if nodes is None else run(nodes)
        self.header = SourceHeader(
            own.grid if nodes is None else grid_of(own.grid, nodes, thinning is None),
            chosen_variables(own.variables, select, drop or ()),
            chosen_times(own.times, start, end, frequency),
            own.members if members is None else len(members),
        )
        self._rows, self._columns = own.time_indices(self.header.times), own.variable_indices(self.header.names)

    def moments(
        self, times: NDArray[np.datetime64], variables: Sequence[str], timestep: np.timedelta64 | None = None
    ) -> Moments | None:
        """Those of the source, if all members and nodes are kept."""
        source = self._sources[0]
        if self.header.members != source.header.members or self.header.grid is not source.header.grid:
            return None
        return changes_inside(source.moments(times, variables, timestep), times, timestep, self.header.times)

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source."""
        return self._sources[0].chunk_groups()[self._columns]

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        part = ReadRequest(
            self._rows[request.times],
            self._columns[request.variables],
            picked(self._members, request.members),
            picked(self._nodes, request.nodes),
        )
        self._sources[0].fill(part, out)


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
