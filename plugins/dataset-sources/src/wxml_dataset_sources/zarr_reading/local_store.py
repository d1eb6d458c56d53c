"""Whether a zarr store on this machine is as it was when it was found: its metadata, and each chunk that is read."""

__all__ = ["check_chunk", "version_of_store"]

import hashlib
import json
import os
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
    root = Path(store)
    for place in (root / key, *(root / key).parents):
        try:
            changed = os.stat(place).st_ctime_ns  # nobody can set it back
        except (FileNotFoundError, NotADirectoryError):
            if place != root:
                continue
            break
        if changed > found:
            break
        return
    raise written_again(store)


def version_of_store(path: str) -> str:
    """A hash of the metadata of the arrays in a store, but for their lengths: dates may be added while it is read."""
    digest = hashlib.sha256()
    for folder in sorted(entry.path for entry in os.scandir(path) if entry.is_dir()):
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
