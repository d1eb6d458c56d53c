"""References as kerchunk writes them: a JSON file that says where in other files the chunks of a zarr store lie.

Or tables; see `reference_tables`.

Specification: https://fsspec.github.io/kerchunk/spec.html (versions 0 and 1). The JSON is data: templates are names
that stand for a text, and nothing in it is evaluated.
"""

__all__ = ["References", "ReferencesAt", "references_in_tables", "references_of", "references_record"]

import asyncio
import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from wxml.errors import DataError

from wxml_dataset_sources.remote.address import PROTOCOLS, Remote, is_address, remote_of
from wxml_dataset_sources.remote.documents import Documents, checked_documents
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.remote.records import BEGINNING, sampled_chunks
from wxml_dataset_sources.remote.reference_tables import ReferenceTables, TableError
from wxml_dataset_sources.remote.requests import Requests, requests_to
from wxml_dataset_sources.remote.table_files import LONGEST, FetchedFiles, FolderFiles, TableFiles
from wxml_dataset_sources.written_again import written_again
from wxml_dataset_sources.xarray_reading.file_records import stamp_of

METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup")
KEPT = 8
"""So many references are kept in memory."""
MAKE_AGAIN = "make the references again: plain ones, with addresses written out, as `kerchunk.combine` does"


@dataclass(frozen=True, slots=True)
class ReferencesAt:
    """A file of references on this machine, perhaps a copy of a remote one, or a folder of them; safe to pickle."""

    path: str
    """Empty for a folder on another machine."""
    shown: str
    """As messages have it."""
    version: str
    """Changes with its content."""
    remote: Remote | None
    """Where it comes from, if from another machine: then no file of this machine is read through it."""
    options: StorageOptions

    def tables(self) -> TableFiles | None:
        """The files of a folder of tables; None for JSON."""
        if not self.path and self.remote is not None:
            return FetchedFiles(self.remote)
        return FolderFiles(self.path) if os.path.isdir(self.path) else None


_kept: "dict[ReferencesAt, References]" = {}


class _Range(NamedTuple):
    """Some bytes of another file; all of it without a length."""

    target: str
    offset: int = 0
    length: int | None = None


class References:
    """The chunks of a store that others hold; see `Chunks`."""

    def __init__(self, at: ReferencesAt) -> None:
        """Read and check the references.

        Raises:
            DataError: they are damaged, need a template that is evaluated, point to what is not read, or were written
                again.
        """
        self._at = at
        self._entries: dict[str, Any] | ReferenceTables
        files = at.tables()
        if files is not None:
            self._entries, self.documents = _tables(at, files)
            self.version = self._entries.version
            _check_version(at, self.version)
            return
        self.version = at.version if at.remote is not None else stamp_of([at.path])
        _check_version(at, self.version)
        entries = _entries(at)
        texts = {key: entry for key, entry in entries.items() if key.rpartition("/")[2] in METADATA}
        lasting = {key: _inline(at, key, entry) for key, entry in texts.items()}
        self.documents = Documents(checked_documents(at.shown, lasting), {})
        self._entries = {key: entry for key, entry in entries.items() if key not in texts}

    async def get(self, key: str, start: int | None, end: int | None) -> bytes | None:
        """See `Chunks.get`; a file that is referred to and not there is an error, and no missing chunk."""
        tables_are_fetched = isinstance(self._entries, ReferenceTables) and self._at.remote is not None
        found = await asyncio.to_thread(self._found, key) if tables_are_fetched else self._found(key)
        if found is None:
            return None
        if isinstance(found, bytes):
            return found[start:end]
        if found.length is not None:
            first, last, _ = slice(start, end).indices(found.length)
            return await self._bytes(found.target, found.offset + first, found.offset + last)
        return await self._bytes(found.target, start, end)

    def _found(self, key: str) -> "bytes | _Range | None":
        """The bytes of a chunk, or where they are; None if there is no such chunk."""
        with _refusals(self._at):
            entry = self._entries.get(key)
            if entry is None and (isinstance(self._entries, ReferenceTables) or key not in self._entries):
                return None
            return _entry(self._at, key, entry)

    def contents(self) -> Mapping[str, str]:
        """The files of the references on this machine, by their names; tables at an address are fetched."""
        if isinstance(self._entries, ReferenceTables):
            return self._entries.files.contents()
        return {"": self._at.path}

    def digests(self) -> Iterator[tuple[str, bytes]]:
        """The name of each of these files, and the SHA-256 of its bytes."""
        for name, path in self.contents().items():
            with open(path, "rb") as file:
                yield name, hashlib.file_digest(file, "sha256").digest()

    def targets(self) -> list[str]:
        """The files that hold the chunks, sorted."""
        if isinstance(self._entries, ReferenceTables):
            with _refusals(self._at):
                return sorted(_checked(self._at, path) for path in self._entries.paths())
        found = (_entry(self._at, key, entry) for key, entry in self._entries.items())
        return sorted({entry.target for entry in found if isinstance(entry, _Range)})

    def requests_of(self, target: str) -> Requests:
        """The requests to the server of a target at an address."""
        return _requests_of(_target(self._at, target))

    async def _bytes(self, target: str, start: int | None, end: int | None) -> bytes:
        """Some bytes of a file, all that were asked for."""
        if is_address(target):
            remote = _target(self._at, target)
            requests = _requests_of(remote)
            data = await requests.elsewhere(requests.get(target, start, end))
            shown = remote.shown
        else:
            data, shown = await asyncio.to_thread(_local_bytes, target, start, end), target
        if data is None:
            raise DataError(f"`{self._at.shown}` refers to `{shown}`, which is not there", fix=MAKE_AGAIN)
        wanted = None if start is None or end is None or start < 0 else end - start
        if wanted is not None and len(data) > wanted:  # the server ignores ranges
            data = data[start:end]
        if wanted is not None and len(data) != wanted:
            raise DataError(f"`{shown}` is shorter than `{self._at.shown}` says of it", fix=MAKE_AGAIN)
        return data


