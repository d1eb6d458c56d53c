"""Blocks of what blosc made, which are read and unpacked without the others.

What blosc makes is a header of 16 bytes, the place of each block in 4 bytes, and the blocks, each packed for itself
(c-blosc, README_CHUNK_FORMAT.rst). Some blocks with a header of their own are such a thing again.
"""

__all__ = ["BloscBlocks"]

import struct
from typing import Final, NamedTuple, Self

import numpy as np

from wxml_dataset_sources.anemoi_reading.opened_file import OpenedFile
from wxml_dataset_sources.anemoi_reading.scratch import ALIGNMENT, scratch
from wxml_dataset_sources.anemoi_reading.unpacking import Room, unpack_blosc

HEADER: Final = struct.Struct("<4B3I")
"""Versions of the format and of the codec, flags, size of a value; bytes of the values, of a block, and of it all."""
COPIED: Final = 2
"""The flag of values that are not packed, and have no blocks."""
AT_ONCE: Final = 4096
"""So many bytes are read first: the header, and the places of a thousand blocks."""


class BloscBlocks(NamedTuple):
    """The places of the blocks in a file."""

    kind: tuple[int, int, int, int]
    values: int
    """The bytes of all values, and of those of a block."""
    block: int
    length: int
    starts: tuple[int, ...]

    @classmethod
    def of(cls, file: OpenedFile, values: int) -> Self | None:
        """Those of a file that should hold so many bytes of values; None if it has no blocks.

        Raises:
            ValueError: it is cut short or damaged.
        """
        known = np.empty(min(AT_ONCE, file.size), np.uint8)
        file.read_into(known, 0)
        if len(known) < HEADER.size:
            raise ValueError(f"it has {file.size} bytes")
        *kind, size, block, length = HEADER.unpack_from(known.data)
        if (size, length) != (values, file.size):
            raise ValueError(f"it has {file.size} bytes of {length}, for {size} bytes of values of {values}")
        if kind[2] & COPIED or not 0 < block < size:
            return None
        count = -(-size // block)
        head = HEADER.size + 4 * count
        if head > len(known):
            known = np.empty(min(head, file.size), np.uint8)
            file.read_into(known, 0)
        if head > len(known):
            raise ValueError(f"it has {file.size} bytes, and {count} blocks")
        starts = struct.unpack_from(f"<{count}I", known.data, HEADER.size)
        if min(starts) < head or max(starts) >= length:
            raise ValueError(f"it has {file.size} bytes, and blocks beyond them")
        return cls((kind[0], kind[1], kind[2], kind[3]), size, block, length, starts)

    def fill(self, file: OpenedFile, first: int, stop: int, room: Room) -> None:
        """Unpack the blocks from number `first` up to `stop` into `room`, an array in one piece of just their size.

        Raises:
            ValueError: the file is cut short or damaged.
            RuntimeError: likewise.
        """
        # alone, a last block that is shorter than the others would be taken for a whole one
        if first == len(self.starts) - 1 and self.values % self.block:
            whole = np.empty(self._size(first - 1, stop), np.uint8)
            self.fill(file, first - 1, stop, whole)
            room[...] = whole[self.block :].view(room.dtype).reshape(room.shape)
            return
        starts = self.starts[first:stop]
        begin, last = min(starts), max(starts)
        end = min((start for start in self.starts if start > last), default=self.length)
        head = HEADER.size + 4 * len(starts)
        before = -head % ALIGNMENT
        packed = scratch.lent(before + head + end - begin)[before:]
        HEADER.pack_into(packed.data, 0, *self.kind, self._size(first, stop), self.block, len(packed))
        struct.pack_into(f"<{len(starts)}I", packed.data, HEADER.size, *(start - begin + head for start in starts))
        file.read_into(packed[head:], begin)
        unpack_blosc(packed, room)

    def _size(self, first: int, stop: int) -> int:
        """The bytes of the values of some blocks."""
        return min(stop * self.block, self.values) - first * self.block
