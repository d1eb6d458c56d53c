"""The file `checksums.sha256` of a dataset: the SHA-256 of each of its other files, as `sha256sum` writes it."""

__all__ = ["CHECKSUMS", "checksum_of", "files_of", "read_checksums", "write_checksums"]

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wxml.errors import DataError

CHECKSUMS: Final = "checksums.sha256"
"""The last file that is written into a store."""


def files_of(store: Path, folder: str = "") -> set[str]:
    """The files of a store, or of a folder in it, by their names from the root of the store on."""
    found: set[str] = set()
    for here, _, names in os.walk(store / folder):
        start = os.path.relpath(here, store)
        found.update(names if start == "." else (f"{start}/{name}" for name in names))
    return found


def checksum_of(file: Path) -> str:
    """The SHA-256 of the bytes of a file.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_checksums(store: Path) -> dict[str, str] | None:
    """Name of a file → its SHA-256; None for a store without checksums.

    Raises:
        DataError: a line is not one that `sha256sum` writes.
    """
    path = store / CHECKSUMS
    if not path.exists():
        return None
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        match = re.fullmatch(r"([0-9a-f]{64})  (.+)", line)
        if match is None:
            raise DataError(
                f"line {number} of `{path}` holds no checksum: {line[:40]!r}",
                fix="copy the dataset again from where it was made, or delete the file",
            )
        found[match[2]] = match[1]
    return found


def write_checksums(store: Path, known: Mapping[str, str] | None = None) -> None:
    """Write the checksums of all files, in one step.

    Args:
        store: the folder of the store.
        known: checksums that need not be computed, by the name of the file.
    """
    there = {} if known is None else known
    names = sorted(files_of(store) - {CHECKSUMS})
    lines = [f"{there.get(name) or checksum_of(store / name)}  {name}\n" for name in names]
    temporary = store / f".{CHECKSUMS}"
    temporary.write_text("".join(lines), encoding="utf-8")
    temporary.replace(store / CHECKSUMS)