def references_of(at: ReferencesAt) -> References:
    """The references, read once; see `References`."""
    if at not in _kept:
        _kept[at] = References(at)
        while len(_kept) > KEPT:
            del _kept[next(iter(_kept))]
    return _kept[at]


def references_in_tables(remote: Remote) -> ReferencesAt:
    """The references in the folder of tables at an address, as they are now.

    Raises:
        DataError: as `References` does; a request failed.
    """
    at = ReferencesAt("", remote.shown, "", remote, remote.options)
    found = References(at)
    known = replace(at, version=found.version)
    _kept[known] = found
    return known


def references_record(at: ReferencesAt) -> dict[str, Any]:
    """The name and size of the files, and the SHA-256 of their bytes and of the first 16 KiB of 16 chunks."""
    references, digest = references_of(at), hashlib.sha256()
    for name, own in references.digests():
        digest.update(name.encode() + own)
    size = sum(map(os.path.getsize, references.contents().values()))
    for key, start in asyncio.run(_beginnings(references)):
        digest.update(json.dumps([key, None if start is None else hashlib.sha256(start).hexdigest()]).encode())
    return {"name": at.shown, "bytes": size, "sample_sha256": digest.hexdigest()}


async def _beginnings(references: References) -> list[tuple[str, bytes | None]]:
    keys = sampled_chunks(references.documents)
    return list(zip(keys, await asyncio.gather(*(references.get(key, 0, BEGINNING) for key in keys)), strict=True))


def _check_version(at: ReferencesAt, version: str) -> None:
    """Refuse references that were written again since they were found, perhaps by another process."""
    if at.version not in ("", version):
        raise written_again(at.shown)


def _tables(at: ReferencesAt, files: TableFiles) -> tuple[ReferenceTables, Documents]:
    """The references in tables, with the checked metadata of their arrays."""
    with _refusals(at):
        tables = ReferenceTables(files)
        documents = Documents(checked_documents(at.shown, tables.documents), {})
        tables.check(documents.arrays)
        return tables, documents


@contextmanager
def _refusals(at: ReferencesAt) -> Iterator[None]:
    try:
        yield
    except TableError as error:
        raise _refused(at, str(error)) from error


