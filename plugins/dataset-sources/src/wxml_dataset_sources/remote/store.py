"""A remote zarr store that is open for reading: checked metadata from memory, chunks through requests."""

__all__ = ["ChunkFiles", "Chunks", "RemoteStore", "raise_concurrency"]

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

import zarr
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype

from wxml_dataset_sources.remote.address import Remote
from wxml_dataset_sources.remote.documents import Documents
from wxml_dataset_sources.remote.requests import requests_to

METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")


class Chunks(Protocol):
    """Where the chunks of a store come from."""

    async def get(self, key: str, start: int | None, end: int | None) -> bytes | None:
        """The bytes of a chunk, or some of them as in `data[start:end]`; None if there is no such chunk.

        Raises:
            DataError: it cannot be told, or the chunk cannot be read.
        """


class ChunkFiles:
    """Chunks that are files below one address."""

    def __init__(self, remote: Remote) -> None:
        self._remote, self._requests = remote, requests_to(remote)

    async def get(self, key: str, start: int | None, end: int | None) -> bytes | None:
        """See `Chunks.get`; a server that ignores ranges and sends the whole file does no harm."""
        work = self._requests.get(self._remote.below(key), start, end)
        data = await self._requests.elsewhere(work)
        if data is None or start is None:
            return data
        wanted = -start if start < 0 else None if end is None else end - start
        return data[start:end] if wanted is not None and len(data) > wanted else data


class RemoteStore(Store):
    """A store whose metadata are in memory, as they were checked, and whose chunks are fetched when asked for.

    Only a chunk that the server says is not there is missing; every other failure is a DataError. Chunks of arrays of
    one dimension, which are coordinates, are kept.
    """

    supports_writes = supports_deletes = supports_partial_writes = False
    supports_listing = True

    def __init__(self, documents: Documents, chunks: Chunks) -> None:
        """Open the store with its metadata and the place that its chunks come from."""
        super().__init__(read_only=True)
        self._documents, self._chunks = documents, chunks

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        """The bytes under a key, or some of them; None if nothing is there."""
        if key.rpartition("/")[2] in METADATA:
            data = self._documents.by_key.get(key)
        elif byte_range is None and self._documents.is_axis(key):
            data = await self._axis(key)
        else:
            data = await self._chunks.get(key, *_range(byte_range))
        return None if data is None else prototype.buffer.from_bytes(data)

    async def _axis(self, key: str) -> bytes | None:
        kept = self._documents.axes
        if key not in kept:
            kept[key] = await self._chunks.get(key, None, None)
        return kept[key]

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Several of these, one after the other."""
        return [await self.get(key, prototype, wanted) for key, wanted in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether there are metadata under a key, or a chunk."""
        if key.rpartition("/")[2] in METADATA:
            return key in self._documents.by_key
        return await self._chunks.get(key, None, None) is not None

    async def set(self, key: str, value: Buffer) -> None:
        """Refused: the store is read."""
        self._check_writable()

    async def delete(self, key: str) -> None:
        """Refused: the store is read."""
        self._check_writable()

    async def list(self) -> AsyncIterator[str]:
        """The keys of the metadata."""
        for key in sorted(self._documents.by_key):
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """The keys of the metadata that begin with `prefix`."""
        for key in sorted(self._documents.by_key):
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """The names of the metadata and nodes right below `prefix`."""
        start = f"{prefix.rstrip('/')}/" if prefix.rstrip("/") else ""
        below = (key.removeprefix(start) for key in self._documents.by_key if key.startswith(start))
        for name in sorted({key.partition("/")[0] for key in below}):
            yield name


def raise_concurrency(requests: int) -> None:
    """Let zarr work on twice as many chunks as are asked for at once, in all of this process; a higher number stays.

    While some chunks are decoded, others are on their way.
    """
    if zarr.config.get("async.concurrency") < 2 * requests:
        zarr.config.set({"async.concurrency": 2 * requests})


def _range(wanted: ByteRequest | None) -> tuple[int | None, int | None]:
    """A range of zarr as the ends of a slice."""
    match wanted:
        case None:
            return None, None
        case RangeByteRequest(start, end):
            return start, end
        case OffsetByteRequest(offset):
            return offset, None
        case SuffixByteRequest(length):
            return -length, None
    raise ValueError(f"no such range: {wanted}")
