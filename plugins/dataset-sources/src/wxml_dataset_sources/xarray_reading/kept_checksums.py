"""Checksums of files, kept for the next command."""

__all__ = ["KeptChecksums"]

import re
from pathlib import Path

from wxml_dataset_sources.xarray_reading.cache_table import CacheTable, as_place

MOST = 100_000
"""The file keeps the checksums of so many files, those that were computed last."""
TABLE = "CREATE TABLE IF NOT EXISTS checksums (place TEXT PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL)"
PUT = "INSERT OR REPLACE INTO checksums VALUES (?, ?, ?)"
GET = "SELECT sha256 FROM checksums WHERE place = ? AND stamp = ?"
FORGET = "DELETE FROM checksums WHERE rowid <= (SELECT max(rowid) FROM checksums) - ?"


class KeptChecksums:
    """The SHA-256 of each file by its place and its stamp, which changes with the file.

    If the SQLite file cannot be read or written, or is damaged, one warning says so, and nothing is kept.
    """

    def __init__(self, path: Path) -> None:
        self._table = CacheTable(path, TABLE, "the checksums of the data", "the next command reads the data again")

    def get(self, place: str, stamp: str) -> str | None:
        """The checksum of the file at `place`; None if it is not kept, or the file had another stamp then."""
        rows = self._table.run([(GET, (as_place(place), stamp))]) if self._table.exists() else []
        found = rows[0][0] if rows else None
        return found if isinstance(found, str) and re.fullmatch("[0-9a-f]{64}", found) else None

    def keep(self, place: str, stamp: str, digest: str) -> None:
        """Keep the checksum of the file at `place` instead of its earlier one."""
        self._table.run([(PUT, (as_place(place), stamp, digest)), (FORGET, (MOST,))])
