"""What became of each initial time of a command."""

__all__ = ["LEFT_OUT", "ForecastReport"]

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wxml.data.times import format_time
from wxml.forecasting.dates_left_out import DateFailure
from wxml.terminal import columns

LEFT_OUT = 4
"""The exit code of a command that has left out some initial times and made the forecasts of the others."""
ROWS = 400
"""So many initial times are named one by one: a year of them, without those that are written."""


@dataclass(frozen=True, slots=True, eq=False)
class ForecastReport:
    """The forecasts that were made and those that were not."""

    paths: tuple[Path, ...]
    """The files of the forecasts."""
    times: NDArray[np.datetime64]
    """The initial times that are in each."""
    failures: tuple[DateFailure, ...] = ()

    def table(self) -> str:
        """A line for each initial time: the date, its state (`written` or `failed`), and why it failed.

        Of more than `ROWS` initial times only those that failed have a line, and of those the first `ROWS`.
        """
        rows = [(format_time(one.time), "failed", one.why.partition("\n")[0]) for one in self.failures]
        if len(rows) + len(self.times) <= ROWS:
            rows = sorted([*rows, *((format_time(time), "written", "") for time in self.times)])
        count = f"{len(self.times)} of {len(self.times) + len(self.failures)} initial times are written"
        more = [f"and {len(rows) - ROWS} more that failed"] if len(rows) > ROWS else []
        return "\n".join([*columns([("initial time", "state", "why"), *rows[:ROWS]]), *more, count])
