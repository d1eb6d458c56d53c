"""What follows from the time and the place alone, as variables of a source."""

__all__ = ["Forcings"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Grid, PluginChoice, SourceHeader, Variable
from wxml.data.forcings import COMPUTED_FORCINGS, compute_forcings
from wxml.errors import DataError, nearest

from wxml_dataset_sources.combining.combination import Combination, Part, Source, opened
from wxml_dataset_sources.combining.target_grid import Target, target_grid
from wxml_dataset_sources.combining.time_choice import Times, regular_times


class Forcings(Combination):
    """Sines and cosines of latitude, longitude, local time and day of the year, and the insolation.

    They are those that a model reads when `data.variables.forcing` names them, bit for bit. Grid, times and members are
    those of `source`, or `grid`, `start`, `end`, `frequency` and `members` say them.
    """

    name = "forcings"

    def __init__(
        self,
        *,
        variables: Annotated[
            list[str] | None, Field(min_length=1, description=f"Only these of {', '.join(sorted(COMPUTED_FORCINGS))}")
        ] = None,
        source: Annotated[PluginChoice | None, *Source.__metadata__] = None,
        grid: Annotated[Target | None, Field(description="The grid, in place of that of `source`")] = None,
        start: Annotated[str | None, Field(description="First time, in place of those of `source`")] = None,
        end: Annotated[str | None, Field(description="Last time; a date without an hour is the whole day")] = None,
        frequency: Annotated[str | None, Field(description="The step between the times, such as 6h")] = None,
        members: Annotated[
            int | None, Field(gt=0, description="The number of members, in place of that of `source`")
        ] = None,
    ) -> None:
        template = None if source is None else opened(source)
        places = _grid(template, grid)
        options = {"start": start, "end": end, "frequency": frequency, "members": members, "grid": places.identity}
        super().__init__(
            () if template is None else (template,),
            {key: value for key, value in options.items() if value is not None},
        )
        self.header = SourceHeader(
            places,
            tuple(Variable(name, units="1", step_type="instant") for name in _chosen(variables)),
            _times(template, start, end, frequency),
            members or (template.header.members if template else 1),
        )

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        names = [self.header.names[index] for index in variable_indices]
        instants, where = np.unique(self.header.times[time_indices], return_inverse=True)
        out[:] = compute_forcings(names, self.header.grid, instants)[where, None]


def _chosen(variables: list[str] | None) -> list[str]:
    """The names, all of them if none are chosen.

    Raises:
        DataError: one of them is not known.
    """
    for name in variables or ():
        if name not in COMPUTED_FORCINGS:
            raise DataError(f"`variables` names {name!r}, which is no forcing", fix=nearest(name, COMPUTED_FORCINGS))
    return sorted(COMPUTED_FORCINGS) if variables is None else variables


def _grid(template: Part | None, grid: Target | None) -> Grid:
    if grid is not None:
        return target_grid(grid, "grid")
    if template is None:
        raise DataError(
            "neither `grid` nor `source` says where the forcings are wanted",
            fix="name the `source` that they are for, or write for example grid: {degrees: 1.0}",
        )
    return template.header.grid


def _times(template: Part | None, start: str | None, end: str | None, frequency: str | None) -> Times:
    """The times that the options say, else those of the template.

    Raises:
        DataError: some of the options are there and some are not, or none are, and there is no template.
    """
    if start is not None and end is not None and frequency is not None:
        return regular_times(start, end, frequency)
    if template is None or (start, end, frequency) != (None, None, None):
        raise DataError(
            "`start`, `end` and `frequency` belong together, got only some of them or none and no `source`",
            fix="write all three, or none of them and name a `source`, whose times are taken",
        )
    return template.header.times
