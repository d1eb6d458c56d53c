"""Sums of fields by date and time of day: in memory while they are small, else in a file that nobody else sees."""

__all__ = ["KeptSums"]

import tempfile
import weakref
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from wxml_verification.arrays import Array

IN_MEMORY = 256 * 2**20  # bytes of sums; more are kept in a file, of which one field is read at a time
SUMS, MISSING = "sums", "missing"


class KeptSums:
    """Sums by bins, then cumulative sums along the dates; and the number of missing values, where there are any."""

    def __init__(self, bins: tuple[int, int], shape: tuple[int, int], folder: Path | None = None) -> None:
        """Begin with zeros.

        Args:
            bins: how many dates and times of day there are.
            shape: how many variables and nodes.
            folder: gets files that stay; None: they go with the sums, and small sums are in memory.
        """
        self.shape = shape
        """Variables and nodes."""
        self._bins, self._folder = bins, folder
        self._sums = self._zeros(SUMS)
        self._missing: _Fields | None = None

    @classmethod
    def opened(cls, bins: tuple[int, int], shape: tuple[int, int], folder: Path) -> Self:
        """The sums that are in a folder, to be read; also in another process."""
        found = cls.__new__(cls)
        found.shape, found._bins, found._folder = shape, bins, folder
        found._sums = _Fields(bins, shape, (folder / SUMS).open("rb"))
        there = (folder / MISSING).exists()
        found._missing = _Fields(bins, shape, (folder / MISSING).open("rb")) if there else None
        return found

    def add(self, day: int, hour: int, field: NDArray[np.float32]) -> None:
        """Add a field, shape `[variable, node]`, in which values may be missing."""
        there = np.isfinite(field)
        self._sums.put(day, hour, self._sums.get(day, hour) + np.where(there, field, 0.0))
        if not there.all():
            missing = self._counting()
            missing.put(day, hour, missing.get(day, hour) + ~there)

    def accumulate(self) -> None:
        """Make each sum that of its own and of all earlier dates."""
        for fields in (self._sums, self._missing):
            if fields is not None:
                fields.accumulate()

    def take(self, other: "KeptSums", day: int) -> None:
        """Copy sums of some dates in a row, of which the first is `day`."""
        self._sums.take(other._sums, day)
        if other._missing is not None:
            self._counting().take(other._missing, day)

    def until(self, days: int, hour: int) -> tuple[Array, Array | int]:
        """The sums of the first `days` dates, at least one, and the number of missing values in them."""
        missing = 0 if self._missing is None else self._missing.get(days - 1, hour)
        return self._sums.get(days - 1, hour), missing

    def close(self) -> None:
        """Have all in the files that stay."""
        for fields in (self._sums, self._missing):
            if fields is not None:
                fields.close()

    def _counting(self) -> "_Fields":
        if self._missing is None:
            self._missing = self._zeros(MISSING)
        return self._missing

    def _zeros(self, name: str) -> "_Fields":
        if self._folder is not None:
            return _Fields(self._bins, self.shape, (self._folder / name).open("w+b"))
        small = 8 * int(np.prod(self.shape)) * int(np.prod(self._bins)) <= IN_MEMORY
        return _Fields(self._bins, self.shape, None if small else tempfile.TemporaryFile())


class _Fields:
    """Fields in double precision, zero at first, by day and hour."""

    def __init__(self, bins: tuple[int, int], shape: tuple[int, int], file: BinaryIO | None) -> None:
        """Take a file, which is closed with the fields; None: they are in memory."""
        self._bins, self._shape, self._bytes = bins, shape, 8 * int(np.prod(shape))
        self._array = np.zeros((*bins, *shape)) if file is None else None
        self._file = file
        if file is not None:
            weakref.finalize(self, file.close)

    def get(self, day: int, hour: int) -> Array:
        """One field; what was never written is zero."""
        if self._array is not None:
            return np.asarray(self._array[day, hour])
        found = b""
        if self._file is not None:
            self._file.seek((day * self._bins[1] + hour) * self._bytes)
            found = self._file.read(self._bytes)
        return np.frombuffer(found, np.float64).reshape(self._shape) if found else np.zeros(self._shape)

    def put(self, day: int, hour: int, field: Array) -> None:
        """Replace one field."""
        if self._array is not None:
            self._array[day, hour] = field
        elif self._file is not None:
            self._file.seek((day * self._bins[1] + hour) * self._bytes)
            self._file.write(np.ascontiguousarray(field, np.float64).data)

    def accumulate(self) -> None:
        """Add to each field those of the earlier days."""
        for day in range(1, self._bins[0]):
            for hour in range(self._bins[1]):
                self.put(day, hour, self.get(day - 1, hour) + self.get(day, hour))

    def take(self, other: "_Fields", first: int) -> None:
        """Copy fields of some days in a row."""
        for day in range(other._bins[0]):
            for hour in range(self._bins[1]):
                self.put(first + day, hour, other.get(day, hour))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
