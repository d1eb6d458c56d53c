"""Chunks read straight from their files.

zarr takes about 0.3 ms a read beside the work on the bytes, nearly as much as unpacking takes; see `docs/benchmarks`.
What is packed in another way than those here, such as shards, is left to zarr.
"""

__all__ = ["ChunkFiles"]

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import zarr

from wxml_dataset_sources.anemoi_reading.blosc_blocks import BloscBlocks
from wxml_dataset_sources.anemoi_reading.kept_chunks import KeptChunk, RecentChunks
from wxml_dataset_sources.anemoi_reading.opened_file import OpenedFile, opened_file
from wxml_dataset_sources.anemoi_reading.scratch import scratch
from wxml_dataset_sources.anemoi_reading.unpacking import UNPACKERS, Room

PLAIN_BLOCK: Final = 2**16
"""The bytes of a block of values that are not packed."""


@dataclass(frozen=True, slots=True, eq=False)
class ChunkFiles:
    """The files of an array whose chunks have one codec at most."""

    folder: str
    key: Callable[[tuple[int, ...]], str]
    """Gives the name of the file of a chunk."""
    sizes: tuple[int, ...]
    """The length of a chunk along each axis."""
    dtype: np.dtype[Any]
    codec: str
    kept: RecentChunks

    @classmethod
    def of(cls, folder: str, array: "zarr.Array[Any]") -> "ChunkFiles | None":
        """Those of an array in a folder; None if zarr alone can unpack them."""
        codec = _codec(array)
        is_native = array.dtype.isnative and array.shards is None
        if codec not in UNPACKERS or not is_native:
            return None
        return cls(folder, array.metadata.encode_chunk_key, array.chunks, array.dtype, codec, RecentChunks())

    def fill(self, numbers: tuple[int, ...], room: Room) -> None:
        """Write the values of a whole chunk to `room`, an array in one piece.

        Raises:
            FileNotFoundError: the chunk is not there.
            OSError: it cannot be read.
            ValueError: it is damaged, or cut short.
            RuntimeError: likewise.
        """
        with opened_file(self._file(numbers)) as file:
            self._fill_all(file, room)

    def values(self, numbers: tuple[int, ...], first: int, stop: int) -> Room:
        """The values of a chunk, of which those from number `first` up to `stop` are there; not to be written to.

        They are counted in the order in memory; see also `fill`.
        """
        with opened_file(self._file(numbers)) as file:
            chunk = self._kept(numbers, file)
            chunk.require(file, first, stop)
        return chunk.values

    @property
    def has_ranges(self) -> bool:
        """Whether `fill_range` may be called."""
        return self.codec in ("none", "blosc")

    def fill_range(self, numbers: tuple[int, ...], first: int, room: Room) -> None:
        """Write the values from number `first` on of a chunk to `room`; see `fill`."""
        with opened_file(self._file(numbers)) as file:
            if self.codec == "none":
                self._check_plain(file)
                file.read_into(room, first * room.itemsize)
            else:
                self._kept(numbers, file).fill_range(file, first, room)

    def _kept(self, numbers: tuple[int, ...], file: OpenedFile) -> KeptChunk:
        """A chunk, with what is there of it."""
        return self.kept.of((numbers, file.identity), lambda: self._unread(file))

    def _unread(self, file: OpenedFile) -> KeptChunk:
        """A chunk of which nothing is there yet."""
        if self.codec == "blosc":
            blocks = BloscBlocks.of(file, self._bytes)
            if blocks is not None and not blocks.block % self.dtype.itemsize:
                return KeptChunk(self.sizes, self.dtype, blocks.block, blocks.fill)
        elif self.codec == "none":
            self._check_plain(file)
            return KeptChunk(self.sizes, self.dtype, PLAIN_BLOCK, _fill_plain)
        return KeptChunk(
            self.sizes, self.dtype, self._bytes, lambda file, first, stop, room: self._fill_all(file, room)
        )

    def _fill_all(self, file: OpenedFile, room: Room) -> None:
        if self.codec == "none":
            self._check_plain(file)
            file.read_into(room, 0)
            return
        packed = scratch.lent(file.size)
        file.read_into(packed, 0)
        UNPACKERS[self.codec](packed, room)

    def _check_plain(self, file: OpenedFile) -> None:
        """Raise a ValueError if a chunk that is not packed has another size."""
        if file.size != self._bytes:
            raise ValueError(f"it has {file.size} bytes of values, and should have {self._bytes}")

    @property
    def _bytes(self) -> int:
        """The bytes of the values of a chunk."""
        return math.prod(self.sizes) * self.dtype.itemsize

    def _file(self, numbers: tuple[int, ...]) -> str:
        return f"{self.folder}/{self.key(numbers)}"


def _fill_plain(file: OpenedFile, first: int, stop: int, room: Room) -> None:
    file.read_into(room, first * PLAIN_BLOCK)


def _codec(array: "zarr.Array[Any]") -> str:
    """The name of the one codec of the chunks: `none` if they are not packed, `several` if there is more."""
    metadata = array.metadata
    if metadata.zarr_format == 2:
        if metadata.filters or metadata.order != "C":
            return "several"
        return "none" if metadata.compressor is None else str(getattr(metadata.compressor, "codec_id", "several"))
    first, *others = (codec.to_dict() for codec in metadata.codecs)
    configuration: Any = first.get("configuration", {})
    if first["name"] != "bytes" or configuration.get("endian", "little") != "little" or len(others) > 1:
        return "several"
    return str(others[0]["name"]) if others else "none"
