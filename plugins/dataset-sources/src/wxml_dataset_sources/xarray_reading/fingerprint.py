"""Size and hash of a file or a zarr store."""

__all__ = ["fingerprint"]

import hashlib
import os
from pathlib import Path
from typing import Any

from wxml.errors import DataError


def fingerprint(path: str) -> dict[str, Any]:
    """The name as it was given, the size in bytes, and the SHA-256 of the contents.

    A folder's hash is that of the lines `hash  relative/name`, sorted by name, of all files in it.
    """
    files = _files(Path(path))
    try:
        size = sum(file.stat().st_size for file in files)
        if not os.path.isdir(path):
            return {"name": path, "bytes": size, "sha256": _hash(files[0])}
        lines = [f"{_hash(file)}  {file.relative_to(path).as_posix()}\n" for file in files]
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror}", fix="check that it is still there") from error
    return {"name": path, "bytes": size, "sha256": hashlib.sha256("".join(lines).encode()).hexdigest()}


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted((file for file in path.rglob("*") if file.is_file()), key=lambda file: file.as_posix())


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
