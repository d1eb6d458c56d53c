"""A forecast file as its scores need it: whatever plugin wrote it, the mean over its members."""

__all__ = ["ForecastFile"]

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, Variable, open_forecast

from wxml_verification.arrays import Array


class ForecastFile(AbstractContextManager["ForecastFile"]):
    """A forecast that `wxml.open_forecast` opens; a context manager."""

    def __init__(self, path: Path) -> None:
        self._stored = open_forecast(path)
        header = self._stored.header
        self.name = path.name
        self.initial_times, self.lead_times, self.members = header.initial_times, header.lead_times, header.members
        self.spreads = header.spreads
        """Variable → the variable with its standard deviation."""
        deviations = set(self.spreads.values())
        self.variables = tuple(one.name for one in header.variables if one.name not in deviations)
        """The names of the forecast variables, without those that are standard deviations of others."""

    def __exit__(self, *_: object) -> None:
        self._stored.close()

    def variable(self, name: str) -> Variable:
        """What the file says of a variable; empty where it does not say."""
        return next(variable for variable in self._stored.header.variables if variable.name == name)

    def grid(self) -> Grid:
        """The nodes in the order of the file, with its area weights; without any, all nodes have the same."""
        return self._stored.header.grid

    def area_weights(self) -> Array | None:
        """The share of the area that each node stands for, shape `[node]`; None where the file does not say."""
        return self._stored.header.grid.area_weights if self._stored.has_areas else None

    def boundary(self) -> NDArray[np.bool_]:
        """Which nodes are given and not forecast, shape `[node]`."""
        header = self._stored.header
        return np.zeros(len(header.grid), bool) if header.boundary is None else header.boundary

    def members_of(self, case: int, variable: str) -> NDArray[np.floating[Any]]:
        """The values of one initial time, shape `[member, lead_time, node]`; only this part of the file is read."""
        return self._stored.read(case, variable).swapaxes(0, 1)
