"""Whether a file is still the one that it was: by its size, its times and its inode."""

__all__ = ["has_settled", "stamp_of_contents"]

import hashlib
import json
import time

from wxml_dataset_sources.xarray_reading.file_records import Contents


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
