"""How long a classic NetCDF file must be, from its header.

The C library opens a file that was cut short and reads whatever its buffers hold where the data are missing, so this
has to be checked beforehand. Layout: "The NetCDF Classic Format Specification",
https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html
"""

__all__ = ["check_length"]

import os
import struct
from dataclasses import dataclass
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
            needed = _Header(file, version=start[3]).length()
        except (struct.error, KeyError, IndexError, ValueError, OverflowError, MemoryError) as error:
            raise _short(path, "its header is not complete") from error
    size = os.path.getsize(path)
    if size < needed:
        raise _short(path, f"it has {size} bytes and its header promises {needed}")


def _short(path: str, why: str) -> DataError:
    return DataError(f"`{path}` is damaged or cut short: {why}", fix="fetch or write the file again")


@dataclass(frozen=True, slots=True)
class _Extent:
    """Where the values of one variable are."""

    begin: int
    count: int  # bytes of one record, or of all where there are no records
    is_record: bool


class _Header:
    """Reads a header from front to back."""

    def __init__(self, file: BinaryIO, version: int) -> None:
        self.file = file
        self.count_format = ">Q" if version == 5 else ">I"
        self.offset_format = ">I" if version == 1 else ">Q"

    def length(self) -> int:
        """The bytes that the file needs at least; trailing padding is not counted."""
        records = self._number(self.count_format)
        dimensions = [self._dimension() for _ in range(self._list())]
        self._skip_attributes()
        extents = [self._variable(dimensions) for _ in range(self._list())]
        if records in STREAMING:
            records = 0
        each = [extent.count for extent in extents if extent.is_record]
        stride = each[0] if len(each) == 1 else sum(_padded(count) for count in each)
        return max((_end(extent, records, stride) for extent in extents), default=0)

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self.file.read(struct.calcsize(form)))[0])

    def _list(self) -> int:
        self._number(">I")  # the tag of the list, or zero where it is absent
        return self._number(self.count_format)

    def _skip(self, count: int) -> None:
        padded = _padded(count)
        if len(self.file.read(padded)) < padded:
            raise ValueError("end of file")

    def _dimension(self) -> int:
        self._skip(self._number(self.count_format))
        return self._number(self.count_format)

    def _skip_attributes(self) -> None:
        for _ in range(self._list()):
            self._skip(self._number(self.count_format))
            size = SIZES[self._number(">I")]
            self._skip(size * self._number(self.count_format))

    def _variable(self, dimensions: list[int]) -> _Extent:
        self._skip(self._number(self.count_format))
        shape = [dimensions[self._number(self.count_format)] for _ in range(self._number(self.count_format))]
        self._skip_attributes()
        count = SIZES[self._number(">I")]
        self._number(self.count_format)  # the size that the header states: wrong above 4 GiB, so it is worked out
        is_record = bool(shape) and shape[0] == 0
        for length in shape[1:] if is_record else shape:
            count *= length
        return _Extent(self._number(self.offset_format), count, is_record)


def _padded(count: int) -> int:
    return -(-count // 4) * 4


def _end(extent: _Extent, records: int, stride: int) -> int:
    if not extent.is_record:
        return extent.begin + extent.count
    return extent.begin + (records - 1) * stride + extent.count if records else 0
