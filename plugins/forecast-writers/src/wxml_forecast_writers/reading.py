"""Reads a forecast file of either format: its axes, and its fields one initial time after the other."""

__all__ = ["stored_forecast"]

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml import ForecastHeader, Grid, GridPart, StoredForecast, Variable
from wxml.data.sphere import wrapped
from wxml.errors import ArtefactError, DataError
from wxml.files.failures import damage_errors
from wxml.files.hdf5_structure import check_hdf5_file
from wxml.files.json_loader import load_json
from wxml.files.netcdf_lock import NETCDF_LOCK
from wxml.files.zarr_metadata import check_zarr_store
from wxml.forecasting.layout import (
    AREA_WEIGHT,
    BOUNDARY,
    HORIZONTAL,
    LATITUDE,
    LEAD_TIME,
    LONGITUDE,
    MEMBER,
    PART,
    PARTS,
    PROVENANCE,
    STATION,
    STATIONS,
    TIME,
    parts_from_text,
    provenance_from_text,
)

AXES, PLACES = (TIME, LEAD_TIME), (LATITUDE, LONGITUDE)
Array = NDArray[np.float64]


def stored_forecast(path: Path) -> StoredForecast:
    """Open a forecast in zarr or NetCDF, in the layout of `wxml.forecasting.layout`.

    Raises:
        DataError: there is no such file, it is damaged, or no forecast.
    """
    with _reading(path), NETCDF_LOCK:
        # Lazily: `chunks=None` without dask reads just the slices that are asked for.
        dataset = xr.open_dataset(chunks=None, decode_timedelta=True, **_checked(path))
    try:
        file = _ForecastFile(path, dataset)
        return StoredForecast(file.header(), file.read, dataset.close, has_areas=AREA_WEIGHT in dataset)
    except BaseException:
        dataset.close()
        raise


class _ForecastFile:
    """An open file that is known to hold a forecast."""

    def __init__(self, path: Path, dataset: xr.Dataset) -> None:
        self._path, self._dataset = path, dataset
        self._horizontal = self._check()
        self._nodes = math.prod(dataset.sizes[name] for name in self._horizontal)

    def header(self) -> ForecastHeader:
        """What the file says of itself; no provenance where it has none that can be read."""
        dataset, axes = self._dataset, {*AXES, *self._horizontal}
        names = [str(name) for name, array in dataset.data_vars.items() if {*array.dims} - {MEMBER} == axes]
        return ForecastHeader(
            grid=self._grid(),
            variables=tuple(self._variable(name) for name in names),
            initial_times=dataset[TIME].values.astype("datetime64[s]"),
            lead_times=dataset[LEAD_TIME].values.astype("timedelta64[s]"),
            members=int(dataset.sizes.get(MEMBER, 1)),
            provenance=_record(self._path, dataset.attrs.get(PROVENANCE)),
            boundary=self._boundary(),
            stations=self._stations(),
        )

    def read(self, case: int, name: str) -> NDArray[np.floating[Any]]:
        """The values of one initial time and variable, `[lead_time, member, node]`; only these are read."""
        dataset = self._dataset
        members = int(dataset.sizes.get(MEMBER, 1))
        with _reading(self._path):
            field = dataset[name].isel({TIME: case})
            field = field if MEMBER in field.dims else field.expand_dims({MEMBER: members})
            values = field.transpose(LEAD_TIME, MEMBER, *self._horizontal).values
        return np.asarray(values.reshape(-1, members, self._nodes))

    def _variable(self, name: str) -> Variable:
        """What the file says of a variable; empty where it does not say."""
        attributes = {key: str(value) for key, value in self._dataset[name].attrs.items()}
        return Variable(
            name,
            units=attributes.get("units", ""),
            step_type=attributes.get("step_type", ""),
            period=attributes.get("period", ""),
            level_units=attributes.get("level_units", ""),
            standard_name=attributes.get("standard_name", ""),
            height=_height(self._dataset[name].attrs),
            level_type=attributes.get("level_type", ""),
            grib=attributes.get("grib", ""),
            statistic=attributes.get("member_statistic", ""),
        )

    def _grid(self) -> Grid:
        """The nodes in the order of the file, with its area weights; without any, all nodes have the same."""
        latitudes, longitudes = xr.broadcast(*(self._dataset[name].reset_coords(drop=True) for name in PLACES))
        shape = tuple(self._dataset.sizes[name] for name in self._horizontal)
        return Grid(
            self._flat(latitudes),
            wrapped(self._flat(longitudes)),
            self._area_weights(),
            shape,
            is_regular=self._horizontal == HORIZONTAL[0],
            parts=self._parts(),
        )

    def _parts(self) -> tuple[GridPart, ...]:
        """The grids whose nodes these are; none where the file has one grid.

        Raises:
            DataError: what the file says of them is damaged.
        """
        text = self._dataset[PART].attrs.get(PARTS) if PART in self._dataset.variables else None
        return parts_from_text(str(self._path), text, self._nodes)

    def _stations(self) -> tuple[str, ...]:
        """The names of the stations; none where the nodes are others.

        Raises:
            DataError: what the file says of them is damaged.
        """
        if STATION not in self._dataset.variables or STATIONS not in self._dataset[STATION].attrs:
            return ()
        with _reading(self._path):
            return tuple(map(str, load_json(self._dataset[STATION].attrs[STATIONS])))

    def _area_weights(self) -> Array:
        """The share of the area that each node stands for, shape `[node]`; the same for each where the file is silent.

        Raises:
            DataError: a share is negative or missing.
        """
        if AREA_WEIGHT not in self._dataset:
            return np.full(self._nodes, 1 / self._nodes)
        weights = self._flat(self._dataset[AREA_WEIGHT])
        if not (np.all(weights >= 0) and 0 < weights.sum() < np.inf):
            raise DataError(
                f"`{AREA_WEIGHT}` of `{self._path}` must be shares of an area, got numbers from {weights.min():g} to "
                f"{weights.max():g}",
                fix="correct them, or take the variable out: the areas are then those of the truth",
            )
        return np.asarray(weights / weights.sum())

    def _boundary(self) -> NDArray[np.bool_] | None:
        """Which nodes are given and not forecast, shape `[node]`; None where the file names none.

        Raises:
            DataError: a value is neither 0 nor 1.
        """
        if BOUNDARY not in self._dataset or {*self._dataset[BOUNDARY].dims} != {*self._horizontal}:
            return None
        values = self._flat(self._dataset[BOUNDARY])
        if not np.isin(values, (0, 1)).all():
            raise DataError(
                f"`{BOUNDARY}` of `{self._path}` must be 0 or 1, got numbers from {values.min():g} to {values.max():g}",
                fix="correct them, or take the variable out: all nodes are then scored",
            )
        return np.asarray(values == 1)

    def _flat(self, values: xr.DataArray) -> Array:
        with _reading(self._path):
            return values.transpose(*self._horizontal).values.astype(np.float64).ravel()

    def _check(self) -> tuple[str, ...]:
        """Return the names of the horizontal dimensions; raise a DataError if this is no wxml forecast."""
        sizes = self._dataset.sizes
        horizontal = next((names for names in HORIZONTAL if all(sizes.get(name) for name in names)), ())
        lacking = [f"the dimension `{name}`" for name in AXES if not sizes.get(name)]
        lacking += [] if horizontal else ["the dimensions `latitude, longitude` (or `y, x`, or `cell`)"]
        lacking += [f"the coordinate `{name}`" for name in PLACES if name not in self._dataset.variables]
        kinds = {name: self._dataset[name].dtype.kind for name in AXES if name in self._dataset.variables}
        lacking += [
            f"times in `{name}`" for name, kind in zip(AXES, "Mm", strict=True) if kinds.get(name, kind) != kind
        ]
        if lacking:
            raise DataError(
                f"`{self._path}` is not a wxml forecast: it lacks {', '.join(lacking)}; its dimensions are "
                f"{', '.join(f'{name} {size}' for name, size in sizes.items()) or 'none'}",
                fix="name a file that `wxml forecast` wrote as zarr or NetCDF",
            )
        self._check_axes()
        return horizontal

    def _check_axes(self) -> None:
        """Raise a DataError if an initial time or a lead time is there twice: its case would count twice."""
        for name in AXES:
            values, counts = np.unique(self._dataset[name].values, return_counts=True)
            if counts.max() > 1:
                raise DataError(
                    f"`{self._path}` holds {values[np.argmax(counts)]} in `{name}` {counts.max()} times",
                    fix=f"keep each once, for example with `dataset.drop_duplicates({name!r})`",
                )


