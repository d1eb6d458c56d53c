"""How the chunks of a zarr array lie in its store: which part of the array each key holds."""

__all__ = ["Part", "StoredArray"]

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Part = tuple[tuple[int, int], ...]
"""The first position and the one after the last along each dimension."""
EMPTY = 2**64 - 1
"""The offset and the length of an inner chunk that is not in a shard (zarr sharding-indexed codec, version 1.0)."""
ENTRY = 16
"""Bytes of an offset and a length."""
CHECKSUM = 4


@dataclass(frozen=True, slots=True)
class StoredArray:
    """The metadata of one array, as far as its chunks are concerned."""

    shape: tuple[int, ...]
    sizes: tuple[int, ...]
    """The length along each dimension of what one key holds: a chunk or a shard."""
    separator: str
    prefix: str
    """What stands before the numbers of a chunk in its key."""
    uses_blosc: bool
    """Whether blosc makes the bytes of a chunk; in shards, of an inner one."""
    is_axis: bool = False
    """Whether it is the coordinate of its only dimension."""
    inner: tuple[int, ...] | None = None
    """The lengths of the inner chunks of a shard; None without shards."""
    has_checksum: bool = False
    """Whether a checksum stands behind the index of a shard."""
    index_first: bool = False
    """Whether the index stands at the start of a shard."""
    is_little: bool = True
    """Whether the numbers of the index are little-endian."""

    @classmethod
    def of(cls, document: Mapping[str, Any], *, is_axis: bool = False) -> "StoredArray":
        """Read a document of format 2 or 3.

        Raises:
            ValueError: shards are packed, transposed, or within shards.
        """
        shape = tuple(document["shape"])
        if "chunks" in document:
            codecs = [*(document.get("filters") or []), document.get("compressor")]
            separator = document.get("dimension_separator", ".")
            return cls(shape, tuple(document["chunks"]), separator, "", _ends_with_blosc(codecs), is_axis)
        sizes = tuple(document["chunk_grid"]["configuration"]["chunk_shape"])
        separator, prefix = _naming(document.get("chunk_key_encoding") or "default")
        codecs = document.get("codecs") or []
        if "sharding_indexed" not in map(_name, codecs):
            return cls(shape, sizes, separator, prefix, _ends_with_blosc(codecs), is_axis)
        said = codecs[0].get("configuration") or {} if isinstance(codecs[0], Mapping) else {}
        if len(codecs) > 1 or "sharding_indexed" in map(_name, said.get("codecs") or []):
            raise ValueError("its shards are packed, transposed, or within shards, which is not read")
        return cls(
            shape,
            sizes,
            separator,
            prefix,
            _ends_with_blosc(said.get("codecs") or []),
            is_axis,
            tuple(said["chunk_shape"]),
            "crc32c" in map(_name, said.get("index_codecs") or []),
            said.get("index_location") == "start",
            all((codec.get("configuration") or {}).get("endian") != "big" for codec in said.get("index_codecs") or []),
        )

    @property
    def index_bytes(self) -> int:
        """The length of the index of a shard."""
        return ENTRY * math.prod(self._counts()) + CHECKSUM * self.has_checksum

    def part(self, key: str) -> Part | None:
        """The part of the array under a key, which is relative to the array; None if the key is that of no chunk."""
        numbers = re.sub(f"^{re.escape(self.prefix)}{re.escape(self.separator)}?", "", key) if self.prefix else key
        found = [int(number) for number in numbers.split(self.separator) if number.isdigit()]
        if len(self.shape) == 0:
            return ()
        if len(found) != len(self.shape):
            return None
        return self._within((number * size, size) for number, size in zip(found, self.sizes, strict=True))

    def absent_in(self, shard: Part, index: bytes) -> list[Part]:
        """The parts of the array whose inner chunks are not in a shard, by its index."""
        numbers = np.unravel_index(np.flatnonzero(self._entries(index)[:, 0] == EMPTY), self._counts())
        inner = self.inner or ()
        starts = [first + each * size for (first, _), each, size in zip(shard, numbers, inner, strict=True)]
        parts = (self._within(zip(map(int, start), inner, strict=True)) for start in zip(*starts, strict=True))
        return [part for part in parts if all(first < last for first, last in part)]

    def ranges_in(self, index: bytes) -> list[tuple[int, int]]:
        """The offset and the length of each inner chunk that is in a shard."""
        entries = self._entries(index)
        return [(int(first), int(length)) for first, length in entries[entries[:, 0] != EMPTY]]

    def _entries(self, index: bytes) -> NDArray[np.uint64]:
        """The index as `[inner chunk, offset and length]`."""
        length = self.index_bytes - CHECKSUM * self.has_checksum
        return np.frombuffer(index[:length], "<u8" if self.is_little else ">u8").reshape(-1, 2)

    def _counts(self) -> tuple[int, ...]:
        """The number of inner chunks of a shard along each dimension."""
        return tuple(size // each for size, each in zip(self.sizes, self.inner or self.sizes, strict=True))

    def _within(self, spans: Iterable[tuple[int, int]]) -> Part:
        """The part that begins so and is so long along each dimension, cut at the end of the array."""
        return tuple((first, min(first + size, end)) for (first, size), end in zip(spans, self.shape, strict=True))


def _naming(encoding: Any) -> tuple[str, str]:
    """The separator and the prefix of the keys of format 3."""
    said = (encoding.get("configuration") or {}) if isinstance(encoding, Mapping) else {}
    if _name(encoding) == "v2":
        return said.get("separator", "."), ""
    return said.get("separator", "/"), "c"


def _name(entry: Any) -> str:
    name = entry if isinstance(entry, str) else entry.get("id") or entry.get("name")
    return str(name).removeprefix("numcodecs.")


def _ends_with_blosc(codecs: Iterable[Any]) -> bool:
    there = [codec for codec in codecs if codec is not None]
    return bool(there) and _name(there[-1]) == "blosc"
