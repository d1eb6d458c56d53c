"""The record of a unit of dates: its moments, and the size and checksum of each of its files.

A record is written after the files of the unit, in one step. So a unit whose record is whole is done, whenever the
process was killed.
"""

__all__ = ["UnitRecord", "read_record", "write_record"]

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import Moments

FIELDS = ("weight", "mean", "squares", "minimum", "maximum", "missing")


@dataclass(frozen=True, slots=True, eq=False)
class UnitRecord:
    """What is known of a unit that is written."""

    files: Mapping[str, tuple[int, str]]
    """Name from the root of the store on → its bytes and their SHA-256."""
    moments: Mapping[str, Moments]
    """Name of a set, such as `area` or `area_change_21600`, → the moments `[date, variable]`; those of a
    change belong to its later date."""
    unknown: Mapping[str, tuple[int, ...]]
    """Name of a tendency → the dates of the unit, from 0 on, whose change is not computed yet."""

    @property
    def is_closed(self) -> bool:
        """Whether every change is computed."""
        return not any(self.unknown.values())


def record_file(folder: Path, unit: int) -> Path:
    """The file of the record of a unit."""
    return folder / f"{unit:08d}.record"


def write_record(folder: Path, unit: int, record: UnitRecord) -> None:
    """Write a record, in one step.

    Raises:
        OSError: it cannot be written.
    """
    block = np.stack([[getattr(one, name) for name in FIELDS] for one in record.moments.values()]).astype("<f8")
    payload = block.tobytes()
    header = {
        "shape": block.shape,
        "sets": list(record.moments),
        "files": record.files,
        "unknown": record.unknown,
        "sha256": hashlib.sha256(payload).hexdigest(),
    }
    target = record_file(folder, unit)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        temporary.write_bytes(json.dumps(header).encode() + b"\n" + payload)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def read_record(folder: Path, unit: int, store: Path) -> UnitRecord | None:
    """Read the record of a unit; None if it is not there, is damaged, or its files have other sizes."""
    try:
        first, _, payload = record_file(folder, unit).read_bytes().partition(b"\n")
        header = json.loads(first)
        if hashlib.sha256(payload).hexdigest() != header["sha256"]:
            return None
        files = {name: (int(size), str(digest)) for name, (size, digest) in header["files"].items()}
        if any(os.path.getsize(store / name) != size for name, (size, _) in files.items()):
            return None
        block = np.frombuffer(payload, "<f8").reshape(header["shape"])
        unknown = {name: tuple(places) for name, places in header["unknown"].items()}
        return UnitRecord(files, dict(zip(header["sets"], map(_moments, block), strict=True)), unknown)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _moments(block: NDArray[np.float64]) -> Moments:
    """The moments from an array `[field, date, variable]`."""
    return Moments.from_arrays(dict(zip(FIELDS, block, strict=True)))


def file_checksum(path: Path) -> tuple[int, str]:
    """The bytes of a file and their SHA-256.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        digest: Any = hashlib.file_digest(file, "sha256")
        return os.fstat(file.fileno()).st_size, digest.hexdigest()
