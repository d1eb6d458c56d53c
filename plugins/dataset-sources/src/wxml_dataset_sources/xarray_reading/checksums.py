"""The SHA-256 of all bytes of data files, computed once and kept for the next command."""

__all__ = ["ChecksumsInBackground", "checksums"]

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO

from wxml.files.folders import cache_folder
from wxml.files.lock import locked
from wxml.terminal import Progress

from wxml_dataset_sources.xarray_reading.file_records import Contents, contents_of, unreadable
from wxml_dataset_sources.xarray_reading.file_stamps import has_settled, stamp_of_contents
from wxml_dataset_sources.xarray_reading.kept_checksums import KeptChecksums

MEBIBYTE = 2**20
WORTH_TELLING = 1024
"""Mebibytes; the progress of shorter work is not shown."""
SETTLED = 2.0
"""Seconds; a file that was changed so short a time ago may change again without a new time."""


def checksums(paths: Sequence[str]) -> list[str]:
    """The SHA-256 of all bytes of each file or zarr store.

    That of a store is the SHA-256 of the lines `SHA-256  name` of all files in it, sorted by name.

    `checksums.sqlite` in the cache folder keeps the results. A file whose path, size, times and inode are those of its
    last checksum is not read again; every other one is read whole. Each result is kept as soon as its file is done.

    Raises:
        DataError: a file cannot be read.
    """
    kept = KeptChecksums(cache_folder() / "checksums.sqlite")
    listed = {path: _listed(path) for path in paths}
    found = {path: kept.get(_place(path), stamp_of_contents(contents)) for path, contents in listed.items()}
    missing = [path for path, digest in found.items() if digest is None]
    total = sum(listed[path].size for path in missing) // MEBIBYTE
    shown = Progress("checksums of the data", total, unit="MiB") if total >= WORTH_TELLING else None
    read = _Counted(shown)
    try:
        new = {path: _new_checksum(path, kept, read) for path in missing}
    finally:
        if shown:
            shown.close()
    return [found[path] or new[path] for path in paths]


class ChecksumsInBackground:
    """Checksums that a thread computes while the data are used; it ends with the process."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Begin at once; see `checksums`."""
        self._paths = paths
        self._outcome: list[str] | Exception = []
        self._thread = threading.Thread(target=self._compute, name="wxml-checksums", daemon=True)
        self._thread.start()

    def result(self) -> list[str]:
        """Wait for the checksums.

        Raises:
            DataError: a file cannot be read.
        """
        self._thread.join()
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def _compute(self) -> None:
        try:
            self._outcome = checksums(self._paths)
        except Exception as error:  # noqa: BLE001  # told where the result is needed
            self._outcome = error


class _Counted:
    """Reads files, and shows how many mebibytes of all it has read."""

    def __init__(self, shown: Progress | None) -> None:
        self._shown, self._bytes = shown, 0

    def digest(self, path: str) -> str:
        """The SHA-256 of a file."""
        digest = hashlib.sha256()
        with open(path, "rb", buffering=0) as file:
            for block in _blocks(file):
                digest.update(block)
                self._bytes += len(block)
                if self._shown:
                    self._shown.update(self._bytes // MEBIBYTE)
        return digest.hexdigest()


def _blocks(file: BinaryIO) -> Iterable[bytes]:
    return iter(lambda: file.read(MEBIBYTE), b"")


def _new_checksum(path: str, kept: KeptChecksums, read: _Counted) -> str:
    """The checksum that another process has computed by now, else that of all bytes; kept if the file has settled."""
    place = _place(path)
    name = hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()[:16]
    with locked(cache_folder() / f"checksum-{name}.lock"):
        contents = _listed(path)
        stamp = stamp_of_contents(contents)
        if found := kept.get(place, stamp):
            return found
        try:
            digest = _digest(contents, read.digest)
        except OSError as error:
            raise unreadable(path, error) from error
        if has_settled(contents, SETTLED) and stamp_of_contents(_listed(path)) == stamp:
            kept.keep(place, stamp, digest)
        return digest


def _digest(contents: Contents, digest_of: Callable[[str], str]) -> str:
    if not contents.is_folder:
        return digest_of(contents.path)
    lines = [f"{digest_of(contents.path_of(name))}  {name}\n" for name, _ in contents.files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _listed(path: str) -> Contents:
    try:
        return contents_of(path)
    except OSError as error:
        raise unreadable(path, error) from error


def _place(path: str) -> str:
    return os.path.realpath(path)
