"""A dataset that is there: its arrays and attributes, whoever built it."""

__all__ = [
    "BLOCK_BYTES",
    "MISSING",
    "STATISTICS",
    "TENDENCIES",
    "Array",
    "Group",
    "Stored",
    "array_of",
    "arrays_of",
    "date_blocks",
    "folders_in",
    "open_group",
    "open_stored",
    "positions_of",
]

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
import zarr
from numpy.typing import NDArray
from wxml import DataSource, create
from wxml.files.zarr_metadata import check_zarr_store
from zarr import Array, Group
from zarr.storage import LocalStore

STATISTICS: Final = ("mean", "stdev", "minimum", "maximum")
"""The arrays of the statistics, `[variable]`, and the ends of the names of those of tendencies."""
MISSING: Final = "missing_dates"
BLOCK_BYTES: Final = 64 * 2**20
"""So many bytes of the data are in memory at once, or one chunk of dates if that is more."""
TENDENCIES: Final = "statistics_tendencies_"


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A dataset on disk, which the source `anemoi` reads."""

    path: Path
    source: DataSource
    """Its values; dates that are missing are left out."""
    root: Group
    attributes: Mapping[str, Any]
    dates: NDArray[np.datetime64]
    """All dates on the axis, `datetime64[s]`."""
    is_missing: NDArray[np.bool_]
    """For each of them, whether it is missing."""

    @property
    def data(self) -> Array[Any]:
        """The array `[date, variable, member, node]`."""
        return array_of(self.root, "data")

    @property
    def names(self) -> tuple[str, ...]:
        """The variables, in the order of the data."""
        return tuple(map(str, self.attributes["variables"]))

    def statistics(self, prefix: str = "") -> dict[str, NDArray[np.float64]]:
        """Name of a statistic → its values `[variable]`; without those that the store lacks.

        Args:
            prefix: empty, or that of a tendency: `statistics_tendencies_6h_`.
        """
        names = (name for name in STATISTICS if f"{prefix}{name}" in self.root)
        return {name: np.asarray(array_of(self.root, f"{prefix}{name}")[:], np.float64) for name in names}

    def tendencies(self) -> dict[str, str]:
        """The period of each tendency, such as `6h`, and the prefix of its arrays."""
        names = (name for name in folders_in(self.path) if name.startswith(TENDENCIES))
        found = (name.removeprefix(TENDENCIES).rpartition("_")[0] for name in names)
        return {period: f"{TENDENCIES}{period}_" for period in sorted(set(found))}


def open_stored(path: Path) -> Stored:
    """Open a dataset.

    Raises:
        DataError: it is damaged, was not finished, or has another layout.
        UnknownPluginError: the source `anemoi` is not installed.
    """
    source: DataSource = create("data-source", "anemoi", {"path": str(path), "missing_dates": "skip"})
    root = open_group(path)
    attributes = dict(root.attrs)
    dates = np.asarray(array_of(root, "dates")[:]).astype("datetime64[s]")
    missing = ~np.isin(dates, source.header.times)
    return Stored(path, source, root, attributes, dates, missing)


def open_group(path: Path) -> Group:
    """Open the group at the root of a store, whose metadata name no codec that would run code.

    Raises:
        DataError: a codec or a type is not on the list.
        OSError, ValueError: it cannot be read.
    """
    _check_groups(path)
    return zarr.open_group(LocalStore(path, read_only=True), mode="r", use_consolidated=False)


def _check_groups(folder: Path) -> None:
    """Check the metadata of a group, and of the groups in it."""
    check_zarr_store(folder)
    for name in folders_in(folder):
        if _is_group(folder / name):
            _check_groups(folder / name)


def _is_group(folder: Path) -> bool:
    """Whether a folder is a group of either format; what is in a file `zarr.json` was checked before."""
    if (folder / "zarr.json").is_file():
        return bool(json.loads((folder / "zarr.json").read_bytes()).get("node_type") == "group")
    return (folder / ".zgroup").is_file()


def folders_in(path: Path) -> list[str]:
    """The names of the arrays and groups in a group: of its folders, since zarr warns of any other file."""
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir())


def arrays_of(root: Group, path: Path, start: str = "") -> Iterator[tuple[str, Array[Any]]]:
    """Every array in a store and in its groups, by its name from the root on."""
    for name in folders_in(path / start):
        found = root[f"{start}{name}"]
        if isinstance(found, Group):
            yield from arrays_of(root, path, f"{start}{name}/")
        else:
            yield f"{start}{name}", found


def array_of(group: Group, name: str) -> Array[Any]:
    """The array of this name.

    Raises:
        KeyError: there is none.
    """
    found = group[name]
    if not isinstance(found, Array):
        raise KeyError(name)
    return found


def date_blocks(data: Array[Any], rows: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Parts of some rising positions on the axis of dates: whole chunks, and no more bytes than `BLOCK_BYTES`."""
    chunk = (data.shards or data.chunks)[0]
    each = max(1, data.dtype.itemsize * prod(data.shape[1:]))
    dates = max(1, BLOCK_BYTES // (each * chunk)) * chunk
    for number in np.unique(rows // dates):
        yield rows[rows // dates == number]


def positions_of(names: Sequence[str], there: Sequence[str]) -> NDArray[np.intp]:
    """Where each name stands among those that are there."""
    places = {name: place for place, name in enumerate(there)}
    return np.array([places[name] for name in names], np.intp)
