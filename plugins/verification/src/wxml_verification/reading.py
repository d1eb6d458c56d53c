"""A forecast file as its scores need it: whatever plugin wrote it, the mean over its members."""

__all__ = ["ForecastFile"]

import copy
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from wxml import ForecastSeries, Grid, StoredForecast, Variable, VerificationTask, open_forecast
from wxml.forecasting.layout import SPREAD

from wxml_verification.arrays import Array
from wxml_verification.placement import Line, Placement


class ForecastFile(AbstractContextManager["ForecastFile"]):
    """A forecast that `wxml.open_forecast` opens, or a series of forecasts; a context manager."""

    _placed: Placement | None = None
    _corrected: Mapping[str, Line] = {}

    def __init__(self, path: Path, series: ForecastSeries | None = None) -> None:
        """Open the file; or take a series, whose name `path` is."""
        self._stored: StoredForecast | None = None
        if series is None:
            self._stored = open_forecast(path)
            series = self._stored.series
        self._series, self._reads = series, _CaseReads(series)
        self._beside: dict[Path, ForecastFile] = {}
        header = self._series
        self.name = path.name
        self.initial_times, self.lead_times, self.members = header.initial_times, header.lead_times, header.members
        names = [one.name for one in header.variables]
        self.spreads = {name: f"{name}{SPREAD}" for name in names if f"{name}{SPREAD}" in names}
        """Variable → the variable with its standard deviation."""
        deviations = set(self.spreads.values())
        self.variables = tuple(name for name in names if name not in deviations)
        """The names of the forecast variables, without those that are standard deviations of others."""

    @classmethod
    def of(cls, task: VerificationTask) -> Self:
        """The forecast that is to be verified."""
        return cls(task.forecast, task.series)

    @property
    def comes_once(self) -> bool:
        """Whether an initial time can be read only until the next one is asked for."""
        return self._series.comes_once

    def __exit__(self, *_: object) -> None:
        for other in self._beside.values():
            other.__exit__()
        if self._stored is not None:
            self._stored.close()

    def beside(self, path: Path) -> "ForecastFile":
        """Another forecast file, which closes with this one."""
        if path not in self._beside:
            self._beside[path] = ForecastFile(path)
        return self._beside[path]

    def variable(self, name: str) -> Variable:
        """What the file says of a variable; empty where it does not say."""
        return next(variable for variable in self._series.variables if variable.name == name)

    def placed(self, placed: Placement, corrected: Mapping[str, Line] | None = None) -> Self:
        """The same forecast on other nodes; a case that both read is read once.

        Args:
            placed: what brings values there.
            corrected: variable → the factor and the offset of its values there.
        """
        other = copy.copy(self)
        other._placed, other._corrected = placed, corrected or {}
        return other

    def grid(self) -> Grid:
        """The nodes in the order of the file, with its area weights; without any, all nodes have the same."""
        return self._series.grid if self._placed is None else self._placed.target

    def area_weights(self) -> Array | None:
        """The share of the area that each node stands for, shape `[node]`; None where the file does not say."""
        if self._placed is not None:
            return self._placed.target.area_weights
        return self._series.grid.area_weights if self._series.has_areas else None

    def boundary(self) -> NDArray[np.bool_]:
        """Which nodes are given and not forecast, shape `[node]`."""
        given = self._series.boundary
        own = np.zeros(len(self._series.grid), bool) if given is None else given
        return own if self._placed is None else self._placed.reads(own)

    def members_of(self, case: int, variable: str) -> NDArray[np.floating[Any]]:
        """The values of one initial time, shape `[member, lead_time, node]`; only this part of the file is read."""
        values = self._reads.get(case, variable).swapaxes(0, 1)
        if self._placed is None:
            return values
        there = self._placed.of(values)
        factor, offset = self._corrected.get(variable, (1.0, 0.0))
        return there * factor + offset


class _CaseReads:
    """What was read of one initial time, for whoever else asks for it."""

    def __init__(self, series: ForecastSeries) -> None:
        self._series, self._case = series, -1
        self._kept: dict[str, NDArray[np.floating[Any]]] = {}

    def get(self, case: int, variable: str) -> NDArray[np.floating[Any]]:
        """The values `[lead_time, member, node]`."""
        if case != self._case:
            self._case, self._kept = case, {}
        if variable not in self._kept:
            self._kept[variable] = self._series.read(case, variable)
        return self._kept[variable]