def _entries(at: ReferencesAt) -> dict[str, Any]:
    """Each entry by its key, with templates in place."""
    try:
        if os.path.getsize(at.path) > LONGEST:
            raise _refused(at, f"has more than {LONGEST >> 20} MiB")
        with open(at.path, encoding="utf-8") as file:
            content = json.load(file)
    except (ValueError, RecursionError) as error:
        raise _refused(at, f"is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise _refused(at, "holds no references")
    if content.get("gen"):
        raise _refused(at, "has references that are generated by expressions (`gen`), which are not evaluated")
    found = content.get("refs", content if "version" not in content else None)
    if not isinstance(found, dict):
        raise _refused(at, "holds no references")
    return {str(key): _filled(at, entry, content.get("templates") or {}) for key, entry in found.items()}


def _filled(at: ReferencesAt, entry: Any, templates: Mapping[str, Any]) -> Any:
    """The entry with the texts of templates in its address: `{{name}}` and nothing else is one."""
    if not isinstance(entry, list) or not entry or "{{" not in str(entry[0]):
        return entry

    def text(match: re.Match[str]) -> str:
        value = templates.get(match[1].strip())
        if not isinstance(value, str) or "{" in value:
            raise _refused(at, f"has the template {match[0][:60]!r}, which is no name of a text")
        return value

    return [re.sub(r"\{\{(.*?)\}\}", text, str(entry[0])), *entry[1:]]


def _inline(at: ReferencesAt, key: str, entry: Any) -> bytes:
    """The metadata that stand in the file itself."""
    if isinstance(entry, dict):
        return json.dumps(entry).encode()
    found = _entry(at, key, entry)
    if not isinstance(found, bytes):
        raise _refused(at, f"keeps the metadata {key!r} in another file")
    return found


def _entry(at: ReferencesAt, key: str, entry: Any) -> bytes | _Range:
    match entry:
        case bytes():
            return entry
        case str():
            try:
                is_encoded = entry.startswith("base64:")
                return base64.b64decode(entry[7:], validate=True) if is_encoded else entry.encode()
            except binascii.Error as error:
                raise _refused(at, f"has damaged bytes of {key!r}: {error}") from error
        case [str(target)]:
            return _Range(_checked(at, target))
        case [str(target), int(offset), int(length)] if offset >= 0 and length >= 0:
            return _Range(_checked(at, target), offset, length)
    raise _refused(at, f"has {str(entry)[:60]!r} for {key!r}")


def _checked(at: ReferencesAt, target: str) -> str:
    """The address or path of a target; a relative one is beside the references."""
    protocol = target.partition("://")[0].lower() if is_address(target) else ""
    if not protocol and at.remote is not None:
        above, below = at.remote.address.rstrip("/").rpartition("/")[0], target.split("/")
        if target.startswith("/") or ".." in below:
            raise _refused(at, f"comes from another machine and refers to the file {target[:80]!r} of this one")
        return f"{above}/{target}"
    if not protocol:
        return os.path.join(os.path.dirname(at.path.rstrip("/")), target)
    if protocol == "file" and at.remote is None:
        return target[len("file://") :]
    if protocol not in PROTOCOLS or "::" in target:
        raise _refused(at, f"refers to {target[:80]!r}, whose protocol is not read")
    return target


def _target(at: ReferencesAt, address: str) -> Remote:
    """The server of an address; a token goes to the server that the references come from, and to no other."""
    options = at.options
    is_same = at.remote is not None and urlsplit(at.remote.address).netloc == urlsplit(address).netloc
    return remote_of(address, options if is_same else options.model_copy(update={"token_variable": None}))


def _requests_of(remote: Remote) -> Requests:
    """The requests to a server, the same for all of its files."""
    parts = urlsplit(remote.address)
    return requests_to(remote.at(f"{parts.scheme}://{parts.netloc}/"))


def _local_bytes(path: str, start: int | None, end: int | None) -> bytes | None:
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        if start is not None and start < 0:
            file.seek(max(os.path.getsize(path) + start, 0))
            return file.read()
        file.seek(start or 0)
        return file.read(-1 if end is None else end - (start or 0))


def _refused(at: ReferencesAt, what: str) -> DataError:
    return DataError(f"`{at.shown}` {what}", fix=MAKE_AGAIN)
