"""ForecastSeries: forecasts from several initial times, read one initial time and one variable at a time."""

__all__ = ["ForecastSeries"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.variables import Variable
from wxml.errors import ContractError

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class ForecastSeries:
    """Forecasts that are no file of wxml's: of another program, or still being made."""

    grid: Grid
    variables: tuple[Variable, ...]
    initial_times: NDArray[np.datetime64]
    """`datetime64[s]`, strictly rising."""
    lead_times: NDArray[np.timedelta64]
    """`timedelta64[s]`, strictly rising."""
    members: int
    reader: Callable[[int, str], Values]
    """Gives the values of an initial time, by its number, and of a variable: `[lead_time, member, node]`, NaN where one
    is missing."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """What they were read from, as JSON values."""
    boundary: NDArray[np.bool_] | None = None
    """Which nodes are given and not forecast, shape `[node]`; None: none of them."""
    has_areas: bool = True
    """Whether the grid knows which area each node stands for; if not, all nodes of it have the same."""
    comes_once: bool = False
    """Whether an initial time can be read only until the next one is asked for, as while a model makes them."""

    def read(self, case: int, variable: str) -> Values:
        """Read the values of the initial time number `case`, `[lead_time, member, node]`.

        Raises:
            DataError: a file is damaged.
            ContractError: the reader returned another shape.
        """
        values = self.reader(case, variable)
        shape = (len(self.lead_times), self.members, len(self.grid))
        if np.shape(values) != shape:
            raise ContractError(
                f"the reader of forecasts must return [lead_time, member, node] = {list(shape)} values, got "
                f"{list(np.shape(values))}",
                fix="this is a fault of the data source: tell its authors",
            )
        return values

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The series with other names, and without the variables that have none.

        Args:
            names: new name → old name.
        """
        old = {one.name: one for one in self.variables}
        known = tuple(replace(old[before], name=name) for name, before in names.items())
        reader = self.reader
        return replace(self, variables=known, reader=lambda case, name: reader(case, names[name]))
