"""A snapshot of an Icechunk repository as the chunks of a zarr store, whose metadata were checked."""

__all__ = ["Snapshot", "snapshot_of", "snapshot_record"]

import asyncio
import hashlib
import json
import os
from functools import lru_cache
from typing import Any

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from wxml_dataset_sources.icechunk_reading.library import library, library_error
from wxml_dataset_sources.icechunk_reading.repository import IcechunkAt, opened_repository
from wxml_dataset_sources.remote.documents import Documents, checked_documents
from wxml_dataset_sources.remote.records import BEGINNING, sampled_chunks

DOCUMENT = "zarr.json"


class Snapshot:
    """The chunks of a snapshot; see `Chunks`."""

    def __init__(self, at: IcechunkAt) -> None:
        """Read and check the metadata of the arrays at the root.

        Raises:
            DataError: the snapshot is not there, cannot be read, or its metadata name what would run code.
        """
        self._at, self._errors = at, (library(at.shown).IcechunkError, ValueError)
        repository = opened_repository(at.shown, at.remote)
        try:
            self._store = repository.readonly_session(snapshot_id=at.snapshot).store
        except self._errors as error:
            raise library_error(at.shown, f"the snapshot {at.snapshot!r}", error) from error
        self.documents = Documents(checked_documents(at.shown, sync(self._found())), {})

    async def get(self, key: str, start: int | None, end: int | None) -> bytes | None:
        """See `Chunks.get`."""
        return await self._bytes(key, _range(start, end))

    async def _found(self) -> dict[str, bytes]:
        """The metadata of the root and of what is right below it, by their keys."""
        try:
            names = [name async for name in self._store.list_dir("")]
        except self._errors as error:
            raise library_error(self._at.shown, "the list of arrays", error) from error
        keys = [DOCUMENT, *(f"{name}/{DOCUMENT}" for name in names if name != DOCUMENT)]
        texts = await asyncio.gather(*map(self._bytes, keys))
        return {key: text for key, text in zip(keys, texts, strict=True) if text is not None}

    async def _bytes(self, key: str, wanted: ByteRequest | None = None) -> bytes | None:
        try:
            found = await self._store.get(key, default_buffer_prototype(), wanted)
        except self._errors as error:
            raise library_error(self._at.shown, f"the chunk {key!r}", error) from error
        return None if found is None else found.to_bytes()


def snapshot_of(at: IcechunkAt) -> Snapshot:
    """The snapshot, opened once in each process; see `Snapshot`."""
    return _snapshot(at, os.getpid())


@lru_cache(maxsize=8)
def _snapshot(at: IcechunkAt, process: int) -> Snapshot:
    return Snapshot(at)


def snapshot_record(at: IcechunkAt) -> dict[str, Any]:
    """The name, the snapshot, the bytes of the metadata, and the SHA-256 of these and of 16 KiB of 16 chunks.

    Raises:
        DataError: a chunk cannot be read.
    """
    snapshot = snapshot_of(at)
    digest = hashlib.sha256(snapshot.documents.version.encode())
    for key, start in sync(_beginnings(snapshot)):
        own = None if start is None else hashlib.sha256(start[:BEGINNING]).hexdigest()
        digest.update(f"{json.dumps([key, own])}\n".encode())
    size = sum(map(len, snapshot.documents.by_key.values()))
    return {"name": at.shown, "snapshot": at.snapshot, "bytes": size, "sample_sha256": digest.hexdigest()}


async def _beginnings(snapshot: Snapshot) -> list[tuple[str, bytes | None]]:
    keys = sampled_chunks(snapshot.documents)
    return list(zip(keys, await asyncio.gather(*(snapshot.get(key, 0, BEGINNING) for key in keys)), strict=True))


def _range(start: int | None, end: int | None) -> ByteRequest | None:
    """The ends of a slice as a range of zarr."""
    if start is None:
        return None
    if start < 0:
        return SuffixByteRequest(-start)
    return OffsetByteRequest(start) if end is None else RangeByteRequest(start, end)
