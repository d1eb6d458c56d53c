"""Looks whether the global heaps of an HDF5 file end: the library reads one with zeros in it for ever.

Lists and texts of varying length in attributes, such as the dimensions of a NetCDF variable, lie in such heaps. Those
are looked at to which the headers of objects lead; values of variables are not read.

Layout: HDF5 File Format Specification version 3.0, III.E (global heap), III.G (fractal heap), IV.A.1 (object headers).
"""

__all__ = ["ADDRESS", "check_heaps"]

import mmap
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

HEAP: Final = b"GCOL"
LEADS_ON: Final = (b"FRHP", b"FHDB", b"FHIB", b"OCHK")
"""The signatures of what may hold addresses of heaps: fractal heaps of attributes, continued headers."""
CONTINUED: Final = 0x10
"""The type of the message of a header that says where it goes on."""
ADDRESS: Final = 8
"""Bytes of an address and of a length; a file with others is not looked at."""
BLOCK: Final = 4096
"""So many bytes behind an address are looked at; a block that is longer may have pointers that are not seen."""
START: Final = 16
"""Bytes before the first object of a heap."""
OBJECT: Final = 16
"""Bytes of the header of an object."""


def check_heaps(path: bytes, headers: Iterable[tuple[int, int]]) -> None:
    """Follow the addresses in the headers of objects to heaps, and look at these.

    Args:
        path: the file; its addresses count from its beginning, and have 8 bytes.
        headers: where the header of each object is, and how many bytes it has.

    Raises:
        ValueError: a heap does not end.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        waiting = list(headers)
        seen = {place for place, _ in waiting}
        while waiting:
            place, length = waiting.pop()
            block = data[place : place + length]
            continued = set(_continued(block))
            for found in continued.union(_pointers(block, len(data))) - seen:
                seen.add(found)
                signature = data[found : found + 4]
                if signature == HEAP:
                    _check_heap(data, found)
                elif signature in LEADS_ON or found in continued:
                    waiting.append((found, BLOCK))


def _pointers(block: bytes, size: int) -> list[int]:
    """The numbers at all places of a block that may be addresses in a file of this size."""
    if len(block) < ADDRESS:
        return []
    bytes_ = np.frombuffer(block, np.uint8)
    windows: NDArray[np.uint8] = np.lib.stride_tricks.sliding_window_view(bytes_, ADDRESS)
    numbers = np.ascontiguousarray(windows).view("<u8").ravel()
    found: list[int] = np.unique(numbers[(numbers > 0) & (numbers < size - START)]).tolist()
    return found


def _continued(block: bytes) -> Iterator[int]:
    """Where a header of version 1 goes on; nothing for one of version 2, whose continuations have a signature."""
    if len(block) < START or block[0] != 1 or block[1] != 0:
        return
    place, end = START, min(START + int.from_bytes(block[8:12], "little"), len(block))
    while place + 8 <= end:
        kind, length = (int.from_bytes(block[place + at : place + at + 2], "little") for at in (0, 2))
        if kind == CONTINUED and length >= ADDRESS:
            yield int.from_bytes(block[place + 8 : place + 8 + ADDRESS], "little")
        place += 8 + length


def _check_heap(data: mmap.mmap, start: int) -> None:
    """Go through the objects of a heap as the library does; raise a ValueError if that does not lead to its end."""
    size = int.from_bytes(data[start + 8 : start + START], "little")
    heap, place = data[start : start + min(size, len(data) - start)], START
    while place + OBJECT <= len(heap):
        number = int.from_bytes(heap[place : place + 2], "little")
        length = int.from_bytes(heap[place + 8 : place + OBJECT], "little")
        step = OBJECT + -(-length // 8) * 8 if number else length
        if not 0 < step <= len(heap) - place:
            raise ValueError(f"the heap at byte {start} does not end")
        place += step
