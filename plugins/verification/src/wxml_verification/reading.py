"""A forecast file as its scores need it: whatever plugin wrote it, the mean over its members."""

__all__ = ["ForecastFile"]

import copy
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, StoredForecast, Variable, open_forecast

from wxml_verification.arrays import Array
from wxml_verification.placement import Placement

Line = tuple[Array, Array]
"""A factor and an offset at each node."""


class ForecastFile(AbstractContextManager["ForecastFile"]):
    """A forecast that `wxml.open_forecast` opens; a context manager."""

    _placed: Placement | None = None
    _corrected: Mapping[str, Line] = {}

    def __init__(self, path: Path) -> None:
        self._stored = open_forecast(path)
        self._reads = _CaseReads(self._stored)
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
        return self._stored.header.grid if self._placed is None else self._placed.target

    def area_weights(self) -> Array | None:
        """The share of the area that each node stands for, shape `[node]`; None where the file does not say."""
        if self._placed is not None:
            return self._placed.target.area_weights
        return self._stored.header.grid.area_weights if self._stored.has_areas else None

    def boundary(self) -> NDArray[np.bool_]:
        """Which nodes are given and not forecast, shape `[node]`."""
        header = self._stored.header
        own = np.zeros(len(header.grid), bool) if header.boundary is None else header.boundary
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

    def __init__(self, stored: StoredForecast) -> None:
        self._stored, self._case = stored, -1
        self._kept: dict[str, NDArray[np.floating[Any]]] = {}

    def get(self, case: int, variable: str) -> NDArray[np.floating[Any]]:
        """The values `[lead_time, member, node]`."""
        if case != self._case:
            self._case, self._kept = case, {}
        if variable not in self._kept:
            self._kept[variable] = self._stored.read(case, variable)
        return self._kept[variable]
