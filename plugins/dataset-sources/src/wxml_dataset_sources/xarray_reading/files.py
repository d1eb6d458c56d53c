"""The files that the option `path` names: which ones they are, and their formats."""

__all__ = ["DataFile", "Engine", "recognise", "resolve"]

import difflib
import glob
import itertools
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wxml.errors import DataError

from wxml_dataset_sources.icechunk_reading.repository import IcechunkAt
from wxml_dataset_sources.remote.documents import StoreAt
from wxml_dataset_sources.remote.opendap import OpendapAt
from wxml_dataset_sources.remote.references import ReferencesAt
from wxml_dataset_sources.written_again import written_again

if TYPE_CHECKING:
    from wxml_dataset_sources.xarray_reading.in_memory import DatasetAt  # with xarray

Engine = Literal["netcdf", "grib", "zarr", "opendap", "memory"]

NETCDF_STARTS = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF\r\n\x1a\n")
GRIB_WITHIN = 1024  # bytes: a bulletin header may stand before the first message
SUFFIXES: dict[str, Engine] = {
    ".nc": "netcdf",
    ".nc4": "netcdf",
    ".cdf": "netcdf",
    ".netcdf": "netcdf",
    ".h5": "netcdf",
    ".grib": "grib",
    ".grib1": "grib",
    ".grib2": "grib",
    ".grb": "grib",
    ".grb1": "grib",
    ".grb2": "grib",
    ".zarr": "zarr",
}
ZARR_FILES = ("zarr.json", ".zgroup", ".zmetadata")
MOST_FILES = 100_000  # of one pattern
LISTED = 5  # so many names of a folder are shown where none is near


def resolve(path: str | Sequence[str]) -> list[str]:
    """The files and zarr stores that `path` names, in the order given; those of a pattern sorted by name.

    Raises:
        DataError: a file is missing, may not be read, is named twice, is neither file nor folder (but a pipe), or is
            an address on another machine; a pattern fits more than 100 000 names.
    """
    wanted = [path] if isinstance(path, str) else list(path)
    if not wanted:
        raise DataError("`path` must name at least one file, got an empty list", fix="name a file or a zarr store")
    found = [name for entry in wanted for name in _expand(entry)]
    times_named = Counter(found)
    for name in found:
        if times_named[name] > 1:
            raise DataError(f"`path` names `{name}` twice", fix="name each file once")
        if not os.access(name, os.R_OK):
            raise DataError(f"`{name}` may not be read: permission denied", fix="ask its owner, or check its mode")
        if not os.path.isfile(name) and not os.path.isdir(name):
            raise DataError(f"`{name}` is neither a file nor a folder", fix="a pipe, socket or device cannot be read")
    return found


def _expand(entry: str) -> list[str]:
    """The file `entry`, or the files that match it as a pattern, sorted by name."""
    if "://" in entry:
        raise DataError(
            f"`path` must be on this machine here, got `{entry}`",
            fix="fetch the data first: only `xarray` and `anemoi` read URLs",
        )
    name = os.path.expanduser(entry)
    if os.path.exists(name):  # a name with [ or * in it is not a pattern if such a file exists
        return [name]
    if os.path.lexists(name) or not glob.has_magic(name):
        raise DataError(f"there is no file `{name}`", fix=_nearby(Path(name)))
    matches = sorted(itertools.islice(glob.iglob(name, recursive=True), MOST_FILES + 1))
    if len(matches) > MOST_FILES:
        raise DataError(f"more than {MOST_FILES} files match `{entry}`", fix="narrow the pattern, or write fewer files")
    if not matches:
        raise DataError(f"no file matches `{entry}`", fix=_nearby(Path(name)))
    return matches


def _nearby(path: Path) -> str:
    """A hint for a missing path: the nearest name in its folder, else the first names there."""
    if not path.parent.is_dir():
        above = next(parent for parent in path.absolute().parents if parent.is_dir())
        return f"there is no folder `{path.parent}` either; `{above}` is there"
    names = sorted(os.listdir(path.parent))
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean `{path.parent / close[0]}`?"
    shown = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
    return f"`{path.parent}` holds {shown or 'nothing'}"


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file, or a folder that is a zarr store."""

    path: str
    """Its path on this machine, or the address of a remote store without credentials."""
    engine: Engine
    store: "StoreAt | ReferencesAt | IcechunkAt | OpendapAt | DatasetAt | None" = None
    """The remote store, the references, the snapshot or the dataset in memory, if it is one."""
    written: int = 0
    """When a file was last written, in nanoseconds, as it was found; when a local store was found; else 0."""
    version: str = ""
    """The metadata of a local zarr store as it was found, but for its lengths."""
    fills: bool = False
    """Whether chunks that a zarr store does not have are taken to hold its fill value."""

    def check_unchanged(self) -> None:
        """Refuse what was written again since it was found: its fields may be elsewhere, or others.

        Of a store these are the metadata alone; its chunks are looked at when they are read.

        Raises:
            DataError: a file has another time, or the arrays of a store are others.
        """
        if self.version:
            is_changed = _version(self.path) != self.version
        else:
            is_changed = bool(self.written) and os.stat(self.path).st_mtime_ns != self.written
        if is_changed:
            raise written_again(self.path)


def recognise(path: str, engine: Literal["auto", "netcdf", "grib", "zarr", "opendap"]) -> DataFile:
    """The file with its format: `engine`, or with `auto` the format of its first bytes, else that of its suffix.

    Raises:
        DataError: the file is neither NetCDF nor GRIB nor zarr.
    """
    if engine != "auto":
        return _found(path, engine)
    found = _by_content(path) or SUFFIXES.get(Path(path).suffix.lower())
    if found is None:
        what = "folder that is no zarr store" if os.path.isdir(path) else "file of unknown format"
        raise DataError(
            f"`{path}` is a {what}",
            fix="name NetCDF (.nc), GRIB (.grib, .grib2) or zarr; a pattern such as 'folder/*.nc' takes a whole folder",
        )
    return _found(path, found)


def _found(path: str, engine: Engine) -> DataFile:
    if not os.path.isdir(path):
        return DataFile(path, engine, written=os.stat(path).st_mtime_ns)
    return DataFile(path, engine, written=time.time_ns(), version=_version(path))


def _version(path: str) -> str:
    from wxml_dataset_sources.zarr_reading.local_store import version_of_store  # zarr takes a while to load

    return version_of_store(path)


def _by_content(path: str) -> Engine | None:
    """The format by the first bytes of a file, or by the names in a folder; None if they tell nothing."""
    if os.path.isdir(path):
        return "zarr" if any(os.path.exists(os.path.join(path, name)) for name in ZARR_FILES) else None
    try:
        with open(path, "rb") as file:
            start = file.read(GRIB_WITHIN)
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror}", fix="check the file and its mode") from error
    if start.startswith(NETCDF_STARTS):
        return "netcdf"
    return "grib" if b"GRIB" in start else None
