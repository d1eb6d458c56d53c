"""Whether a zarr store on this machine is as it was when it was found: its metadata, and each chunk that is read."""

__all__ = ["FoundArray", "check_chunk", "found_array", "version_of_store"]

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wxml.files.json_loader import LONGEST, load_json

from wxml_dataset_sources.written_again import written_again

DOCUMENTS = ("zarr.json", ".zarray", ".zattrs")


def check_chunk(store: str, key: str, found: int) -> None:
    """Refuse a chunk that was written since the store was found, or is not there and may have been there.

    Args:
        store: the folder.
        key: the chunk.
        found: when the store was found, in nanoseconds.

    Raises:
        DataError: the file, or the folder that it would be in, has changed.
    """
    changed = _last_change(os.path.join(store, key))
    while changed is None and key:
        key = key.rpartition("/")[0]
        changed = _last_change(os.path.join(store, key))
    if changed is None or changed > found:
        raise written_again(store)


def _last_change(place: str) -> int | None:
    """When a file or folder changed, in nanoseconds, which nobody can set back; None if it is not there."""
    try:
        return os.stat(place).st_ctime_ns
    except (FileNotFoundError, NotADirectoryError):
        return None


@dataclass(frozen=True, slots=True)
class FoundArray:
    """An array of a store on this machine as it was found; safe to pickle."""

    store: str
    name: str
    time: int
    """When it was found, in nanoseconds."""
    written: int
    """When its metadata were written, in nanoseconds."""
    version: str
    """A hash of its metadata, but for its lengths."""

    def check_same(self) -> None:
        """Raise a DataError if its metadata are others now; it may be longer."""
        if _version([os.path.join(self.store, self.name)]) != self.version:
            raise written_again(self.store)


def found_array(store: str, name: str, found: int, written: int) -> FoundArray:
    """An array with the metadata that it has now; see `FoundArray`."""
    return FoundArray(store, name, found, written, _version([os.path.join(store, name)]))


def version_of_store(path: str) -> str:
    """A hash of the metadata of the arrays in a store, but for their lengths: dates may be added while it is read."""
    return _version(sorted(entry.path for entry in os.scandir(path) if entry.is_dir()))


def _version(folders: Iterable[str]) -> str:
    """A hash of the metadata of arrays."""
    digest = hashlib.sha256()
    for folder in folders:
        for name in DOCUMENTS:
            file = os.path.join(folder, name)
            if os.path.isfile(file) and os.path.getsize(file) <= LONGEST:
                digest.update(json.dumps([file, _without_length(Path(file).read_bytes())]).encode())
    return digest.hexdigest()


def _without_length(text: bytes) -> str:
    """A document with its keys sorted, and without what changes when an array grows."""
    try:
        document = load_json(text.decode())
    except ValueError:
        return text.hex()
    kept = {key: value for key, value in document.items() if key != "shape"} if isinstance(document, dict) else document
    return json.dumps(kept, sort_keys=True)
