"""The truth: the verifying values, in the order of the forecast's nodes."""

__all__ = ["Members", "Truth", "fitted"]

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource, Grid
from wxml.data.node_order import node_order
from wxml.data.source_fit import FORECAST, on_grid
from wxml.data.times import format_time
from wxml.errors import DataError

from wxml_verification.arrays import Array
from wxml_verification.reading import ForecastFile

Members = Literal["mean", "random", "all"]
"""What counts of a truth with members: their mean, one that is drawn for each time, or each in turn."""
SAME_PLACE = 1e-3  # degrees: files store places in single precision or rounded, other grids are further off


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """A source that may lack some of the times asked for."""

    source: DataSource
    members: Members = "mean"
    member: int | None = None
    """The one member that counts; None: what `members` says."""

    @property
    def each(self) -> tuple[Self, ...]:
        """The truths whose scores are averaged: one for each member, if all of them count."""
        if self.members != "all":
            return (self,)
        return tuple(replace(self, member=number) for number in range(self.source.header.members))

    def has(self, times: NDArray[np.datetime64]) -> NDArray[np.bool_]:
        """Whether the source has each time; same shape as `times`."""
        return np.isin(times, self.source.header.times)

    def at(self, times: NDArray[np.datetime64], variables: Sequence[str]) -> Array:
        """The values, shape `[time, variable, node]`; NaN for a time that the source lacks."""
        there = self.has(times)
        if there.all():
            return self._read(times, variables)
        out = np.full((len(times), len(variables), len(self.source.header.grid)), np.nan)
        if there.any():
            out[there] = self._read(times[there], variables)
        return out

    def _read(self, times: NDArray[np.datetime64], variables: Sequence[str]) -> Array:
        if self.member is not None:
            found = self.source.read(times, variables, members=[self.member])[:, 0]
            return np.asarray(found, np.float64)
        if self.members == "random":
            drawn = [int(np.random.default_rng(time).integers(self.source.header.members)) for time in _seeds(times)]
            return np.asarray(self.source.read(times, variables)[np.arange(len(times)), drawn], np.float64)
        return np.asarray(self.source.read(times, variables).mean(axis=1, dtype=np.float64))

    def check_times(self, valid_times: NDArray[np.datetime64]) -> None:
        """Raise a DataError if the truth has none of the valid times of the forecast."""
        if self.has(valid_times).any():
            return
        first, last = format_time(valid_times.min()), format_time(valid_times.max())
        times = self.source.header.times
        there = f"from {format_time(times[0])} to {format_time(times[-1])}" if len(times) else "at no time at all"
        raise DataError(
            f"the truth has none of the {np.unique(valid_times).size} times that the forecast is valid at, "
            f"from {first} to {last}",
            fix=f"it has data {there}: choose a truth or a forecast whose times and steps meet",
        )


def fitted(source: DataSource, forecast: ForecastFile) -> DataSource:
    """The truth in the forecast's order of nodes; its areas are those of the truth where the forecast states none.

    Raises:
        DataError: the truth has other nodes.
    """
    grid = forecast.grid()
    if forecast.area_weights() is None:
        grid = _with_areas(grid, source.header.grid)
    return on_grid(source, grid, FORECAST, SAME_PLACE)


def _with_areas(grid: Grid, known: Grid) -> Grid:
    """The grid with the areas that the nodes have in another one; as it is where that lacks a node."""
    order = node_order(grid, known, SAME_PLACE)
    if np.any(order < 0):
        return grid
    areas = known.area_weights[order]
    return replace(grid, area_weights=areas / areas.sum())


def _seeds(times: NDArray[np.datetime64]) -> list[int]:
    """A seed for each time, the same in every run."""
    return [int(seconds) % 2**32 for seconds in times.astype("datetime64[s]").astype(np.int64)]
