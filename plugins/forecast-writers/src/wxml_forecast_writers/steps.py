"""The steps of a forecast: which place in the file belongs to given fields, and whether they fit there."""

__all__ = ["Steps"]

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml.data.fields import Fields
from wxml.data.times import format_duration, format_time
from wxml.errors import DataError
from wxml.forecasting.writer import ForecastHeader


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Every pair of an initial time and a lead time that a header announces."""

    header: ForecastHeader

    def place(self, fields: Fields, lead_time: np.timedelta64) -> tuple[int, int]:
        """The indices `(time, prediction_timedelta)` of one step.

        Raises:
            DataError: the header does not announce this step, or not with these variables, members and nodes.
        """
        self._check_variables(fields.variables)
        self._check_shape(fields.values.shape)
        lead = _index(self.header.lead_times, lead_time, "lead time", format_duration)
        time = _index(self.header.initial_times, fields.valid_time - lead_time, "initial time", format_time)
        return time, lead

    def _check_variables(self, names: tuple[str, ...]) -> None:
        expected = tuple(variable.name for variable in self.header.variables)
        if sorted(names) != sorted(expected):
            raise DataError(
                f"`fields` must have the variables of the header, got {_listed(names)}",
                fix=f"give each of these once, in any order: {_listed(expected)}",
            )

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        expected = (self.header.members, len(self.header.variables), len(self.header.grid))
        if shape != expected:
            raise DataError(
                f"`fields` must have [member, variable, node] = {list(expected)} values, got {list(shape)}",
                fix="write fields on the grid of the header, with all of its members",
            )


def _index(known: NDArray[Any], wanted: Any, what: str, write: Any) -> int:
    found = np.flatnonzero(known == wanted)
    if not found.size:
        raise DataError(
            f"the header has no {what} {write(wanted)}, so the file has no place for it",
            fix=f"the header's: {_listed([write(time) for time in known])}",
        )
    return int(found[0])


def _listed(names: Any, most: int = 12) -> str:
    """The first few names, and how many follow."""
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
