"""Checks the length of a classic NetCDF file against its header.

The C library opens a file that was cut short and returns whatever its buffers hold in place of the missing data, so the
length must be checked first. Layout: "The NetCDF Classic Format Specification",
https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html
"""

__all__ = ["check_length"]

import math
import os
import struct
from typing import BinaryIO

from wxml.errors import DataError

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8, 7: 1, 8: 2, 9: 4, 10: 8, 11: 8}  # bytes of each external type
STREAMING = (2**32 - 1, 2**64 - 1)  # record counts that mean "not known"


def check_length(path: str) -> None:
    """Refuse a classic NetCDF file that is shorter than its header says; other files pass.

    Raises:
        DataError: the file is cut short.
    """
    with open(path, "rb") as file:
        start = file.read(4)
        if start[:3] != b"CDF" or start[3] not in (1, 2, 5):
            return
        try:
            needed = _needed_length(file, version=start[3])
        except (struct.error, KeyError, IndexError, ValueError, OverflowError, MemoryError) as error:
            raise DataError(
                f"`{path}` is damaged or cut short: its header is not complete", fix="fetch or write the file again"
            ) from error
    size = os.path.getsize(path)
    if size < needed:
        raise DataError(
            f"`{path}` is damaged or cut short: it has {size} bytes and its header promises {needed}",
            fix="fetch or write the file again",
        )


class _Header:
    """Reads the parts of a header one after the other; the file stands behind the four bytes of the version."""

    def __init__(self, file: BinaryIO, version: int) -> None:
        self._file = file
        self._count = ">Q" if version == 5 else ">I"
        self._offset = ">I" if version == 1 else ">Q"

    def number(self, form: str = "") -> int:
        """Read one number of the `struct` format `form`; without one, a count."""
        form = form or self._count
        return int(struct.unpack(form, self._file.read(struct.calcsize(form)))[0])

    def entries(self) -> range:
        """Read the tag and the length of a list, and count its entries."""
        self.number(">I")  # the tag, or zero if the list is absent
        return range(self.number())

    def skip(self, count: int) -> None:
        """Pass over `count` bytes and the padding to a multiple of four."""
        padded = -(-count // 4) * 4
        if len(self._file.read(padded)) < padded:
            raise ValueError("end of file")

    def skip_attributes(self) -> None:
        """Pass over a list of attributes: name, type, values."""
        for _ in self.entries():
            self.skip(self.number())
            size = SIZES[self.number(">I")]
            self.skip(size * self.number())

    def dimensions(self) -> list[int]:
        """Read the lengths of the dimensions; the one of records has length 0."""
        lengths = []
        for _ in self.entries():
            self.skip(self.number())
            lengths.append(self.number())
        return lengths

    def variable(self, lengths: list[int]) -> tuple[int, int, bool]:
        """Read where a variable begins, its bytes (in one record, if it has records), and whether it has records."""
        self.skip(self.number())
        shape = [lengths[self.number()] for _ in range(self.number())]
        self.skip_attributes()
        size = SIZES[self.number(">I")]
        self.number()  # the size that the header states: wrong above 4 GiB, so it is worked out
        has_records = bool(shape) and shape[0] == 0
        return self.number(self._offset), size * math.prod(shape[1:] if has_records else shape), has_records


def _needed_length(file: BinaryIO, version: int) -> int:
    """The bytes that the file needs at least, by its header; `file` stands behind the four bytes of the version.

    Trailing padding is not counted. A variable with records has one part in every record of `stride` bytes.
    """
    header = _Header(file, version)
    records = header.number()
    lengths = header.dimensions()
    header.skip_attributes()
    variables = [header.variable(lengths) for _ in header.entries()]
    ends = [0, *(begin + size for begin, size, has_records in variables if not has_records)]
    parts = [(begin, size) for begin, size, has_records in variables if has_records]
    if not parts or records == 0 or records in STREAMING:
        return max(ends)
    stride = parts[0][1] if len(parts) == 1 else sum(-(-size // 4) * 4 for _, size in parts)
    return max(*ends, *(begin + (records - 1) * stride + size for begin, size in parts))
