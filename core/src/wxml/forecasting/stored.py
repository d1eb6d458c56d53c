"""StoredForecast: a forecast in a file, read one initial time and one variable at a time."""

__all__ = ["StoredForecast"]

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wxml.data.forecast_series import ForecastSeries
from wxml.errors import ContractError, DataError, nearest
from wxml.forecasting.layout import ForecastHeader

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class StoredForecast:
    """What `ForecastWriter.read` returns: what the file says of itself, and its values, which are read on demand.

    It is a context manager, and closes the file at the end of the block.
    """

    header: ForecastHeader
    """Grid, variables, initial and lead times, members and provenance, as the file has them."""
    reader: Callable[[int, str], Values]
    """Returns the values of an initial time, by its number, and of a variable: `[lead_time, member, node]`."""
    closer: Callable[[], object] | None = None
    """Closes the file."""
    has_areas: bool = True
    """Whether the file says which area each node stands for; if not, the nodes of the header's grid have the same."""
    complete: NDArray[np.bool_] | None = None
    """Which steps are in a forecast that is not whole, shape `[initial_time, lead_time]`; None: it is whole."""

    def read(self, case: int, variable: str) -> Values:
        """Read the values of the initial time number `case`, `[lead_time, member, node]`; NaN where one is missing.

        Raises:
            DataError: there is no such initial time or variable, or the file is damaged.
            ContractError: the plugin returned another shape.
        """
        header = self.header
        names = [one.name for one in header.variables]
        if variable not in names:
            raise DataError(f"the forecast has no variable {variable!r}", fix=nearest(variable, names))
        if not 0 <= case < len(header.initial_times):
            raise DataError(
                f"`case` must be the number of an initial time, got {case}",
                fix=f"choose one from 0 to {len(header.initial_times) - 1}",
            )
        values = self.reader(case, variable)
        shape = (len(header.lead_times), header.members, len(header.grid))
        if np.shape(values) != shape:
            raise ContractError(
                f"the reader of a forecast must return [lead_time, member, node] = {list(shape)} values, got "
                f"{list(np.shape(values))}",
                fix="this is a fault of the forecast writer: tell its authors",
            )
        return values

    @property
    def series(self) -> ForecastSeries:
        """The forecasts as those of any program, with the areas and the boundary that the file has."""
        header = self.header
        return ForecastSeries(
            header.grid,
            header.variables,
            header.initial_times,
            header.lead_times,
            header.members,
            self.read,
            boundary=header.boundary,
            has_areas=self.has_areas,
        )

    def close(self) -> None:
        """Close the file."""
        if self.closer is not None:
            self.closer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
