"""Fields in single precision, in memory while they are small, else in a file that nobody else sees."""

__all__ = ["KeptFields"]

import tempfile
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

IN_MEMORY = 256 * 2**20  # bytes of fields; more are kept in a file, of which one field is read at a time


class KeptFields:
    """Fields by their number, each written before it is read."""

    def __init__(self, count: int, shape: tuple[int, int]) -> None:
        """Make room for so many fields of a shape."""
        self._shape, self._bytes = shape, 4 * int(np.prod(shape))
        small = self._bytes * count <= IN_MEMORY
        self._array = np.empty((count, *shape), np.float32) if small else None
        self._file: Any = None if small else tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the fields
        if self._file is not None:
            weakref.finalize(self, self._file.close)

    def put(self, number: int, field: NDArray[np.float32]) -> None:
        """Keep a field."""
        if self._array is not None:
            self._array[number] = field
            return
        self._file.seek(number * self._bytes)
        self._file.write(np.ascontiguousarray(field, np.float32).data)

    def get(self, number: int) -> NDArray[np.float32]:
        """A field."""
        if self._array is not None:
            return np.asarray(self._array[number])
        self._file.seek(number * self._bytes)
        return np.frombuffer(self._file.read(self._bytes), np.float32).reshape(self._shape)
