"""What the option `path` names: files and stores on this machine, copies of remote files, and remote zarr stores."""

__all__ = [
    "Location",
    "Opening",
    "Wanted",
    "fingerprint_of_locations",
    "local_paths",
    "located",
    "named_by_address",
    "stamp_of_locations",
]

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from wxml.data.fingerprint import fingerprint_of
from wxml.errors import DataError

from wxml_dataset_sources.icechunk_reading.repository import (
    IcechunkAt,
    is_repository,
    is_repository_at,
    snapshot_at,
)
from wxml_dataset_sources.icechunk_reading.version import IcechunkVersion
from wxml_dataset_sources.remote.address import Remote, is_address, is_pattern, remote_of
from wxml_dataset_sources.remote.copies import Copy, copied
from wxml_dataset_sources.remote.documents import StoreAt, TablesThereError, documents_of, found_documents
from wxml_dataset_sources.remote.fingerprints import references_fingerprint, store_fingerprint
from wxml_dataset_sources.remote.opendap import OpendapAt, described, opendap_record
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.remote.records import store_record, store_stamp
from wxml_dataset_sources.remote.reference_tables import is_folder_of_tables
from wxml_dataset_sources.remote.references import ReferencesAt, references_in_tables, references_record
from wxml_dataset_sources.remote.requests import requests_to
from wxml_dataset_sources.remote.table_files import LONGEST
from wxml_dataset_sources.xarray_reading.file_records import file_record, stamp_of
from wxml_dataset_sources.xarray_reading.file_stamps import fingerprint_of_files
from wxml_dataset_sources.xarray_reading.files import SUFFIXES, DataFile, recognise, resolve

Wanted = Literal["auto", "netcdf", "grib", "zarr", "kerchunk", "icechunk", "opendap"]
REFERENCES = ".json"
MOST_FILES = 10_000  # of one pattern


@dataclass(frozen=True, slots=True)
class Location:
    """One file or store, wherever it is; small, and safe to pickle."""

    name: str
    """As records and messages have it, without credentials."""
    path: str
    """Where it is on this machine; empty for a store that is read where it is."""
    copy: Copy | None = None
    store: StoreAt | ReferencesAt | IcechunkAt | OpendapAt | None = None

    @property
    def at(self) -> StoreAt | None:
        """The zarr store on another machine, if it is one."""
        return self.store if isinstance(self.store, StoreAt) else None

    def file(self, engine: Wanted) -> DataFile:
        """The file with its format; raise a DataError if that is not known."""
        if self.store is not None:
            return DataFile(self.name, "opendap" if isinstance(self.store, OpendapAt) else "zarr", self.store)
        if engine == "kerchunk":
            raise DataError(
                f"`{self.name}` is no file of references, which is JSON, and no folder of their tables",
                fix="write `engine: auto`, or name a .json file",
            )
        if engine == "icechunk":
            raise AssertionError("such a location has a store")
        return recognise(self.path, engine)

    def record(self) -> dict[str, Any]:
        """What the provenance has of it; raise a DataError if it cannot be read."""
        if isinstance(self.store, ReferencesAt):
            return references_record(self.store)
        if isinstance(self.store, OpendapAt):
            return opendap_record(self.store)
        if isinstance(self.store, IcechunkAt):
            from wxml_dataset_sources.icechunk_reading.snapshot import snapshot_record  # zarr takes a while to load

            return snapshot_record(self.store)
        if self.store is not None:
            return store_record(self.store.remote, documents_of(self.store))
        return file_record(self.path) | {"name": self.name}

    def fingerprint(self) -> str | None:
        """What changes with its values, read in a moment; None if nothing tells, as with OPeNDAP.

        Raises:
            DataError: it cannot be read, or a request failed.
        """
        if isinstance(self.store, ReferencesAt):
            return references_fingerprint(self.store)
        if isinstance(self.store, IcechunkAt):
            return self.store.snapshot
        if isinstance(self.store, OpendapAt):
            return None
        if self.store is not None:
            return store_fingerprint(self.store.remote, documents_of(self.store))
        return fingerprint_of_files([self.path])

    def stamp(self) -> str:
        """What changes when it is written again; raise a DataError if it cannot be read."""
        if isinstance(self.store, StoreAt):
            return store_stamp(self.store.remote, documents_of(self.store))
        if isinstance(self.store, IcechunkAt):
            return self.store.snapshot
        if isinstance(self.store, OpendapAt | ReferencesAt):
            return self.store.version
        return self.copy.version if self.copy else stamp_of([self.path])


class Opening(NamedTuple):
    """The options that say what to open."""

    storage: StorageOptions
    engine: Wanted = "auto"
    version: IcechunkVersion | None = None
    """Of Icechunk repositories."""


def located(path: str | Sequence[str], opening: Opening) -> tuple[Location, ...]:
    """The files and stores that `path` names, in the order given, those of a pattern sorted; remote files are copied.

    Raises:
        DataError: as `files.resolve` does; a remote location is not there, may not be read, or does not answer; an
            Icechunk repository does not have the version, or a version is given and none is an Icechunk repository.
    """
    found = _all_located(path, opening)
    if opening.version is not None and not any(isinstance(location.store, IcechunkAt) for location in found):
        raise DataError(
            f"`icechunk` chooses a version, and `{found[0].name}` is no Icechunk repository", fix="leave `icechunk` out"
        )
    return found


