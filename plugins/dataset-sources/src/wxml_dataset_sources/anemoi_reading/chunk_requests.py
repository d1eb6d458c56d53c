"""Chunks of a store on another machine: one request for each, or for a part of it."""

__all__ = ["ChunkRequests"]

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from wxml.data.fetching import fetching

from wxml_dataset_sources.anemoi_reading.chunk_files import ChunkFiles
from wxml_dataset_sources.anemoi_reading.unpacking import UNPACKERS, Room
from wxml_dataset_sources.remote.address import Remote
from wxml_dataset_sources.remote.requests import requests_to


@dataclass(frozen=True, slots=True, eq=False)
class ChunkRequests:
    """The chunks of an array at an address, which have one codec at most; see `ChunkFiles`."""

    remote: Remote
    folder: str
    """The name of the array."""
    key: Callable[[tuple[int, ...]], str]
    sizes: tuple[int, ...]
    dtype: np.dtype[Any]
    codec: str

    @classmethod
    def of(cls, remote: Remote, folder: str, array: "zarr.Array[Any]") -> "ChunkRequests | None":
        """Those of an array of a store; None if zarr alone can unpack them."""
        files = ChunkFiles.of(folder, array)
        if files is None:
            return None
        return cls(remote, folder, files.key, files.sizes, files.dtype, files.codec)

    def fill(self, numbers: tuple[int, ...], room: Room) -> None:
        """Write the values of a whole chunk to `room`, an array in one piece.

        Raises:
            FileNotFoundError: the server says that the chunk is not there.
            DataError: the request failed in another way.
            ValueError: the chunk is damaged, or cut short.
            RuntimeError: likewise.
        """
        UNPACKERS[self.codec](self._bytes(numbers, None, None), room)

    def values(self, numbers: tuple[int, ...], first: int, stop: int) -> Room:
        """The values of a whole chunk, whichever of them are asked for; see `fill`."""
        found = np.empty(self.sizes, self.dtype)
        self.fill(numbers, found)
        return found

    @property
    def has_ranges(self) -> bool:
        """Whether `fill_range` may be called."""
        return self.codec == "none"

    def fill_range(self, numbers: tuple[int, ...], first: int, room: Room) -> None:
        """Write the values from number `first` on of a chunk that is not packed to `room`; see `fill`."""
        start = first * room.itemsize
        end = start + room.nbytes
        found = self._bytes(numbers, start, end)
        UNPACKERS["none"](found[start:end] if len(found) > room.nbytes else found, room)  # some servers send all of it

    def _bytes(self, numbers: tuple[int, ...], start: int | None, end: int | None) -> bytes:
        requests, name = requests_to(self.remote), self.key(numbers)
        with fetching:
            found = requests.run(requests.get(self.remote.below(f"{self.folder}/{name}"), start, end))
        if found is None:
            raise FileNotFoundError(name)
        return found
