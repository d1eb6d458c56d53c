"""The truth: the verifying values, in the order of the forecast's nodes."""

__all__ = ["Truth", "fitted"]

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource, Grid
from wxml.data.node_order import node_order
from wxml.data.source_fit import FORECAST, on_grid
from wxml.data.times import format_time
from wxml.errors import DataError

from wxml_verification.arrays import Array
from wxml_verification.reading import ForecastFile

SAME_PLACE = 1e-3  # degrees: files store places in single precision or rounded, other grids are further off


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """A source that may lack some of the times asked for."""

    source: DataSource

    def has(self, times: NDArray[np.datetime64]) -> NDArray[np.bool_]:
        """Whether the source has each time; same shape as `times`."""
        return np.isin(times, self.source.header.times)

    def at(self, times: NDArray[np.datetime64], variables: Sequence[str]) -> Array:
        """The mean over the source's members, shape `[time, variable, node]`; NaN for a time that it lacks."""
        there = self.has(times)
        out = np.full((len(times), len(variables), len(self.source.header.grid)), np.nan)
        if there.any():
            out[there] = self.source.read(times[there], variables).mean(axis=1, dtype=np.float64)
        return out

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
