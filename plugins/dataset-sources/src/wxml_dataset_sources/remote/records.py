"""The record of a remote store in the provenance: the hash of its metadata and of the beginnings of some chunks."""

__all__ = ["sampled_chunks", "store_record", "store_stamp"]

import asyncio
import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wxml_dataset_sources.remote.address import Remote
from wxml_dataset_sources.remote.documents import Documents
from wxml_dataset_sources.remote.requests import Requests, requests_to

SAMPLED = 16
"""So many chunks are sampled."""
BEGINNING = 16 * 2**10
"""Bytes from the beginning of each."""


def store_record(remote: Remote, documents: Documents) -> dict[str, Any]:
    """The address, the bytes of the metadata, and the SHA-256 of the metadata and of a sample of chunks.

    The sample is the first 16 KiB of 16 chunks at equal distances among those that the metadata describe, or that one
    is not there. Nothing of it depends on the server, so a copy elsewhere has the same sample.

    Raises:
        DataError: a request failed.
    """
    requests, keys = requests_to(remote), sampled_chunks(documents)
    digest = hashlib.sha256(documents.version.encode())
    for key, start in zip(keys, requests.run(_beginnings(requests, keys)), strict=True):
        own = None if start is None else hashlib.sha256(start[:BEGINNING]).hexdigest()
        digest.update(f"{json.dumps([key, own])}\n".encode())
    size = sum(map(len, documents.by_key.values()))
    return {"name": remote.shown, "bytes": size, "sample_sha256": digest.hexdigest()}


def store_stamp(remote: Remote, documents: Documents) -> str:
    """What the server says of the metadata and of the sampled chunks that changes with them: sizes, ETags, dates.

    Raises:
        DataError: a request failed.
    """
    requests = requests_to(remote)
    addresses = [*documents.fetched, *map(remote.below, sampled_chunks(documents))]
    found = requests.run(_infos(requests, addresses))
    said = [info and [info["size"], info["version"]] for info in found]
    return json.dumps([documents.version, said])


async def _beginnings(requests: Requests, keys: Sequence[str]) -> list[bytes | None]:
    below = requests.remote.below
    return list(await asyncio.gather(*(requests.get(below(key), 0, BEGINNING) for key in keys)))


async def _infos(requests: Requests, addresses: Sequence[str]) -> list[Mapping[str, Any] | None]:
    return list(await asyncio.gather(*(requests.info(address) for address in addresses)))


def sampled_chunks(documents: Documents, count: int = SAMPLED) -> list[str]:
    """The keys of so many chunks at equal distances among all chunks of all arrays, in the order of their names."""
    grids = [(path, document, _counts(document)) for path, document in documents.arrays.items()]
    totals = [math.prod(counts) for _, _, counts in grids]
    ends = list(itertools.accumulate(totals))
    if not ends or not ends[-1]:
        return []
    positions = sorted({(ends[-1] - 1) * number // (count - 1) for number in range(count)})
    return list(_keys_at(grids, ends, positions))


def _keys_at(
    grids: Sequence[tuple[str, Mapping[str, Any], tuple[int, ...]]], ends: Sequence[int], positions: Sequence[int]
) -> Iterator[str]:
    for position in positions:
        number = next(number for number, end in enumerate(ends) if position < end)
        path, document, counts = grids[number]
        own, index = position - (ends[number] - math.prod(counts)), []
        for count in reversed(counts):
            own, place = divmod(own, count)
            index.append(str(place))
        yield f"{path}/" * bool(path) + _chunk_key(document, index[::-1])


def _counts(document: Mapping[str, Any]) -> tuple[int, ...]:
    """The number of chunks along each dimension; chunks of a shard count as one."""
    grid = document.get("chunk_grid") or {}
    sizes = document.get("chunks") or grid.get("configuration", {}).get("chunk_shape") or ()
    return tuple(-(-length // max(size, 1)) for length, size in zip(document["shape"], sizes, strict=False))


def _chunk_key(document: Mapping[str, Any], index: Sequence[str]) -> str:
    if "chunks" in document:
        return document.get("dimension_separator", ".").join(index) or "0"
    encoding = document.get("chunk_key_encoding") or {}
    said = encoding.get("configuration") or {} if isinstance(encoding, Mapping) else {}
    if (encoding if isinstance(encoding, str) else encoding.get("name")) == "v2":
        return said.get("separator", ".").join(index) or "0"
    return str(said.get("separator", "/").join(["c", *index]))
