"""The files of references in tables: a folder on this machine, or one at an address, whose tables are copied here."""

__all__ = ["LONGEST", "METADATA", "FetchedFiles", "FolderFiles", "TableFiles"]

import asyncio
import hashlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from wxml_dataset_sources.remote.address import Remote
from wxml_dataset_sources.remote.copies import Copy, copied
from wxml_dataset_sources.remote.requests import requests_to
from wxml_dataset_sources.written_again import written_again
from wxml_dataset_sources.xarray_reading.file_records import contents_of, stamp_of

METADATA: Final = ".zmetadata"
LONGEST: Final = 512 * 2**20
"""The most bytes of one file."""
AT_ONCE: Final = 16
"""So many tables are copied at once, where all are wanted."""


class TableFiles(ABC):
    """The metadata and the tables as they were found; what is another one later is refused."""

    shown: str
    """The folder in messages."""

    @abstractmethod
    def metadata(self) -> str:
        """The path of the metadata on this machine."""

    @abstractmethod
    def expect(self, names: Sequence[str]) -> str:
        """Learn which of the tables are there; return a text that changes when one is written again."""

    @abstractmethod
    def table(self, name: str) -> tuple[str, int] | None:
        """The path of a table on this machine and when it was written there, in nanoseconds; None if it is not there.

        Raises:
            DataError: it is another one than when it was found, or cannot be fetched.
        """

    @abstractmethod
    def contents(self) -> Mapping[str, str]:
        """The path on this machine of each file by its name, sorted."""


class FolderFiles(TableFiles):
    """A folder on this machine."""

    def __init__(self, folder: str) -> None:
        self.shown = self._folder = folder
        self._written = {name: status.st_mtime_ns for name, status in contents_of(folder).files}
        self._stamp = stamp_of([folder])

    def metadata(self) -> str:
        """See `TableFiles`."""
        return os.path.join(self._folder, METADATA)

    def expect(self, names: Sequence[str]) -> str:
        """See `TableFiles`; all files of the folder are known already."""
        return self._stamp

    def table(self, name: str) -> tuple[str, int] | None:
        """See `TableFiles`."""
        file = os.path.join(self._folder, name)
        written = os.stat(file).st_mtime_ns if os.path.isfile(file) else None
        if written != self._written.get(name):
            raise written_again(self.shown)
        return None if written is None else (file, written)

    def contents(self) -> Mapping[str, str]:
        """See `TableFiles`."""
        return {name: os.path.join(self._folder, name) for name in sorted(self._written)}


class FetchedFiles(TableFiles):
    """A folder at an address; a table is fetched when it is asked for, and kept in the cache folder."""

    def __init__(self, remote: Remote) -> None:
        """Fetch the metadata; raise a DataError if they are not there or the request failed."""
        self.shown, self._remote = remote.shown, remote
        self._metadata, self._tables = self._fetched(METADATA), dict[str, Copy]()
        self._said: dict[str, str | None] = {}

    def metadata(self) -> str:
        """See `TableFiles`."""
        return self._metadata.path

    def expect(self, names: Sequence[str]) -> str:
        """See `TableFiles`; the server is asked for each."""
        found = requests_to(self._remote).run(self._infos(names))
        for name, info in zip(names, found, strict=True):
            self._said[name] = None if info is None else json.dumps([info["size"], info["version"]])
        text = json.dumps([self._metadata.version, self._said])
        return hashlib.sha256(text.encode()).hexdigest()

    def table(self, name: str) -> tuple[str, int] | None:
        """See `TableFiles`."""
        said = self._said.get(name)
        if said is None:
            return None
        if name not in self._tables:
            found = self._fetched(name)
            if found.version != said:
                raise written_again(self.shown)
            self._tables[name] = found
        return self._tables[name].path, 0

    def contents(self) -> Mapping[str, str]:
        """See `TableFiles`; all tables are fetched."""
        there = sorted(name for name, said in self._said.items() if said is not None)
        with ThreadPoolExecutor(AT_ONCE, "wxml-tables") as pool:
            found = zip(there, pool.map(self.table, there), strict=True)
            tables = {name: table[0] for name, table in found if table is not None}
        return dict(sorted({METADATA: self._metadata.path, **tables}.items()))

    def _fetched(self, name: str) -> Copy:
        found = copied(self._remote.at(self._remote.below(name)), LONGEST)
        if found is None:
            raise written_again(self.shown)
        return found

    async def _infos(self, names: Sequence[str]) -> list[Mapping[str, Any] | None]:
        requests = requests_to(self._remote)
        return list(await asyncio.gather(*(requests.info(self._remote.below(name)) for name in names)))
