"""Datasets that anemoi-datasets has made."""

__all__ = ["AnemoiSource"]

import logging
import os
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Moments, ReadRequest, SelectiveSource, SourceHeader, Variable
from wxml.data.times import format_time
from wxml.errors import DataError, nearest

from wxml_dataset_sources.anemoi_reading.store import Store, data_array, opened, stored_moments, written
from wxml_dataset_sources.anemoi_reading.values import read_values
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.xarray_reading.checksums import checksums
from wxml_dataset_sources.xarray_reading.locations import (
    Location,
    Opening,
    fingerprint_of_locations,
    local_paths,
    located,
    stamp_of_locations,
)
from wxml_dataset_sources.zarr_reading.local_store import found_array

logger = logging.getLogger("wxml")


class AnemoiSource(SelectiveSource):
    """A zarr store (format 2 or 3) in the layout of anemoi-datasets, read natively.

    The statistics in the store count every node the same. Those of wxml weigh them by area: stores that wxml built hold
    what they are made of, and for others they are computed.
    """

    def __init__(
        self,
        *,
        path: Annotated[str, Field(description="The zarr store, or its address")],
        variables: Annotated[
            list[str] | None, Field(description="Read only these: names (t_850) or parameters (t, all levels)")
        ] = None,
        missing_dates: Annotated[
            Literal["error", "skip"], Field(description="What to do about dates that the store lists as missing")
        ] = "error",
        storage_options: Annotated[
            StorageOptions | None, Field(description="How addresses such as https:// and s3:// are reached")
        ] = None,
    ) -> None:
        self._location = _one_store(path, storage_options or StorageOptions())
        self._path, found = self._location.name, time.time_ns()
        store = opened(self._path, self._location.at)
        self._at = self._location.at or found_array(self._path, "data", found, written(self._path))
        self._columns = _chosen(self._path, store.variables, variables)
        self._dates = store.dates
        self._rows = _present(self._path, store, missing_dates)
        self._options = {"missing_dates": missing_dates} | ({} if variables is None else {"variables": variables})
        self.header = SourceHeader(
            store.grid, tuple(store.variables[i] for i in self._columns), store.dates[self._rows], store.members
        )

    def provenance(self) -> dict[str, Any]:
        """The store with its size and a sample, and the options."""
        return {"source": "anemoi", "files": [self._location.record()], "options": self._options}

    def checksums(self) -> list[str]:
        """The SHA-256 of the lines `SHA-256  name` of the files in the store."""
        return checksums(local_paths([self._location]))

    def stamp(self) -> str:
        """A hash of the times of the files in the store."""
        return stamp_of_locations([self._location])

    def fingerprint(self) -> str | None:
        """See `fingerprint_of_locations`."""
        return fingerprint_of_locations([self._location], self._options)

    def moments(
        self, times: NDArray[np.datetime64], variables: Sequence[str], timestep: np.timedelta64 | None = None
    ) -> Moments | None:
        """Those in a store that wxml built; changes over its frequency, and over what its recipe asks for."""
        kind = "area" if timestep is None else f"area_change_{timestep // np.timedelta64(1, 's')}"
        found = stored_moments(self._path, kind, self.header.grid.area_weights)
        if found is None:
            return None
        rows, columns = (
            self._rows[self.header.time_indices(times)],
            self._columns[self.header.variable_indices(variables)],
        )
        return found[np.ix_(rows, columns)]

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those in one chunk are together; all are on another machine, where requests take longest."""
        if self._location.at is not None:
            return super().chunk_groups()
        return self._columns // int(data_array(self._path).chunks[1])

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        rows, columns = self._rows[request.times], self._columns[request.variables]
        own = ReadRequest(rows, columns, request.members, request.nodes)
        read_values(self._path, self._dates, own, out, self._at)


def _one_store(path: str, options: StorageOptions) -> Location:
    """The store that `path` names; raise a DataError for a pattern that fits several, or for a file."""
    found = located(path, Opening(options, "zarr"))
    if len(found) > 1:
        raise DataError(
            f"`path` must name one store, got {len(found)} that fit `{path}`", fix=f"name one: {found[0].name}"
        )
    if found[0].at is None and not os.path.isdir(found[0].path):
        raise DataError(
            f"`{found[0].name}` is a file, where a zarr store is a folder", fix="read it with the plugin `xarray`"
        )
    return found[0]


def _chosen(path: str, there: tuple[Variable, ...], wanted: list[str] | None) -> NDArray[np.intp]:
    """The positions of the wanted variables, in the order of the store."""
    known = {name for variable in there for name in (variable.name, variable.param)}
    for name in wanted or ():
        if name not in known:
            raise DataError(f"`variables` names {name!r}, which is not in `{path}`", fix=nearest(name, known))
    if wanted is not None and not wanted:
        names = ", ".join(variable.name for variable in there)
        raise DataError(
            "`variables` is empty, so nothing is left to read",
            fix=f"leave `variables` out, or choose among {names}",
        )
    kept = [not wanted or not {variable.name, variable.param}.isdisjoint(wanted) for variable in there]
    return np.flatnonzero(kept)


def _present(path: str, store: Store, missing_dates: Literal["error", "skip"]) -> NDArray[np.intp]:
    """The positions of the dates that are not missing; raise a DataError if there are missing ones to refuse."""
    count, total = int(store.is_missing.sum()), len(store.dates)
    if not count:
        return np.arange(total)
    first = format_time(store.dates[store.is_missing][0])
    if count == total:
        raise DataError(f"all {total} dates of `{path}` are missing", fix="build the store from data that are there")
    if missing_dates == "error":
        raise DataError(
            f"{count} of the {total} dates of `{path}` are missing, the first of them {first}",
            fix="write `missing_dates: skip` to read the others",
        )
    logger.warning(
        "%d of the %d dates of `%s` are missing and left out, the first of them %s", count, total, path, first
    )
    return np.flatnonzero(~store.is_missing)
