"""Sums of fields by date and time of day: in memory while they are small, else in a file that nobody else sees."""

__all__ = ["KeptSums"]

import tempfile
import weakref

import numpy as np
from numpy.typing import NDArray

from wxml_verification.arrays import Array

IN_MEMORY = 256 * 2**20  # bytes of sums; more are kept in a file, of which one field is read at a time


class KeptSums:
    """Sums by bins, then cumulative sums along the dates; and the number of missing values, where there are any."""

    def __init__(self, bins: tuple[int, int], shape: tuple[int, int]) -> None:
        self.shape = shape
        """Variables and nodes."""
        self._bins = bins
        self._sums = _Fields(bins, shape)
        self._missing: _Fields | None = None

    def add(self, day: int, hour: int, field: NDArray[np.float32]) -> None:
        """Add a field, shape `[variable, node]`, in which values may be missing."""
        there = np.isfinite(field)
        self._sums.put(day, hour, self._sums.get(day, hour) + np.where(there, field, 0.0))
        if there.all():
            return
        if self._missing is None:
            self._missing = _Fields(self._bins, self.shape)
        self._missing.put(day, hour, self._missing.get(day, hour) + ~there)

    def accumulate(self) -> None:
        """Make each sum that of its own and of all earlier dates."""
        for fields in (self._sums, self._missing):
            if fields is not None:
                fields.accumulate()

    def until(self, days: int, hour: int) -> tuple[Array, Array | int]:
        """The sums of the first `days` dates, at least one, and the number of missing values in them."""
        missing = 0 if self._missing is None else self._missing.get(days - 1, hour)
        return self._sums.get(days - 1, hour), missing


class _Fields:
    """Fields in double precision, zero at first, by day and hour."""

    def __init__(self, bins: tuple[int, int], shape: tuple[int, int]) -> None:
        self._bins, self._shape, self._bytes = bins, shape, 8 * int(np.prod(shape))
        small = self._bytes * int(np.prod(bins)) <= IN_MEMORY
        self._array = np.zeros((*bins, *shape)) if small else None
        self._file = None if small else tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the sums
        if self._file is not None:
            weakref.finalize(self, self._file.close)
        self._written: set[int] = set()

    def get(self, day: int, hour: int) -> Array:
        """One field."""
        if self._array is not None:
            return np.asarray(self._array[day, hour])
        place = day * self._bins[1] + hour
        if self._file is None or place not in self._written:
            return np.zeros(self._shape)
        self._file.seek(place * self._bytes)
        return np.frombuffer(self._file.read(self._bytes), np.float64).reshape(self._shape)

    def put(self, day: int, hour: int, field: Array) -> None:
        """Replace one field."""
        if self._array is not None:
            self._array[day, hour] = field
        elif self._file is not None:
            place = day * self._bins[1] + hour
            self._file.seek(place * self._bytes)
            self._file.write(np.ascontiguousarray(field, np.float64).data)
            self._written.add(place)

    def accumulate(self) -> None:
        """Add to each field those of the earlier days."""
        for day in range(1, self._bins[0]):
            for hour in range(self._bins[1]):
                self.put(day, hour, self.get(day - 1, hour) + self.get(day, hour))
