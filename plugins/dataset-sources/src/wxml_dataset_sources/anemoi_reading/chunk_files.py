"""Chunks read straight from their files.

zarr takes about 0.3 ms a read beside the work on the bytes, nearly as much as unpacking takes; see `docs/benchmarks`.
What is packed in another way than those here, such as shards, is left to zarr.
"""

__all__ = ["UNPACKERS", "ChunkFiles", "Room"]

import math
import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock, current_thread, main_thread
from typing import Any, Final

import numcodecs  # type: ignore[import-untyped]
import numpy as np
import zarr
from numcodecs import blosc
from numpy.typing import NDArray

Room = NDArray[Any]
KEPT_BYTES: Final = 2**24
"""Of chunks that were read in part."""


def _plain(packed: bytes, room: Room) -> None:
    _written(packed, room)


def _blosc(packed: bytes, room: Room) -> None:
    size, length = (int.from_bytes(packed[first : first + 4], "little") for first in (4, 12))
    if (size, length) != (room.nbytes, len(packed)):  # blosc itself would read beyond the end of a file cut short
        raise ValueError(f"it has {len(packed)} bytes of {length}, for {size} bytes of values of {room.nbytes}")
    if current_thread() is not main_thread():
        blosc.decompress(packed, room)
        return
    threads, blosc.use_threads = blosc.use_threads, False  # they would wait for each other on a busy machine
    try:
        blosc.decompress(packed, room)
    finally:
        blosc.use_threads = threads


def _with(codec: str) -> Callable[[bytes, Room], None]:
    def unpack(packed: bytes, room: Room) -> None:
        _written(numcodecs.get_codec({"id": codec}).decode(packed), room)

    return unpack


def _written(values: Any, room: Room) -> None:
    found = np.frombuffer(values, room.dtype)
    if found.size != room.size:
        raise ValueError(f"it has {found.nbytes} bytes of values, and should have {room.nbytes}")
    room[...] = found.reshape(room.shape)


UNPACKERS: Final[dict[str, Callable[[bytes, Room], None]]] = {
    "none": _plain,
    "blosc": _blosc,
    **{codec: _with(codec) for codec in ("zstd", "lz4", "zlib", "gzip")},
}
"""By the name of a codec what fills an array in one piece with the values in the bytes of a chunk."""


class RecentChunks:
    """The last chunks of which a part was asked for: sources that are joined ask for the other parts next."""

    def __init__(self) -> None:
        self._values: dict[Hashable, Room] = {}
        self._lock = Lock()

    def get(self, key: Hashable) -> Room | None:
        """The values of a chunk, if they are kept."""
        return self._values.get(key)

    def add(self, key: Hashable, values: Room) -> None:
        """Keep the values of a chunk, and let go of those that no longer fit into `KEPT_BYTES`."""
        with self._lock:
            self._values[key] = values
            while len(self._values) * values.nbytes > KEPT_BYTES:
                del self._values[next(iter(self._values))]


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
    kept: "RecentChunks"

    @classmethod
    def of(cls, folder: str, array: zarr.Array[Any]) -> "ChunkFiles | None":
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
        with open(self._file(numbers), "rb", buffering=0) as file:
            if self.codec == "none" and os.fstat(file.fileno()).st_size == room.nbytes:
                if file.readinto(room.data.cast("B")) == room.nbytes:
                    return
                file.seek(0)
            UNPACKERS[self.codec](file.read(), room)

    def values(self, numbers: tuple[int, ...]) -> Room:
        """The values of a whole chunk, not to be written to; see `fill`."""
        status = os.stat(self._file(numbers))
        key = (numbers, status.st_ino, status.st_mtime_ns, status.st_size)
        found = self.kept.get(key)
        if found is None:
            found = np.empty(self.sizes, self.dtype)
            self.fill(numbers, found)
            self.kept.add(key, found)
        return found

    def fill_range(self, numbers: tuple[int, ...], first: int, room: Room) -> None:
        """Write the values from number `first` on of a chunk that is not packed to `room`; see `fill`."""
        with open(self._file(numbers), "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            whole = math.prod(self.sizes) * room.itemsize
            file.seek(first * room.itemsize)
            if size != whole or file.readinto(room.data.cast("B")) != room.nbytes:
                raise ValueError(f"a chunk has {size} bytes, and should have {whole}")

    def _file(self, numbers: tuple[int, ...]) -> str:
        return f"{self.folder}/{self.key(numbers)}"


def _codec(array: zarr.Array[Any]) -> str:
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
