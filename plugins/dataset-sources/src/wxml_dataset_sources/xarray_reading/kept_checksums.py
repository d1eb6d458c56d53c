"""Checksums of files in an SQLite file, which several processes may use at once."""

__all__ = ["KeptChecksums"]

import logging
import os
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

LOG = logging.getLogger("wxml")
MOST = 100_000
"""The file keeps the checksums of so many files, those that were computed last."""
PATIENCE = 30.0
"""Seconds to wait for another process that writes."""
TABLE = "CREATE TABLE IF NOT EXISTS checksums (place TEXT PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL)"
PUT = "INSERT OR REPLACE INTO checksums VALUES (?, ?, ?)"
GET = "SELECT sha256 FROM checksums WHERE place = ? AND stamp = ?"
FORGET = "DELETE FROM checksums WHERE rowid <= (SELECT max(rowid) FROM checksums) - ?"


class KeptChecksums:
    """The SHA-256 of each file by its place and its stamp, which changes with the file.

    If the SQLite file cannot be read or written, or is damaged, one warning says so, and nothing is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._usable = True

    def get(self, place: str, stamp: str) -> str | None:
        """The checksum of the file at `place`; None if it is not kept, or the file had another stamp then."""
        rows = self._run([(GET, (_text(place), stamp))]) if os.path.exists(self._path) else []
        found = rows[0][0] if rows else None
        return found if isinstance(found, str) and re.fullmatch("[0-9a-f]{64}", found) else None

    def keep(self, place: str, stamp: str, digest: str) -> None:
        """Keep the checksum of the file at `place` instead of its earlier one."""
        self._run([(PUT, (_text(place), stamp, digest)), (FORGET, (MOST,))])

    def _run(self, statements: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any]:
        """Run the statements in one transaction; the rows of the last one."""
        if not self._usable:
            return []
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=PATIENCE)) as connection, connection:
                return [connection.execute(*one).fetchall() for one in ((TABLE, ()), *statements)][-1]
        except (OSError, sqlite3.Error) as error:
            self._usable = False
            LOG.warning(
                "the checksums of the data cannot be kept in %s (%s), so the next command reads the data again; if the "
                "file is damaged, remove it",
                self._path,
                error,
            )
            return []


def _text(place: str) -> str:
    """The place as text that SQLite takes: a name that is not Unicode has escapes."""
    return place.encode(errors="backslashreplace").decode()
