"""Whether a file is still the one that it was: by its size, its times and its inode."""

__all__ = ["fingerprint_of_files", "has_settled", "stamp_of_contents"]

import hashlib
import json
import time
from collections.abc import Iterable
from typing import Any

from wxml.data.fingerprint import fingerprint_of

from wxml_dataset_sources.xarray_reading.file_records import Contents, contents_of, unreadable


def fingerprint_of_files(paths: Iterable[str], *options: Any) -> str:
    """A hash of names, sizes, times and inodes of the files, and of options as JSON values; reads none of their bytes.

    Another file in the place of one has another inode or another time of its last change, which nobody can set back.

    Raises:
        DataError: a file cannot be read.
    """
    stamps = []
    for path in paths:
        try:
            stamps.append([path, stamp_of_contents(contents_of(path))])
        except OSError as error:
            raise unreadable(path, error) from error
    return fingerprint_of(stamps, *options)


def stamp_of_contents(contents: Contents) -> str:
    """A hash that changes with the name, the size, the times or the inode of any file."""
    digest = hashlib.sha256()
    for name, status in contents.files:
        row = [name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        digest.update(f"{json.dumps(row)}\n".encode())
    return digest.hexdigest()


def has_settled(contents: Contents, seconds: float) -> bool:
    """Whether the last change of a file is longer ago than `seconds`, so that the next one will have another time."""
    latest = max((max(status.st_mtime_ns, status.st_ctime_ns) for _, status in contents.files), default=0)
    return time.time() - latest / 1e9 > seconds
