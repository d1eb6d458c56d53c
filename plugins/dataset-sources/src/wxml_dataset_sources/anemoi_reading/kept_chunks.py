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
