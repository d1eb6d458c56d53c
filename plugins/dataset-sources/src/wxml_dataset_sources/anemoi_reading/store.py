"""A store in the layout of anemoi-datasets: opens it, and checks that it is whole."""

__all__ = ["COPY_AGAIN", "Store", "damaged", "data_array", "opened", "stored_moments", "written"]

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import zarr
from numpy.typing import NDArray
from wxml import Grid, Moments, Variable
from wxml.data.times import format_time, parse_duration, parse_time
from wxml.errors import DataError
from wxml.files.failures import damage_errors
from wxml.files.zarr_metadata import check_zarr_store

from wxml_dataset_sources.anemoi_reading.described import described
from wxml_dataset_sources.anemoi_reading.places import grid_of, recorded_grid
from wxml_dataset_sources.remote.documents import StoreAt, check_store
from wxml_dataset_sources.zarr_reading.opening import zarr_store
from wxml_dataset_sources.zarr_reading.whole_chunks import WholeChunks

DIMENSIONS: Final = ("dates", "variables", "ensembles", "values")
COPY_AGAIN: Final = "build the store again, or copy it again from where it was made"


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """What a store says before a field is read."""

    variables: tuple[Variable, ...]
    dates: NDArray[np.datetime64]
    """All instants on its axis, `datetime64[s]`."""
    is_missing: NDArray[np.bool_]
    """For each of them, whether the store lists it as missing; its values are NaN."""
    members: int
    grid: Grid


def opened(path: str, at: StoreAt | None = None) -> Store:
    """Open a store, and check that it is whole.

    Args:
        path: its folder; its address for messages, if it is on another machine.
        at: the store, if it is on another machine.

    Raises:
        DataError: it is damaged, was not finished, or has another layout.
    """
    with damage_errors(lambda error: damaged(path, error)):
        root = _group(path, at)
        attributes = dict(root.attrs)
        data = _array(root, "data")
        names = attributes.get("variables")
        if data is None or not isinstance(names, list):
            lacking = "the array `data`" if data is None else "the attribute `variables`"
            raise DataError(
                f"`{path}` has no layout of anemoi-datasets: it lacks {lacking}",
                fix="read it with the plugin `xarray`",
            )
        _check_dimensions(path, data)
        dates = _dates(path, root)
        north, east = (_places(path, root, name) for name in ("latitude", "longitude"))
        _check_shape(path, data, {"dates": len(dates), "variables": len(names), "values": len(north)})
        _check_axis(path, dates, attributes)
        _check_finished(path, root)
        said = attributes.get("variables_metadata")
        metadata: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
        return Store(
            tuple(described(str(name), metadata.get(name)) for name in names),
            dates,
            _missing(dates, attributes.get("missing_dates")),
            int(data.shape[2]),
            _grid(path, root, north, east, attributes),
        )


def data_array(path: str, at: StoreAt | None = None) -> "zarr.Array[Any]":
    """The array of the data of a store; see `opened`.

    Raises:
        DataError: it is not there.
    """
    array = _array(_group(path, at), "data")
    if array is None:
        raise _broken(path, "lacks the array `data`")
    return array


def written(path: str, at: StoreAt | None = None) -> int:
    """When the metadata of the data were last written, in nanoseconds; 0 on another machine, where a change is refused.

    Raises:
        DataError: a store on another machine was written again.
        OSError: they are not there.
    """
    if at is not None:
        check_store(at)
        return 0
    try:
        return os.stat(_metadata(path)).st_mtime_ns
    except FileNotFoundError:
        _metadata.cache_clear()  # it was written again in the other format
        return os.stat(_metadata(path)).st_mtime_ns


@lru_cache(maxsize=64)
def _metadata(path: str) -> str:
    """The file with the metadata of the data, which is looked for once."""
    names = [f"{path}/data/{name}" for name in ("zarr.json", ".zarray")]
    return names[0] if os.path.exists(names[0]) else names[1]


def stored_moments(path: str, kind: str, areas: NDArray[np.float64]) -> Moments | None:
    """The moments `[date, variable]` that wxml wrote into a store which it built; None if there are none of the kind.

    Args:
        path: the store, which `opened` accepts.
        kind: `area`, or `area_change_21600` for changes over so many seconds.
        areas: the weights of the nodes; moments with other weights are none.

    Raises:
        DataError: they are damaged.
    """
    folder = os.path.join(path, "_build", "moments", kind)
    if not os.path.isdir(folder):
        return None
    with damage_errors(lambda error: damaged(path, error)):
        weights = _array(_group(path, None), "area_weights")
        if weights is None or not np.array_equal(_values(path, weights), areas):
            return None
        group = zarr.open_group(zarr_store(folder), mode="r", use_consolidated=False)
        arrays = {name: _array(group, name) for name in Moments.nothing(0, 0).arrays()}
        if None in arrays.values():
            return None
        return Moments.from_arrays(
            {name: _values(path, array, folder) for name, array in arrays.items() if array is not None}
        )


def _group(path: str, at: StoreAt | None) -> zarr.Group:
    """The group at the root; its metadata, and those of the group of the build, name nothing that would run code."""
    if at is None and os.path.isdir(os.path.join(path, "_build")):
        check_zarr_store(os.path.join(path, "_build"))
    return zarr.open_group(zarr_store(path, at), mode="r", use_consolidated=False)


