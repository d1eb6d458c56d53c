"""Copies of remote files in the cache folder, kept as long as the server says that the file is the same."""

__all__ = ["Copy", "copied"]

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from wxml.errors import DataError
from wxml.files.cache_bound import keep_within_limit, lock_of, mark_used
from wxml.files.folders import cache_folder
from wxml.files.lock import locked
from wxml.files.staging import staged
from wxml.terminal import Progress

from wxml_dataset_sources.remote.address import Remote
from wxml_dataset_sources.remote.requests import Requests, requests_to

PART = 8 * 2**20
"""Bytes of one request; a file is fetched in as many requests as it has parts, some at once."""
AT_ONCE = 8
WORTH_TELLING = 64 * 2**20
"""Bytes; the progress of a shorter file is not shown."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a remote file on this machine."""

    remote: Remote
    path: str
    """The copy; it has the file's name."""
    version: str
    """What the server says of the file that changes with it; the size if it says nothing else."""


def copied(remote: Remote, longest: int | None = None) -> Copy | None:
    """A copy of the file at `remote`, made now unless it is there from before; None if there is no such file.

    Args:
        remote: the file.
        longest: the most bytes that it may have; None for any.

    A copy is kept below `remote-files` in the cache folder by its address, its size and what the server says that
    changes with it (an ETag, a date). Without any of these, it is fetched by every command. Copies that no process uses
    are removed, the longest unused first, where all together take more than `WXML_CACHE_GIB`.

    Raises:
        DataError: a request failed, the file is longer than `longest`, it changed while it was fetched, the disk is
            full, or `WXML_CACHE_GIB` is no number.
    """
    requests = requests_to(remote)
    info = requests.run(requests.info(remote.address))
    if info is None or info["type"] == "directory":
        return None
    if longest is not None and (info["size"] or 0) > longest:
        raise DataError(
            f"`{remote.shown}` has {info['size']} bytes, and may have {longest >> 20} MiB",
            fix="write references for fewer files",
        )
    version = json.dumps([info["size"], info["version"]])
    place = json.dumps([remote.shown, remote.options.endpoint, version if info["version"] else os.getpid()])
    folder = cache_folder() / "remote-files" / hashlib.sha256(place.encode()).hexdigest()[:24]
    target = folder / (remote.name or "file")
    with locked(lock_of(folder)):
        mark_used(folder)
        is_new = not target.is_file()
        if is_new:
            folder.mkdir(parents=True, exist_ok=True)
            with staged(target) as temporary:
                _fetch(requests, info, temporary)
                if requests.run(requests.info(remote.address)) != info:
                    raise DataError(
                        f"`{remote.shown}` was written again while it was fetched",
                        fix="wait until it is whole, and start again",
                    )
    if is_new:
        keep_within_limit(folder.parent)
    return Copy(remote, str(target), version)


def _fetch(requests: Requests, info: Mapping[str, Any], target: Path) -> None:
    """Write the file at the address of `requests` to `target`, and check that it has its size."""
    remote, size = requests.remote, info["size"]
    with open(target, "wb") as file, _shown(remote, size or 0) as shown:
        if size is None:
            file.write(requests.run(requests.get(remote.address)) or b"")
            return
        for start in range(0, size, AT_ONCE * PART):
            if requests.run(_fetch_parts(requests, start, size, file)):
                break
            shown(file.tell())
    if target.stat().st_size != size:
        raise DataError(
            f"`{remote.shown}` was cut short: {target.stat().st_size} of {size} bytes came", fix="try again later"
        )


async def _fetch_parts(requests: Requests, start: int, size: int, file: BinaryIO) -> bool:
    """Fetch some parts at once, and write them; return whether the server sent the whole file in place of a part."""
    address = requests.remote.address
    starts = range(start, min(start + AT_ONCE * PART, size), PART)
    if len(starts) == 1 and start == 0:
        file.write(await requests.get(address) or b"")
        return True
    if start == 0:
        first = await requests.get(address, 0, PART) or b""
        file.write(first)
        if len(first) > PART:
            return True
        starts = starts[1:]
    for data in await asyncio.gather(*(requests.get(address, at, min(at + PART, size)) for at in starts)):
        file.write(data or b"")
    return False


@contextmanager
def _shown(remote: Remote, size: int) -> Iterator[Any]:
    """A function that shows how many bytes of a long file have come."""
    if size < WORTH_TELLING:
        yield lambda done: None
        return
    progress = Progress(f"fetching {remote.name}", size >> 20, unit="MiB")
    try:
        yield lambda done: progress.update(done >> 20)
    finally:
        progress.close()
