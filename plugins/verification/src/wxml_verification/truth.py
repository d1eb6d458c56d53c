"""The truth: the verifying values, and the checks that they fit the forecast."""

__all__ = ["Truth", "check_grids"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource, Grid
from wxml.data.times import format_time
from wxml.errors import DataError

from wxml_verification.metrics import Array

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


def check_grids(places: tuple[Array, Array], grid: Grid) -> None:
    """Refuse a truth whose nodes differ from those of the forecast, or come in another order.

    Args:
        places: the forecast's latitudes and longitudes, degrees, shape `[node]` each.
        grid: the grid of the truth.

    Raises:
        DataError: the numbers of nodes differ, or a node lies elsewhere.
    """
    latitudes, longitudes = places
    fix = "interpolate one to the other, or verify against the dataset that the forecast started from"
    if len(latitudes) != len(grid):
        raise DataError(f"the forecast has {len(latitudes)} nodes and the truth {len(grid)} {grid.shape}", fix=fix)
    across = np.abs(np.mod(longitudes - grid.longitudes + 180, 360) - 180)
    away = np.maximum(np.abs(latitudes - grid.latitudes), across)
    if away.max() > SAME_PLACE:
        node = int(np.argmax(away > SAME_PLACE))
        own, other = (
            f"{north[node]:.3f}°N {east[node] % 360:.3f}°E"
            for north, east in (places, (grid.latitudes, grid.longitudes))
        )
        raise DataError(
            f"the forecast and the truth have different nodes: node {node} is at {own} "
            f"in the forecast and at {other} in the truth",
            fix=fix,
        )
