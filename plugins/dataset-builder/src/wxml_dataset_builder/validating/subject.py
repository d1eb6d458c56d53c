"""The dataset that is validated, as far as it can be opened."""

__all__ = ["Subject", "open_subject", "readable"]

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from wxml.data.times import parse_time
from wxml.errors import DataError
from wxml.files.failures import DAMAGE

from wxml_dataset_builder.stored import MISSING, Array, Group, array_of, open_group
from wxml_dataset_builder.validating.structure import structure_faults

Value = TypeVar("Value")
METADATA = ("zarr.json", ".zattrs", ".zgroup", ".zmetadata", "data/zarr.json", "data/.zarray", "checksums.sha256")


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A dataset whose arrays have the shapes that belong together, and whose dates and names can be read."""

    path: Path
    root: Group
    attributes: Mapping[str, Any]
    data: Array[Any]
    dates: NDArray[np.datetime64]
    """`datetime64[s]`, in the order of the store."""
    is_missing: NDArray[np.bool_]
    """For each of them, whether the attribute `missing_dates` lists it."""

    @property
    def names(self) -> tuple[str, ...]:
        """The variables, in the order of the data."""
        return tuple(self.attributes["variables"])

    def array(self, name: str) -> NDArray[Any]:
        """All values of a small array."""
        return np.asarray(array_of(self.root, name)[...])

    def in_statistics(self) -> NDArray[np.bool_]:
        """For each date, whether the statistics are of it."""
        start, end = (self.attributes.get(f"statistics_{name}_date") for name in ("start", "end"))
        first = self.dates.min() if start is None else parse_time(str(start))
        last = self.dates.max() if end is None else parse_time(str(end))
        return np.asarray((self.dates >= first) & (self.dates <= last) & ~self.is_missing)


def open_subject(path: Path, faults: list[str]) -> Subject | None:
    """Open a dataset as far as it goes; None, and what is wrong with it in `faults`, if later checks make no sense."""
    root = readable("the metadata", lambda: open_group(path), faults)
    if root is None:
        return None
    found = readable("the metadata", lambda: list(structure_faults(root)), faults)
    faults += found or []
    if found is None or found:
        return None
    dates = readable("`dates`", lambda: np.asarray(array_of(root, "dates")[...]).astype("datetime64[s]"), faults)
    if dates is None:
        return None
    attributes = dict(root.attrs)
    missing = readable(f"`{MISSING}`", lambda: _missing(dates, attributes), faults)
    return None if missing is None else Subject(path, root, attributes, array_of(root, "data"), dates, missing)


def _missing(dates: NDArray[np.datetime64], attributes: Mapping[str, Any]) -> NDArray[np.bool_]:
    return np.isin(dates, np.array([parse_time(str(one)) for one in attributes[MISSING]], "datetime64[s]"))


def readable(what: str, read: Callable[[], Value], faults: list[str]) -> Value | None:
    """What `read` returns; None, and a sentence in `faults`, if the bytes are damaged or refused."""
    try:
        return read()
    except DataError as error:
        faults.append(error.message)
    except DAMAGE as error:
        faults.append(f"{what} cannot be read: {reason(error)}")
    return None


def reason(error: Exception) -> str:
    """The message of a library's error in one short line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def metadata_times(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, bytes and time of each file of metadata, and the time of the folder of the data."""
    for name in (*METADATA, "data"):
        if os.path.exists(path / name):
            found = os.stat(path / name)
            yield name, 0 if name == "data" else found.st_size, found.st_mtime_ns
