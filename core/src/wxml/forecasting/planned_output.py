"""A file of forecasts that is to be written, and what is done with one that is there."""

__all__ = ["PlannedOutput", "Ways"]

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.saved_state import Moment
from wxml.forecasting.unfinished import settings_of
from wxml.forecasting.writer import ForecastWriter


@dataclass(frozen=True, slots=True)
class Ways:
    """What a command does with files that are there."""

    overwrite: bool = False
    """Replace a forecast, and what an earlier command has left of it."""
    resume: bool = False
    """Go on with what an earlier command has left; after a failure what is finished stays, too."""
    append: bool = False
    """Add initial times to a forecast."""


@dataclass(frozen=True, slots=True, eq=False)
class PlannedOutput:
    """A file that is to be written."""

    path: Path
    header: ForecastHeader
    """All that will be in it."""
    make: Callable[[Path], ForecastWriter]
    """Makes its writer of a path."""
    known: frozenset[np.datetime64] = frozenset()
    """The initial times that are in it already."""
    state: Path | None = None
    """The file with the state of the forecast in the midst of its steps, if one is saved."""
    begins: Moment | None = None
    """The moment from which it is gone on with; None: its first initial time that is not finished."""

    @property
    def settings(self) -> dict[str, object]:
        """What two forecasts that are equal have in common."""
        return settings_of(self.header)
