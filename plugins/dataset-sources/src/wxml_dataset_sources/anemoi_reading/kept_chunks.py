"""Chunks of which a part was asked for, unpacked so far: sources that are joined ask for other parts next."""

__all__ = ["KeptChunk", "RecentChunks"]

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Final

import numpy as np
from wxml.data.aligned import aligned

from wxml_dataset_sources.anemoi_reading.opened_file import OpenedFile
from wxml_dataset_sources.anemoi_reading.unpacking import Room

KEPT_BYTES: Final = 2**23
"""Of a larger chunk, one is kept."""

Fill = Callable[[OpenedFile, int, int, Room], None]
"""Writes the values of the blocks from one number up to another to an array in one piece of just their size."""


class KeptChunk:
    """The values of a chunk, of which some blocks are there."""

    def __init__(self, sizes: tuple[int, ...], dtype: np.dtype[Any], block: int, fill: Fill) -> None:
        """A chunk of some lengths, of which nothing is there; `block` are the bytes of a block."""
        self.values = aligned(sizes, dtype)
        self._flat = self.values.reshape(-1)
        self._block = block // dtype.itemsize
        self._fill = fill
        self._there = [False] * -(-self._flat.size // self._block)
        self._given = self._there.copy()
        """Whether a block was unpacked for somebody, and not kept."""
        self._lock = Lock()

    def require(self, file: OpenedFile, first: int, stop: int) -> None:
        """Have those values there that come from number `first` up to `stop`, in the order in memory."""
        with self._lock:
            lacking = [n for n in range(first // self._block, -(-stop // self._block)) if not self._there[n]]
            if not lacking:
                return
            begin, end = lacking[0], lacking[-1] + 1
            self._fill(file, begin, end, self._flat[begin * self._block : end * self._block])
            self._there[begin:end] = [True] * (end - begin)

    def fill_range(self, file: OpenedFile, first: int, room: Room) -> None:
        """Write the values from number `first` on, in the order in memory, to `room`, an array in one piece.

        Where at least half of the blocks are asked for whole, these are unpacked there at once, and not kept, unless
        they are asked for again.
        """
        values, stop = room.reshape(-1), first + room.size
        begin, end = -(-first // self._block), len(self._there) if stop == self._flat.size else stop // self._block
        touched = -(-stop // self._block) - first // self._block
        if 2 * (end - begin) < touched or not self._gives(begin, end):
            self._copy(file, first, stop, values)
            return
        low, high = begin * self._block, min(end * self._block, self._flat.size)
        self._fill(file, begin, end, values[low - first : high - first])
        self._copy(file, first, low, values[: low - first])
        self._copy(file, high, stop, values[high - first :])

    def _gives(self, begin: int, end: int) -> bool:
        """Whether no block from `begin` up to `end` is there or was given before; they are given then."""
        with self._lock:
            if begin >= end or any(self._there[begin:end]) or any(self._given[begin:end]):
                return False
            self._given[begin:end] = [True] * (end - begin)
            return True

    def _copy(self, file: OpenedFile, first: int, stop: int, values: Room) -> None:
        """Write the values from number `first` up to `stop` to `values`, from blocks that are kept."""
        if first < stop:
            self.require(file, first, stop)
            values[...] = self._flat[first:stop]


class RecentChunks:
    """The last chunks of which a part was asked for."""

    def __init__(self) -> None:
        self._chunks: dict[Hashable, KeptChunk] = {}
        self._lock = Lock()

    def of(self, key: Hashable, make: Callable[[], KeptChunk]) -> KeptChunk:
        """The chunk with a key, made where it is not kept; those that no longer fit are let go."""
        with self._lock:
            found = self._chunks.get(key)
            if found is None:
                found = self._chunks[key] = make()
                while len(self._chunks) > 1 and len(self._chunks) * found.values.nbytes > KEPT_BYTES:
                    del self._chunks[next(iter(self._chunks))]
            return found
