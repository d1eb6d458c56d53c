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


def _needed_length(file: BinaryIO, version: int) -> int:
    """The bytes that the file needs at least, by its header; `file` stands behind the four bytes of the version.

    Trailing padding is not counted. A variable with records has one part in every record of `stride` bytes.
    """
    count_format, offset_format = ">Q" if version == 5 else ">I", ">I" if version == 1 else ">Q"

    def number(form: str) -> int:
        """Read one number of the `struct` format `form`."""
        return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])

    def entries() -> range:
        """Read the tag and the length of a list, and count its entries."""
        number(">I")  # the tag, or zero if the list is absent
        return range(number(count_format))

    def skip(count: int) -> None:
        """Pass over `count` bytes and the padding to a multiple of four."""
        padded = -(-count // 4) * 4
        if len(file.read(padded)) < padded:
            raise ValueError("end of file")

    def skip_attributes() -> None:
        """Pass over a list of attributes: name, type, values."""
        for _ in entries():
            skip(number(count_format))
            size = SIZES[number(">I")]
            skip(size * number(count_format))

    records = number(count_format)
    lengths = []
    for _ in entries():
        skip(number(count_format))
        lengths.append(number(count_format))
    skip_attributes()
    fixed_ends, parts = [0], []
    for _ in entries():
        skip(number(count_format))
        shape = [lengths[number(count_format)] for _ in range(number(count_format))]
        skip_attributes()
        size = SIZES[number(">I")]
        number(count_format)  # the size that the header states: wrong above 4 GiB, so it is worked out
        has_records = bool(shape) and shape[0] == 0
        size *= math.prod(shape[1:] if has_records else shape)
        begin = number(offset_format)
        if has_records:
            parts.append((begin, size))
        else:
            fixed_ends.append(begin + size)
    if not parts or records == 0 or records in STREAMING:
        return max(fixed_ends)
    stride = parts[0][1] if len(parts) == 1 else sum(-(-size // 4) * 4 for _, size in parts)
    return max(*fixed_ends, *(begin + (records - 1) * stride + size for begin, size in parts))
