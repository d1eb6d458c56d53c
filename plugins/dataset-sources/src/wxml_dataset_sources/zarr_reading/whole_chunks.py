"""Refuses zarr chunks that were cut short, where the library would decode what lies behind them in memory."""

__all__ = ["WholeChunks", "check_frame"]

import json
from collections.abc import Callable
from typing import Any

import numpy as np
from wxml.data.fetching import fetching
from zarr.abc.store import ByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import WrapperStore

from wxml_dataset_sources.zarr_reading.absent_chunks import AbsentChunks
from wxml_dataset_sources.zarr_reading.stored_arrays import StoredArray

METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
HEADER = 16
"""Bytes of the header of blosc; the last four are the length of the whole (c-blosc, README_CHUNK_FORMAT.rst)."""


class WholeChunks(WrapperStore[Store]):
    """A store whose chunks are whole, as blosc itself believes the length in their header; it notes those not there.

    `get` raises a ValueError for a chunk that is shorter or longer than that, and for a range that came short.
    """

    def __init__(self, store: Store, check: Callable[[str], None] | None = None) -> None:
        """Read from `store`; `check` raises a DataError for the key of a chunk that is not what it was.

        Axes are not checked: who has read one does not need it again, and adding dates writes all of them again.
        """
        super().__init__(store)
        self._check = check
        self._arrays: dict[str, StoredArray] = {}
        self.absent = AbsentChunks()
        """What was asked for, and is not there."""

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The bytes under a key, or some of them; None if nothing is there."""
        with fetching:
            found = await self._store.get(key, prototype, byte_range)
        if key.rpartition("/")[2] in METADATA:
            return found
        name = await self._array_of(key)
        if name is None:
            return found
        if self._check is not None and not self._arrays[name].is_axis:
            self._check(key)
        self._look(name, key, byte_range, found)
        return found

    def _look(self, name: str, key: str, byte_range: ByteRequest | None, found: Buffer | None) -> None:
        """Check what was found, and note what is not there."""
        array = self._arrays[name]
        part = array.part(key[len(name) + 1 :] if name else key)
        if found is None:
            self.absent.note(name, key, [] if part is None else [part])
            return
        if isinstance(byte_range, RangeByteRequest) and len(found) < byte_range.end - byte_range.start:
            raise ValueError(f"the chunk {key!r} is cut short: it ends before byte {byte_range.end}")
        index = _index(array, byte_range, found)
        if index is not None and part is not None:
            self.absent.note(name, key, array.absent_in(part, index))
            if byte_range is None and array.uses_blosc:
                _check_frames(key, array.ranges_in(index), found)
            return
        if array.inner is None:
            self.absent.note(name, key, [])
        if array.uses_blosc and (byte_range is None or isinstance(byte_range, RangeByteRequest)):
            check_frame(key, found[:HEADER].to_bytes(), len(found))

    async def _array_of(self, key: str) -> str | None:
        """The path of the array that a chunk is of; its metadata are read once."""
        array = key
        while array:
            array = array.rpartition("/")[0]
            if array not in self._arrays:
                document = await self._document(array)
                if document is not None:
                    self._arrays[array] = document
            if array in self._arrays:
                return array
        return None

    async def _document(self, array: str) -> StoredArray | None:
        for name in (".zarray", "zarr.json"):
            document = await self._parsed(f"{array}/{name}" if array else name)
            if "shape" in document:
                attributes = await self._parsed(f"{array}/.zattrs") if name == ".zarray" and array else {}
                dims = attributes.get("_ARRAY_DIMENSIONS") or document.get("dimension_names")
                return StoredArray.of(document, is_axis=dims == [array])
        return None

    async def _parsed(self, key: str) -> dict[str, Any]:
        found = await self._store.get(key, default_buffer_prototype())
        return {} if found is None else json.loads(found.to_bytes())


def check_frame(key: str, header: bytes, length: int) -> None:
    """Raise a ValueError if `header`, the first 16 bytes of what blosc made, does not tell this length."""
    told = int.from_bytes(header[12:16], "little")
    if len(header) < HEADER or told != length:
        raise ValueError(f"the chunk {key!r} is damaged or cut short: it has {length} bytes, and tells {told}")


def _check_frames(key: str, ranges: list[tuple[int, int]], shard: Buffer) -> None:
    """Check each inner chunk of a shard that was read whole."""
    data = np.asarray(shard.as_numpy_array())
    for offset, length in ranges:
        check_frame(key, data[offset : offset + HEADER].tobytes(), min(length, max(len(data) - offset, 0)))


def _index(array: StoredArray, byte_range: ByteRequest | None, found: Buffer) -> bytes | None:
    """The index of a shard, if it is among the bytes that were read."""
    if array.inner is None:
        return None
    length = array.index_bytes
    match byte_range:
        case None:
            return (found[:length] if array.index_first else found[len(found) - length :]).to_bytes()
        case RangeByteRequest(0, end) if array.index_first and end == length:
            return found.to_bytes()
        case SuffixByteRequest(suffix) if not array.index_first and suffix == length:
            return found.to_bytes()
    return None