def _record(path: Path, text: Any) -> dict[str, Any]:
    """The provenance in the attribute, which a file may lack that wxml did not write; `read_provenance` is strict."""
    try:
        return provenance_from_text(str(path), text)
    except ArtefactError:
        return {}


def _height(attributes: Mapping[str, Any]) -> str:
    """The height as `Variable.height` has it; empty where the file states none."""
    try:
        return f"{float(attributes['height']):g} {attributes['height_units']}"
    except (KeyError, TypeError, ValueError):  # none, or none that wxml wrote
        return ""


def _checked(path: Path) -> dict[str, Any]:
    """How xarray opens the file; refuse one that leads to other files, runs code, or holds no numbers."""
    if path.is_dir():
        from zarr.storage import LocalStore  # takes a while to load

        check_zarr_store(path)
        # zarr takes a name with :: in it for an address
        return {"filename_or_obj": LocalStore(path, read_only=True), "engine": "zarr", "consolidated": False}
    for name, reason in check_hdf5_file(path).items():
        raise DataError(
            f"the forecast `{path}` cannot be read: its variable `{name}` {reason}",
            fix="name a file that `wxml forecast` wrote as zarr or NetCDF",
        )
    return {"filename_or_obj": path.absolute(), "engine": "netcdf4", "lock": NETCDF_LOCK}


def _reading(path: Path) -> AbstractContextManager[None]:
    """Turn errors of the file libraries into a DataError that names the file."""
    return damage_errors(partial(_damaged, path))


def _damaged(path: Path, error: Exception) -> DataError:
    if not path.exists():
        return DataError(f"there is no forecast file `{path}`", fix="write one first: wxml forecast")
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(
        f"the forecast `{path}` cannot be read: {reason}",
        fix="it must be zarr or NetCDF (GRIB is not read here); if it was cut short, run `wxml forecast` again",
    )
