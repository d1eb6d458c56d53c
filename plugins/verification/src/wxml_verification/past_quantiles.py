"""Quantiles of past values at each node, by hour and day of the year: what is rare there at that time."""

__all__ = ["WINDOW", "PastQuantiles", "past_quantiles"]

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from wxml.verification.metric import PastFields

from wxml_verification.arrays import Array
from wxml_verification.rain_climatology import CHUNK, DAYS, near_days, row_blocks

WINDOW = 15
"""Days on either side of a day of the year."""
FIELDS = 32
"""That are kept in memory."""


class PastQuantiles:
    """Quantiles of a variable, in a file that nobody else sees, of which some fields are in memory."""

    def __init__(self, past: PastFields, name: str, shares: Sequence[float]) -> None:
        """Read the past once for each part of the nodes that fits into memory.

        Args:
            past: the past values.
            name: of the variable.
            shares: of the values that are below the quantiles, 0 to 1.

        Raises:
            DataError: the past lacks the variable.
        """
        past.source.header.variable_indices((name,))
        self._shares, self._nodes = tuple(shares), len(past.source.header.grid)
        self._kept: dict[tuple[int, int, int], Array] = {}
        folder = tempfile.mkdtemp(prefix="wxml-quantiles-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        hours_of_time = past.times.astype("datetime64[h]").astype(np.int64) % 24
        self._hours = {int(hour): place for place, hour in enumerate(np.unique(hours_of_time))}
        shape = (len(self._hours), len(self._shares), DAYS, self._nodes)
        chunks = (1, 1, min(DAYS, max(1, CHUNK // (4 * self._nodes))), self._nodes)
        self._array: Any = zarr.create_array(folder, shape=shape, chunks=chunks, dtype="f4", fill_value=np.nan)
        row = self._nodes // past.source.header.grid.shape[0]
        for hour, place in self._hours.items():
            times = past.times[hours_of_time == hour]
            days = (times.astype("datetime64[D]") - times.astype("datetime64[Y]")).astype(np.int64)
            for rows, values in row_blocks(past, times, name):
                found = np.stack([_quantiles(values[near_days(days, day, WINDOW)], shares) for day in range(DAYS)], 1)
                self._array[place, :, :, rows.start * row : rows.stop * row] = found

    def at(self, time: np.datetime64, share: float) -> Array:
        """A quantile at a valid time, shape `[node]`; NaN where nothing is known."""
        day = int((time.astype("datetime64[D]") - time.astype("datetime64[Y]")).astype(np.int64))
        hour = int(time.astype("datetime64[h]").astype(np.int64) % 24)
        if hour not in self._hours:
            return np.full(self._nodes, np.nan)
        key = self._hours[hour], self._shares.index(share), day
        if key not in self._kept:
            if len(self._kept) == FIELDS:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = np.asarray(self._array[key], np.float64)
        return self._kept[key]


@lru_cache(maxsize=8)
def past_quantiles(past: PastFields, name: str, shares: tuple[float, ...]) -> PastQuantiles:
    """The quantiles; metrics that ask for the same get the same."""
    return PastQuantiles(past, name, shares)


def _quantiles(values: NDArray[np.floating[Any]], shares: Sequence[float]) -> Array:
    """Quantiles of the values that are known, linear between two, shape `[share, node]`; NaN where none is."""
    number = np.isfinite(values).sum(axis=0)
    if not number.any():
        return np.full((len(shares), values.shape[1]), np.nan)
    ordered = np.sort(values, axis=0)  # what is missing is last
    place = np.outer(shares, np.maximum(number - 1, 0))
    below = np.floor(place).astype(np.int64)
    low = np.take_along_axis(ordered, below, 0).astype(np.float64)
    high = np.take_along_axis(ordered, np.minimum(below + 1, len(values) - 1), 0).astype(np.float64)
    return np.where(place > below, low + (place - below) * (high - low), low)