def _array(group: zarr.Group, name: str) -> "zarr.Array[Any] | None":
    found = group.get(name)
    return found if isinstance(found, zarr.Array) else None


def _values(path: str, array: "zarr.Array[Any]", folder: str = "") -> NDArray[Any]:
    """All values of an array beside the data.

    Args:
        path: the store, for messages.
        array: an array of it.
        folder: the group that was opened, if it is not the store.

    Raises:
        DataError: a chunk is not there; zarr would take its fill value for the latitude of a node, or for a date.
    """
    values = np.asarray(array[...])
    if isinstance(array.store, WholeChunks) and array.store.absent.parts(array.path):
        name = f"{os.path.relpath(folder, path)}/{array.path}" if folder else array.path
        raise _broken(path, f"lacks a chunk of `{name}`: it would be read as {array.fill_value}")
    return values


def damaged(path: str, error: Exception) -> DataError:
    """The error for a store that cannot be read."""
    if isinstance(error, PermissionError):
        return DataError(f"`{path}` may not be read: permission denied", fix="ask its owner, or check its mode")
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return _broken(path, f"cannot be read: {reason}")


def _broken(path: str, what: str) -> DataError:
    return DataError(f"`{path}` {what}", fix=COPY_AGAIN)


def _check_dimensions(path: str, data: "zarr.Array[Any]") -> None:
    if data.ndim == len(DIMENSIONS) and data.dtype.kind == "f":
        return
    kinds = {2: "a table of observations", 5: "several forecasts (base dates × steps)"}
    raise DataError(
        f"`{path}` holds {kinds.get(data.ndim, 'other data')} of type {data.dtype}, where floats along "
        f"{', '.join(DIMENSIONS)} are read",
        fix="build a store of fields, one for each date",
    )


def _dates(path: str, root: zarr.Group) -> NDArray[np.datetime64]:
    array = _array(root, "dates")
    if array is None or array.ndim != 1 or array.dtype.kind != "M":
        raise _broken(path, "lacks the array `dates`, or it holds no dates")
    dates = _values(path, array).astype("datetime64[s]")
    falls = np.flatnonzero(np.diff(dates) <= np.timedelta64(0, "s"))
    if len(falls) or not len(dates) or np.isnat(dates).any():
        where = f" after {format_time(dates[falls[0]])}" if len(falls) else ""
        raise _broken(path, f"holds dates that do not rise{where}")
    return dates


def _grid(
    path: str, root: zarr.Group, north: NDArray[np.float64], east: NDArray[np.float64], attributes: Mapping[str, Any]
) -> Grid:
    """The grid of a store, with the areas that wxml keeps in it where it built the store."""
    areas, found = _array(root, "area_weights"), None
    if areas is not None:
        found = recorded_grid(north, east, _values(path, areas).astype(np.float64), attributes.get("grid"))
    return found or grid_of(north, east, attributes.get("field_shape"))


def _places(path: str, root: zarr.Group, name: str) -> NDArray[np.float64]:
    """The coordinate `latitudes` or `longitudes`; stores of the first versions have its singular."""
    array = _array(root, f"{name}s")
    if array is None:
        array = _array(root, name)
    if array is None or array.ndim != 1:
        raise _broken(path, f"lacks the array `{name}s`")
    return _values(path, array).astype(np.float64)


def _check_shape(path: str, data: "zarr.Array[Any]", lengths: Mapping[str, int]) -> None:
    """Compare the shape of the data with what describes it: `lengths` by dimension."""
    for dimension, length in lengths.items():
        found = data.shape[DIMENSIONS.index(dimension)]
        if found != length:
            raise _broken(path, f"holds data of {found} {dimension}, and describes {length}")


def _check_axis(path: str, dates: NDArray[np.datetime64], attributes: Mapping[str, Any]) -> None:
    """Refuse an axis that lacks dates between its start and its end: missing ones stay on the axis as NaN."""
    try:
        start, end = (parse_time(str(attributes[key])) for key in ("start_date", "end_date"))
        frequency = parse_duration(_with_unit(attributes["frequency"]))
    except (KeyError, DataError):
        return  # it does not say them, or in months
    wanted = int((end - start) // frequency) + 1
    if wanted > len(dates):
        raise _broken(
            path,
            f"is shorter than its dates: {wanted} from {format_time(start)} to {format_time(end)} every "
            f"{attributes['frequency']}, and {len(dates)} are there",
        )


def _with_unit(frequency: object) -> str:
    """The frequency as text; a bare number counts hours."""
    return f"{frequency}h" if str(frequency).isdigit() else str(frequency)


def _check_finished(path: str, root: zarr.Group) -> None:
    """Refuse a store of which a part was not written; one without these records is taken as it is."""
    flags = _array(root, "_build/flags")
    if flags is None or flags.dtype.kind != "b":
        return
    done = np.asarray(flags[:])
    if not done.all():
        raise DataError(
            f"`{path}` was not built to the end: {int((~done).sum())} of its {done.size} parts are not written",
            fix="build its missing parts, or copy it once it is finished",
        )
    _values(path, flags)


def _missing(dates: NDArray[np.datetime64], listed: object) -> NDArray[np.bool_]:
    missing = [parse_time(str(date)) for date in listed] if isinstance(listed, list) else []
    return np.isin(dates, np.array(missing, "datetime64[s]"))
