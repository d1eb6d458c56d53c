"""ForecastHeader: everything about a forecast that is known before its first step."""

__all__ = ["ForecastHeader", "spread_variable"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.data.fields import Fields
from wxml.data.grid import Grid
from wxml.data.times import format_duration, format_time
from wxml.data.units import have_same_meaning
from wxml.data.variables import Variable
from wxml.errors import DataError
from wxml.forecasting.ensemble import MemberNumbers
from wxml.forecasting.layout_names import SPREAD


@dataclass(frozen=True, slots=True, eq=False)
class ForecastHeader:
    """Everything about a forecast that is known before its first step."""

    grid: Grid
    variables: tuple[Variable, ...]
    initial_times: NDArray[np.datetime64]
    """`datetime64[s]`, strictly rising."""
    lead_times: NDArray[np.timedelta64]
    """`timedelta64[s]`, strictly rising, all positive."""
    members: int
    provenance: dict[str, Any]
    """JSON values; the writer stores them as JSON text in the file's attribute `wxml_provenance`."""
    boundary: NDArray[np.bool_] | None = None
    """Which nodes are given and not forecast, shape `[node]`, and so not scored; None: none of them."""
    stations: tuple[str, ...] = ()
    """The names of the nodes, where these are stations; empty for other nodes."""
    numbering: MemberNumbers | None = None
    """The numbers of the members; None: they are 0, 1, 2 and so on, the whole ensemble, and none is a control."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the members, in their order."""
        return tuple(range(self.members)) if self.numbering is None else self.numbering.numbers

    @property
    def is_ensemble(self) -> bool:
        """Whether the members have numbers: there are several, or it is one of several."""
        return self.members > 1 or self.numbering is not None

    def __post_init__(self) -> None:
        found = None if self.boundary is None else (self.boundary.dtype, self.boundary.shape)
        if found not in (None, (np.dtype(bool), (len(self.grid),))):
            raise DataError(
                f"`boundary` of a forecast must be [node] = [{len(self.grid)}] truth values, got {found[0]} of shape "
                f"{list(found[1])}",
                fix="give one truth value for each node of the grid, or None",
            )
        if len(self.stations) not in (0, len(self.grid)):
            raise DataError(
                f"`stations` of a forecast must name each of {len(self.grid)} nodes, got {len(self.stations)} names",
                fix="name each node, or none",
            )
        if len(self.numbers) != self.members:
            raise DataError(
                f"`numbering` of a forecast must number its {self.members} members, got {len(self.numbers)} numbers",
                fix="give one number for each member, or None",
            )

    @property
    def spreads(self) -> dict[str, str]:
        """Variable → the variable with its standard deviation, of those that have one in the file."""
        names = [variable.name for variable in self.variables]
        return {name: f"{name}{SPREAD}" for name in names if f"{name}{SPREAD}" in names}

    def place(self, fields: Fields, lead_time: np.timedelta64) -> tuple[int, int]:
        """The indices `(time, lead_time)` of one step.

        Raises:
            DataError: this forecast has no such step, or not with these variables, members and nodes.
        """
        expected = tuple(variable.name for variable in self.variables)
        if sorted(fields.variables) != sorted(expected):
            raise DataError(
                f"`fields` must have the variables of the header, got {_listed(fields.variables)}",
                fix=f"give each of these once, in any order: {_listed(expected)}",
            )
        shape = (self.members, len(self.variables), len(self.grid))
        if fields.values.shape != shape:
            raise DataError(
                f"`fields` must have [member, variable, node] = {list(shape)} values, got {list(fields.values.shape)}",
                fix="write fields on the grid of the header, with all of its members",
            )
        lead = _index(self.lead_times, lead_time, "lead time", format_duration)
        time = _index(self.initial_times, fields.valid_time - lead_time, "initial time", format_time)
        return time, lead


def spread_variable(variable: Variable) -> Variable:
    """The standard deviation of the normal distribution whose mean is a variable.

    Its standard name has CF's modifier `standard_error`; degrees apart are in K, whatever the scale.

    >>> spread = spread_variable(Variable("t_850", param="t", units="degC", standard_name="air_temperature"))
    >>> spread.name, spread.param, spread.units, spread.standard_name
    ('t_850_spread', 't_spread', 'K', 'air_temperature standard_error')
    """
    return replace(
        variable,
        name=f"{variable.name}{SPREAD}",
        param=f"{variable.param}{SPREAD}",
        units="K" if have_same_meaning(variable.units, "degC") else variable.units,
        standard_name=f"{variable.standard_name} standard_error" if variable.standard_name else "",
        grib="",
    )


def _index(known: NDArray[Any], wanted: Any, what: str, write: Callable[[Any], str]) -> int:
    """The place of `wanted` in `known`; if it is not there, the DataError calls it `what` and shows it by `write`."""
    found = np.flatnonzero(known == wanted)
    if not found.size:
        raise DataError(
            f"the header has no {what} {write(wanted)}, so the file has no place for it",
            fix=f"add it to the header, or choose one of these: {_listed([write(time) for time in known])}",
        )
    return int(found[0])


def _listed(names: Sequence[str], most: int = 12) -> str:
    """The first few names, and how many follow."""
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
