"""The metadata of a remote zarr store: fetched once, checked, and kept, so that what is used is what was checked."""

__all__ = [
    "Documents",
    "StoreAt",
    "TablesThereError",
    "check_store",
    "checked_documents",
    "documents_of",
    "found_documents",
]

import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from wxml.errors import DataError
from wxml.files.zarr_metadata import check_zarr_document

from wxml_dataset_sources.remote.address import Remote
from wxml_dataset_sources.remote.requests import Requests, requests_to

ROOT = ("zarr.json", ".zmetadata", ".zgroup", ".zattrs")
NODE = {"zarr.json": ("zarr.json",), ".zgroup": (".zarray", ".zattrs")}
"""The documents of a node, by the document at the root that tells the format."""
CHUNK = r"c|\d+(\.\d+)*"
KEPT = 64
"""So many stores are kept in memory."""
ASKED_EVERY = 60.0
"""Seconds between two questions whether a store is still the same."""


class TablesThereError(DataError):
    """What looks like a zarr store holds references in tables; see `reference_tables`."""


@dataclass(frozen=True, eq=False)
class Documents:
    """The metadata documents of a store; checked."""

    by_key: Mapping[str, bytes]
    """Each document by its key, such as `t/.zarray`; those that were consolidated have keys of their own."""
    fetched: Mapping[str, bytes]
    """The SHA-256 of each document that was fetched, by its address."""
    axes: dict[str, bytes | None] = field(default_factory=dict)
    """The chunks of arrays of one dimension that were fetched, by their keys; they are coordinates."""

    def is_axis(self, key: str) -> bool:
        """Whether a key is that of a chunk of an array of at most one dimension."""
        return any(len(array["shape"]) < 2 and key.startswith(f"{path}/") for path, array in self.arrays.items())

    @cached_property
    def version(self) -> str:
        """The SHA-256 of all documents: a store that is written again in another way has another one."""
        digest = hashlib.sha256()
        for key in sorted(self.by_key):
            digest.update(f"{key}\n{hashlib.sha256(self.by_key[key]).hexdigest()}\n".encode())
        return digest.hexdigest()

    @cached_property
    def arrays(self) -> dict[str, Mapping[str, Any]]:
        """The metadata of each array by its path, sorted."""
        parsed = {key: json.loads(text) for key, text in sorted(self.by_key.items())}
        return {
            key.rpartition("/")[0]: document
            for key, document in parsed.items()
            if key.endswith(".zarray") or (key.endswith("zarr.json") and document.get("node_type") == "array")
        }


@dataclass(frozen=True, slots=True)
class StoreAt:
    """A zarr store on another machine, as it was when it was opened first; safe to pickle."""

    remote: Remote
    version: str
    """See `Documents.version`."""


_kept: dict[StoreAt, Documents] = {}
_asked: dict[StoreAt, float] = {}
"""When each store was asked last whether it is the same, by `time.monotonic`."""


def found_documents(remote: Remote) -> Documents | None:
    """The metadata of the store at `remote`, fetched now; None if no zarr store is there.

    Consolidated metadata are taken if there are any: then this makes four requests, all at once. Else it lists the
    store.

    Raises:
        TablesThereError: the folder holds references in tables.
        DataError: a request failed; a document is damaged, or names a codec or type that is not known to be safe; the
            store has no consolidated metadata, and the server lists no folders.
    """
    requests = requests_to(remote)
    contents = _fetched(remote, requests, ROOT)
    if not contents or contents.keys() == {".zattrs"}:
        return None
    documents = _expanded_3(remote, contents) if "zarr.json" in contents else _expanded_2(remote, contents)
    if not documents:
        documents = contents = _listed(remote, requests, contents)
    digests = {remote.below(key): hashlib.sha256(content).digest() for key, content in contents.items()}
    made = Documents(checked_documents(remote.shown, documents), digests)
    _kept[StoreAt(remote, made.version)] = made
    _asked[StoreAt(remote, made.version)] = time.monotonic()
    while len(_kept) > KEPT:
        del _kept[next(iter(_kept))]
    return made


def documents_of(store: StoreAt) -> Documents:
    """The metadata of the store, kept from before or fetched.

    Raises:
        DataError: as `found_documents` does; the store has another version now.
    """
    known = _kept.get(store) or found_documents(store.remote)
    if known is None or known.version != store.version:
        raise _rewritten(store.remote)
    return known


