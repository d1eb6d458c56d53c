"""A table in an SQLite file of the cache folder, which several processes may use at once."""

__all__ = ["FORGET", "GET", "HEADERS", "PUT", "SETTLED", "CacheTable", "as_place"]

import logging
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

LOG = logging.getLogger("wxml")
PATIENCE = 30.0
"""Seconds to wait for another process that writes."""
SETTLED: Final = 2.0
"""Seconds; a file that was changed so short a time ago may change again without a new time."""
HEADERS: Final = (
    "CREATE TABLE IF NOT EXISTS headers (place TEXT PRIMARY KEY, stamp TEXT NOT NULL, form INTEGER NOT NULL, "
    "content BLOB NOT NULL)"
)
"""Makes a table of what stands at the head of files; `form` numbers the ways to write that down."""
PUT: Final = "INSERT OR REPLACE INTO headers VALUES (?, ?, ?, ?)"
GET: Final = "SELECT content FROM headers WHERE place = ? AND stamp = ? AND form = ?"
FORGET: Final = "DELETE FROM headers WHERE rowid <= (SELECT max(rowid) FROM headers) - ?"


class CacheTable:
    """Runs statements on an SQLite file.

    If the file cannot be read or written, or is damaged, one warning says so, and nothing is kept.
    """

    def __init__(self, path: Path, table: str, kept: str, lost: str) -> None:
        """Make nothing yet.

        Args:
            path: the file.
            table: the statement that makes the table if it is not there.
            kept: what it keeps, for the warning.
            lost: what follows if it cannot, for the warning.
        """
        self._path, self._table, self._said = path, table, (kept, lost)
        self._usable = True

    def exists(self) -> bool:
        """Whether the file is there."""
        return os.path.exists(self._path)

    def run(self, statements: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any]:
        """Run the statements in one transaction; the rows of the last one."""
        return (self._all(statements) or [[]])[-1]

    def each(self, statement: str, parameters: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
        """The rows of the statement with each of the parameters; none at all if the file cannot be read."""
        return self._all([(statement, own) for own in parameters])[1:]

    def _all(self, statements: Sequence[tuple[str, tuple[Any, ...]]]) -> list[list[Any]]:
        """The rows of the statement that makes the table, and of each of the statements."""
        if not self._usable:
            return []
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=PATIENCE)) as connection, connection:
                return [connection.execute(*one).fetchall() for one in ((self._table, ()), *statements)]
        except (OSError, sqlite3.Error) as error:
            self._usable = False
            kept, lost = self._said
            LOG.warning(
                "%s cannot be kept in %s (%s), so %s; if the file is damaged, remove it", kept, self._path, error, lost
            )
            return []


def as_place(path: str) -> str:
    """The place of a file as text that SQLite takes: a name that is not Unicode has escapes."""
    return path.encode(errors="backslashreplace").decode()
