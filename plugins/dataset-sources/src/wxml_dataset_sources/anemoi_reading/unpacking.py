"""The codecs whose chunks are unpacked without zarr."""

__all__ = ["UNPACKERS", "Room", "unpack_blosc"]

import struct
from collections.abc import Callable
from threading import current_thread, main_thread
from typing import Any, Final

import numcodecs  # type: ignore[import-untyped]
import numpy as np
from numcodecs import blosc
from numpy.typing import NDArray

Room = NDArray[Any]
HEADER: Final = struct.Struct("<4xI4xI")
"""Of what blosc made: the bytes of the values, and of it all."""
Packed = bytes | NDArray[np.uint8]


def _plain(packed: Packed, room: Room) -> None:
    _written(packed, room)


def unpack_blosc(packed: Packed, room: Room) -> None:
    """Fill an array in one piece with the values in what blosc made.

    Raises:
        ValueError: it is cut short, or holds another number of values.
        RuntimeError: it is damaged.
    """
    size, length = HEADER.unpack(bytes(packed[: HEADER.size])) if len(packed) >= HEADER.size else (0, HEADER.size)
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


def _with(codec: str) -> Callable[[Packed, Room], None]:
    def unpack(packed: Packed, room: Room) -> None:
        _written(numcodecs.get_codec({"id": codec}).decode(packed), room)

    return unpack


def _written(values: Any, room: Room) -> None:
    found = np.frombuffer(values, room.dtype)
    if found.size != room.size:
        raise ValueError(f"it has {found.nbytes} bytes of values, and should have {room.nbytes}")
    room[...] = found.reshape(room.shape)


UNPACKERS: Final[dict[str, Callable[[Packed, Room], None]]] = {
    "none": _plain,
    "blosc": unpack_blosc,
    **{codec: _with(codec) for codec in ("zstd", "lz4", "zlib", "gzip")},
}
"""By the name of a codec what fills an array in one piece with the values in the bytes of a chunk."""
