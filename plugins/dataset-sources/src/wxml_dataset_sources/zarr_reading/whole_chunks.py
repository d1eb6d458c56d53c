"""Refuses zarr chunks that were cut short, where the library would decode what lies behind them in memory."""

__all__ = ["WholeChunks", "check_frame"]

import json
from typing import Any

from zarr.abc.store import ByteRequest, RangeByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import WrapperStore

METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
HEADER = 16
"""Bytes of the header of blosc; the last four are the length of the whole (c-blosc, README_CHUNK_FORMAT.rst)."""


class WholeChunks(WrapperStore[Store]):
    """A store whose chunks are whole: blosc itself believes the length in their header.

    `get` raises a ValueError for a chunk that is shorter or longer than that, and for a range that came short.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._uses_blosc: dict[str, bool] = {}

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The bytes under a key, or some of them; None if nothing is there."""
        found = await self._store.get(key, prototype, byte_range)
        if found is None or key.rpartition("/")[2] in METADATA:
            return found
        if isinstance(byte_range, RangeByteRequest) and len(found) < byte_range.end - byte_range.start:
            raise ValueError(f"the chunk {key!r} is cut short: it ends before byte {byte_range.end}")
        if (byte_range is None or isinstance(byte_range, RangeByteRequest)) and await self._is_blosc(key, byte_range):
            check_frame(key, found.as_numpy_array()[:HEADER].tobytes(), len(found))
        return found

    async def _is_blosc(self, key: str, byte_range: ByteRequest | None) -> bool:
        """Whether these bytes are what blosc made: a chunk, or a range of a shard."""
        array = key
        while array:
            array = array.rpartition("/")[0]
            if array not in self._uses_blosc:
                self._uses_blosc |= await self._codecs(array)
            if array in self._uses_blosc:
                return self._uses_blosc[array]
        return False

    async def _codecs(self, array: str) -> dict[str, bool]:
        """Whether blosc comes last in this array; empty if it is none."""
        for name in (".zarray", "zarr.json"):
            found = await self._store.get(f"{array}/{name}" if array else name, default_buffer_prototype())
            document = {} if found is None else json.loads(found.to_bytes())
            if "shape" in document:
                return {array: _is_blosc_last(document)}
        return {}


def check_frame(key: str, header: bytes, length: int) -> None:
    """Raise a ValueError if `header`, the first 16 bytes of what blosc made, does not tell this length."""
    told = int.from_bytes(header[12:16], "little")
    if len(header) < HEADER or told != length:
        raise ValueError(f"the chunk {key!r} is damaged or cut short: it has {length} bytes, and tells {told}")


def _is_blosc_last(document: dict[str, Any]) -> bool:
    """Whether blosc makes the bytes of a chunk; for a sharded array, of a chunk in a shard."""
    if "compressor" in document or "filters" in document:
        codecs = [*(document.get("filters") or []), document.get("compressor")]
    else:
        codecs = document.get("codecs") or []
    codecs = [codec for codec in codecs if codec is not None]
    if not codecs:
        return False
    last = codecs[-1]
    name = last if isinstance(last, str) else last.get("id") or last.get("name")
    if name == "sharding_indexed":
        return _is_blosc_last(last.get("configuration") or {})
    return str(name).removeprefix("numcodecs.") == "blosc"