def check_store(store: StoreAt) -> None:
    """Ask once in a while whether the metadata of a store are the same; raise a DataError if they are not."""
    if time.monotonic() - _asked.get(store, -ASKED_EVERY) < ASKED_EVERY:
        return
    fetched, requests = documents_of(store).fetched, requests_to(store.remote)
    now = requests.run(requests.get_all(list(fetched)))
    digests = [None if content is None else hashlib.sha256(content).digest() for content in now]
    if digests != list(fetched.values()):
        raise _rewritten(store.remote)
    _asked[store] = time.monotonic()


def checked_documents(store: str, documents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The documents of a store, each of which names nothing that would run code, and lies in the store.

    Args:
        store: the store, for messages.
        documents: the documents by their keys.

    Raises:
        DataError: a document is damaged, names a codec or type that is not known to be safe, or lies elsewhere.
    """
    for key, content in documents.items():
        if any(part in ("", ".", "..") for part in key.split("/")):
            raise DataError(
                f"`{store}` has metadata of {key[:80]!r}, which is not in the store", fix="write the store again"
            )
        if not key.endswith(".zattrs"):
            _parsed(store, key, content)
    return dict(documents)


def _rewritten(remote: Remote) -> DataError:
    return DataError(
        f"`{remote.shown}` was written again while it was read", fix="wait until it is whole, and start again"
    )


def _parsed(store: str, key: str, content: bytes) -> Any:
    try:
        return check_zarr_document(f"{store}/{key}", content.decode())
    except ValueError as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"`{store}` has damaged metadata: {error}", fix="write the store again") from error


def _fetched(remote: Remote, requests: Requests, keys: tuple[str, ...] | list[str]) -> dict[str, bytes]:
    """The documents that are there."""
    contents = requests.run(requests.get_all([remote.below(key) for key in keys]))
    return {key: content for key, content in zip(keys, contents, strict=True) if content is not None}


def _expanded_2(remote: Remote, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The documents that `.zmetadata` of format 2 holds; empty without it."""
    if ".zmetadata" not in contents:
        return {}
    content = _parsed(remote.shown, ".zmetadata", contents[".zmetadata"])
    if "record_size" in content:
        raise TablesThereError(
            f"`{remote.shown}` holds references in tables of Parquet, and is no zarr store",
            fix="read it with the plugin `xarray`, without `engine`",
        )
    merged = content.get("metadata", {})
    return {str(key): json.dumps(value).encode() for key, value in merged.items()}


def _expanded_3(remote: Remote, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The documents that `zarr.json` of format 3 consolidates; empty if it does not, and is no array."""
    root = _parsed(remote.shown, "zarr.json", contents["zarr.json"])
    merged = root.pop("consolidated_metadata", None)
    if not merged and root.get("node_type") != "array":
        return {}
    below = {f"{path}/zarr.json": value for path, value in (merged or {}).get("metadata", {}).items()}
    return {key: json.dumps(value).encode() for key, value in ({"zarr.json": root} | below).items()}


def _listed(remote: Remote, requests: Requests, root: Mapping[str, bytes]) -> dict[str, bytes]:
    """The documents of the root and of the nodes right below it, whose names the server lists."""
    names = requests.run(requests.names_in(remote.address))
    if names is None:
        raise DataError(
            f"`{remote.shown}` has no consolidated metadata, and its server does not list what is in it",
            fix="consolidate its metadata: zarr.consolidate_metadata(store)",
        )
    names = [name for name in names if name not in ROOT and re.fullmatch(r"[^?#]+", name)]
    wanted = NODE["zarr.json" if "zarr.json" in root else ".zgroup"]
    found = _fetched(remote, requests, [f"{name}/{key}" for name in names for key in wanted])
    for name in names:
        if f"{name}/{wanted[0]}" not in found:
            _check_no_array(remote, requests, name)
    return dict(root) | found


def _check_no_array(remote: Remote, requests: Requests, name: str) -> None:
    """Refuse a folder with an array that lost its metadata; zarr would leave the array out."""
    inside = requests.run(requests.names_in(remote.below(name))) or []
    if any(re.fullmatch(CHUNK, entry, re.ASCII) for entry in inside):
        raise DataError(
            f"`{remote.shown}/{name}` holds an array without its metadata, so the store is damaged",
            fix="write the data again, or copy them again from where they were made",
        )