def _all_located(path: str | Sequence[str], opening: Opening) -> tuple[Location, ...]:
    entries = [path] if isinstance(path, str) else list(path)
    if not any(map(is_address, entries)):
        return tuple(_here(name, opening) for name in resolve(path))
    found = [location for entry in entries for location in _of_entry(entry, opening)]
    for location in found:
        if sum(other.name == location.name for other in found) > 1:
            raise DataError(f"`path` names `{location.name}` twice", fix="name each file once")
    return tuple(found)


def _of_entry(entry: str, opening: Opening) -> list[Location]:
    if not is_address(entry):
        return [_here(name, opening) for name in resolve(entry)]
    remote = remote_of(entry, opening.storage)
    if not is_pattern(entry):
        return [_of_remote(remote, opening)]
    matches = requests_to(remote).run(requests_to(remote).matching(entry))
    if not matches or len(matches) > MOST_FILES:
        raise DataError(
            f"{len(matches) or 'no'} files match `{remote.shown}`",
            fix=f"name the files in a list; a pattern may fit 1 to {MOST_FILES}, where the server lists its folders",
        )
    return [_of_remote(remote.at(match), opening) for match in matches]


def _of_remote(remote: Remote, opening: Opening) -> Location:
    """The store or data set at an address, else a copy of the file there."""
    engine = opening.engine
    if engine == "opendap":
        return Location(remote.shown, "", store=described(OpendapAt(remote)).at)
    ending = Path(remote.name).suffix.lower()
    suffix = SUFFIXES.get(ending)
    may_be_folder = engine == "auto" and suffix in ("zarr", None) and ending != REFERENCES
    if engine in ("zarr", "kerchunk") or may_be_folder:
        store = _store_at(remote, engine)
        if store is not None:
            return Location(remote.shown, "", store=store)
    is_repository_there = (may_be_folder or engine == "icechunk") and is_repository_at(remote)
    if is_repository_there or engine == "icechunk":  # the library says why it is none
        at = snapshot_at(remote.shown, remote, opening.version or IcechunkVersion())
        return Location(remote.shown, "", store=at)
    holds_references = engine == "kerchunk" or (engine == "auto" and ending == REFERENCES)
    copy = None if engine == "zarr" or suffix == "zarr" else copied(remote, LONGEST if holds_references else None)
    if copy is None:
        raise DataError(
            f"`{remote.shown}` is not there: no file, and no zarr store with metadata",
            fix="check the address; a bucket that is not public needs credentials in the environment",
        )
    if holds_references:
        references = ReferencesAt(copy.path, remote.shown, copy.version, remote, remote.options)
        return Location(remote.shown, copy.path, copy, references)
    return Location(remote.shown, copy.path, copy)


def _store_at(remote: Remote, engine: Wanted) -> StoreAt | ReferencesAt | None:
    """The zarr store at an address, or the references in the tables there; None if there are neither."""
    if engine == "kerchunk" and Path(remote.name).suffix.lower() == REFERENCES:
        return None
    try:
        documents = found_documents(remote)
    except TablesThereError:
        if engine == "zarr":
            raise
        return references_in_tables(remote)
    return None if documents is None or engine == "kerchunk" else StoreAt(remote, documents.version)


def _here(name: str, opening: Opening) -> Location:
    """A file or store on this machine; a JSON file, or a folder of tables, holds references to others."""
    engine = opening.engine
    if engine == "opendap":
        raise DataError(f"`{name}` is no address of OPeNDAP, which is http:// or https://", fix="leave `engine` out")
    if engine == "icechunk" or (engine == "auto" and is_repository(name)):
        return Location(name, name, store=snapshot_at(name, None, opening.version or IcechunkVersion()))
    is_json = Path(name).suffix.lower() == REFERENCES and Path(name).is_file()
    if not (is_json or is_folder_of_tables(name)) or engine not in ("auto", "kerchunk"):
        return Location(name, name)
    return Location(name, name, store=ReferencesAt(name, name, stamp_of([name]), None, opening.storage))


@contextmanager
def named_by_address(locations: Sequence[Location]) -> Iterator[None]:
    """Name remote files by their addresses, not by their copies, in a DataError that is raised inside."""
    try:
        yield
    except DataError as error:
        message, fix = error.message, error.fix
        for location in locations:
            if location.copy is not None:
                message, fix = (text.replace(location.path, location.name) for text in (message, fix))
        if (message, fix) == (error.message, error.fix):
            raise
        raise DataError(message, fix=fix) from error


def stamp_of_locations(locations: Sequence[Location]) -> str:
    """A hash that changes when one of them is written again; that of local files depends on their times alone."""
    if not any(location.copy or location.store for location in locations):
        return stamp_of([location.path for location in locations])
    return hashlib.sha256("\n".join(location.stamp() for location in locations).encode()).hexdigest()


def fingerprint_of_locations(locations: Sequence[Location], options: Mapping[str, Any]) -> str | None:
    """A hash of what changes with the values of any of them, and of options; None if a server tells nothing.

    Raises:
        DataError: one of them cannot be read, or a request failed.
    """
    if not any(location.store for location in locations):
        return fingerprint_of_files([location.path for location in locations], options)
    found = [location.fingerprint() for location in locations]
    return None if None in found else fingerprint_of(found, options)


def local_paths(locations: Sequence[Location]) -> list[str]:
    """The paths on this machine of all files, whose bytes are read whole; raise a DataError for a remote store."""
    for location in locations:
        if isinstance(location.store, IcechunkAt):
            raise DataError(
                f"`checksum` is for files, and `{location.name}` is a repository: its snapshot tells every change",
                fix="leave `checksum` out",
            )
        if location.store is not None:
            raise DataError(
                f"`checksum` would fetch all of `{location.name}`", fix="leave `checksum` out, or copy the store first"
            )
    return [location.path for location in locations]
