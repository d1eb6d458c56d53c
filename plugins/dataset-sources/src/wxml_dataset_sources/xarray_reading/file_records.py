"""The record of a data file in the provenance: its size, and the SHA-256 of a bounded sample of its bytes."""

__all__ = ["Contents", "contents_of", "file_record", "stamp_of", "unreadable"]

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePath
from stat import S_ISREG
from typing import Any

from wxml.errors import DataError

BLOCK = 16 * 2**10
"""Bytes of one block of a sample."""
BLOCKS = 16
"""Blocks of the sample of one file; a file that is not longer than all of them is read whole."""
CHUNKS = 16
"""So many chunks of a zarr store are sampled."""
ZARR_METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")


@dataclass(frozen=True, slots=True)
class Contents:
    """The files that one name stands for: a file itself, or all files in a folder, which is a zarr store."""

    path: str
    """The file or folder as it was named."""
    is_folder: bool
    files: tuple[tuple[str, os.stat_result], ...]
    """The path of each file below the folder (empty for a file itself), with its status; sorted by path."""

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(status.st_size for _, status in self.files)

    def path_of(self, name: str) -> str:
        """The path that opens the file `name`."""
        return os.path.join(self.path, name) if self.is_folder else self.path


def contents_of(path: str) -> Contents:
    """List a file, or the files in a folder and its subfolders.

    Raises:
        OSError: it cannot be listed.
    """
    if not os.path.isdir(path):
        return Contents(path, False, (("", os.stat(path)),))
    return Contents(path, True, tuple(sorted(_inside(path), key=lambda file: file[0])))


def _inside(path: str) -> Iterator[tuple[str, os.stat_result]]:
    for folder, _, names in os.walk(path, onerror=_refuse):
        below = PurePath(folder).relative_to(path).as_posix()
        for name in names:
            with suppress(OSError):  # a link to nothing
                status = os.stat(os.path.join(folder, name))
                if S_ISREG(status.st_mode):
                    yield name if below == "." else f"{below}/{name}", status


def _refuse(error: OSError) -> None:
    raise error


def file_record(path: str) -> dict[str, Any]:
    """The name as it was given, the size in bytes, and the SHA-256 of a sample, which reads a bounded number of bytes.

    The sample of a file is 16 blocks of 16 KiB at equal distances, the first and the last bytes among them. The sample
    of a zarr store is the name and the size of every file in it, the whole of its metadata, and the samples of 16 of
    its chunks. No time is in the record, so a copy has the record of its original.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        contents = contents_of(path)
        digest = _store_sample(contents) if contents.is_folder else _sample(path, contents.size)
    except OSError as error:
        raise unreadable(path, error) from error
    return {"name": path, "bytes": contents.size, "sample_sha256": digest}


def stamp_of(paths: Iterable[str]) -> str:
    """A hash of the times at which each file was last written, those in zarr stores included.

    Raises:
        DataError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            files = contents_of(path).files
        except OSError as error:
            raise unreadable(path, error) from error
        for name, status in files:
            digest.update(f"{json.dumps([name, status.st_mtime_ns])}\n".encode())
    return digest.hexdigest()


def unreadable(path: str, error: OSError) -> DataError:
    """The error for a file that was opened before and cannot be read now."""
    return DataError(f"`{path}` cannot be read: {error.strerror}", fix="check that it is still there")


def _sample(path: str, size: int) -> str:
    """The SHA-256 of the blocks that begin at i (size - BLOCK) / (BLOCKS - 1), i = 0 … BLOCKS - 1, or of all bytes."""
    with open(path, "rb") as file:
        if size <= BLOCK * BLOCKS:
            return hashlib.sha256(file.read(BLOCK * BLOCKS)).hexdigest()
        digest = hashlib.sha256()
        for number in range(BLOCKS):
            file.seek((size - BLOCK) * number // (BLOCKS - 1))
            digest.update(file.read(BLOCK))
    return digest.hexdigest()


def _store_sample(contents: Contents) -> str:
    """The SHA-256 of the lines `[name, size, SHA-256]` of all files; that of a chunk outside of the sample is null."""
    chunks = [name for name, _ in contents.files if not _is_metadata(name)]
    sampled = {chunks[(len(chunks) - 1) * number // (CHUNKS - 1)] for number in range(CHUNKS)} if chunks else set()
    digest = hashlib.sha256()
    for name, status in contents.files:
        own = None
        if _is_metadata(name):
            with open(contents.path_of(name), "rb") as file:
                own = hashlib.file_digest(file, "sha256").hexdigest()
        elif name in sampled:
            own = _sample(contents.path_of(name), status.st_size)
        digest.update(f"{json.dumps([name, status.st_size, own])}\n".encode())
    return digest.hexdigest()


def _is_metadata(name: str) -> bool:
    return name.rpartition("/")[2] in ZARR_METADATA
