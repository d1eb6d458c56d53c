"""Climatology of precipitation for SEEPS: the share of dry times, and what parts light from heavy precipitation."""

__all__ = ["CHUNK", "DAYS", "RainClimatology", "make_rain_climatology", "near_days", "row_blocks"]

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.units import conversion
from wxml.errors import DataError
from wxml.files.staging import staged
from wxml.files.zarr_metadata import check_zarr_store
from wxml.forecasting.layout import grid_coordinates
from wxml.verification.metric import PastFields

from wxml_verification.arrays import Array

DAYS = 366
HEAVY = 2 / 3  # of the wet amounts, two thirds are light
BYTES = 256 * 2**20  # of past values of some nodes that are in memory
CHUNK = 2**20  # bytes of fields that are compressed together
SAME_PLACE = 1e-3  # degrees
WEATHERBENCH_UNITS = "m"  # of files of WeatherBench 2, which state none
FIX = "remove it, so that it is made again, or name another `climatology`"


class RainClimatology:
    """A file in the layout of WeatherBench 2, of which one field is read at a time.

    It has `NAME_seeps_threshold` and `NAME_seeps_dry_fraction` by `hour`, `dayofyear` (1 to 366) and the nodes.
    """

    def __init__(self, path: Path, name: str, grid: Grid, units: str) -> None:
        """Open a file.

        Args:
            path: a zarr store.
            name: of the variable.
            grid: whose nodes the file must have.
            units: of the values that will be compared.

        Raises:
            DataError: it cannot be read, lacks the variable, or has other nodes.
        """
        check_zarr_store(str(path))
        self._path, self._kept = path, dict[tuple[int, int], Array]()
        dataset = xr.open_dataset(path, engine="zarr")
        missing = {f"{name}_seeps_{part}" for part in ("threshold", "dry_fraction")} - set(dataset.data_vars)
        if missing:
            raise DataError(f"the climatology `{path}` lacks {', '.join(sorted(missing))}", fix=FIX)
        dataset, axes = _on_nodes(dataset, grid, path)
        self._thresholds = dataset[f"{name}_seeps_threshold"].transpose("hour", "dayofyear", *axes)
        self._places = {
            (int(day), int(hour)): (row, column)
            for row, hour in enumerate(dataset["hour"].values)
            for column, day in enumerate(dataset["dayofyear"].values)
        }
        shares = dataset[f"{name}_seeps_dry_fraction"].transpose("hour", "dayofyear", *axes)
        self.dry_share: Array = _mean(shares, len(grid))
        """The mean over days and hours of the share of dry times, p₁, shape `[node]`."""
        found = str(self._thresholds.attrs.get("units", WEATHERBENCH_UNITS))
        line = conversion(found, units) if found != units else None
        if found != units and line is None:
            raise DataError(f"the climatology `{path}` is in {found}, which is not convertible to {units}", fix=FIX)
        self._scale = 1.0 if line is None else line.scale

    def threshold(self, time: np.datetime64) -> Array:
        """The amount from which on precipitation is heavy at a valid time, shape `[node]`; NaN where nothing is known.

        Raises:
            DataError: the file lacks the day of the year or the time of day.
        """
        day = 1 + int((time.astype("datetime64[D]") - time.astype("datetime64[Y]")).astype(np.int64))
        hour = int(time.astype("datetime64[h]").astype(np.int64) % 24)
        if (day, hour) not in self._places:
            problem = f"the climatology `{self._path}` has no values of day {day} of the year at {hour} UTC"
            raise DataError(problem, fix=FIX)
        if (day, hour) not in self._kept:
            if len(self._kept) == 64:
                self._kept.clear()
            found = self._thresholds[self._places[day, hour]].values.ravel()
            self._kept[day, hour] = self._scale * found.astype(np.float64)
        return self._kept[day, hour]


def make_rain_climatology(past: PastFields, name: str, units: str, path: Path, *, dry: float, window: int) -> None:
    """Make a climatology of all past times: for each hour and day of the year, those within some days of it.

    Args:
        past: the past values.
        name: of the variable.
        units: of the values.
        path: the new zarr store, made beside it first.
        dry: the greatest amount that counts as dry, in the units of the values.
        window: days on either side of a day.

    Raises:
        DataError: the past lacks the variable.
    """
    past.source.header.variable_indices((name,))
    hours_of_time = past.times.astype("datetime64[h]").astype(np.int64) % 24
    hours = np.unique(hours_of_time)
    grid = past.source.header.grid
    with staged(path) as temporary:
        group = zarr.open_group(str(temporary), mode="w", zarr_format=2)
        arrays = _arrays(group, grid, name, units, hours)
        for place, hour in enumerate(hours):
            times = past.times[hours_of_time == hour]
            days = (times.astype("datetime64[D]") - times.astype("datetime64[Y]")).astype(np.int64)
            for rows, values in row_blocks(past, times, name):
                found = np.stack([_dry_and_heavy(values[near_days(days, day, window)], dry) for day in range(DAYS)], 1)
                for array, one in zip(arrays, found, strict=True):
                    array[place, :, rows] = one.reshape(DAYS, -1, *grid.shape[1:])
        zarr.consolidate_metadata(str(temporary), zarr_format=2)


def near_days(days: NDArray[np.int64], day: int, window: int) -> NDArray[np.bool_]:
    """Which days of the year are within a window around one, around the turn of the year."""
    apart = np.abs(days - day)
    return np.asarray(np.minimum(apart, DAYS - apart) <= window)


def row_blocks(past: PastFields, times: NDArray[np.datetime64], name: str) -> Iterator[tuple[slice, Array]]:
    """Some rows of nodes after the others, and all values there, shape `[time, some]`."""
    grid, members = past.source.header.grid, past.source.header.members
    row = len(grid) // grid.shape[0]
    length = max(1, BYTES // (4 * len(times) * row))
    at_once = max(1, BYTES // (4 * len(grid) * members))
    for start in range(0, grid.shape[0], length):
        rows = slice(start, min(start + length, grid.shape[0]))
        nodes = slice(rows.start * row, rows.stop * row)
        parts = [
            past.source.read(times[first : first + at_once], (name,))[:, :, 0, nodes].mean(axis=1)
            for first in range(0, len(times), at_once)
        ]
        yield rows, np.concatenate(parts)


def _dry_and_heavy(values: Array, dry: float) -> tuple[Array, Array]:
    """The share of dry values and the ⅔ quantile of the wet ones, linear between two, shape `[node]` each."""
    known, wet = np.isfinite(values), values > dry
    count, number = known.sum(axis=0), wet.sum(axis=0)
    share = np.where(count > 0, 1 - number / np.maximum(count, 1), np.nan)
    if not len(values):
        return share, np.full(share.shape, np.nan)
    ordered = np.sort(np.where(wet, values, np.inf), axis=0)
    place = HEAVY * np.maximum(number - 1, 0)
    below = np.floor(place).astype(np.int64)
    low, high = (np.take_along_axis(ordered, at[None], 0)[0] for at in (below, np.minimum(below + 1, len(values) - 1)))
    low = np.where(number > 0, low, 0.0)
    high = np.where(np.isfinite(high), high, low)  # there is no wetter one
    between = low + np.where(place > below, (place - below) * (high - low), 0.0)
    return share, np.where(number > 0, between, np.nan)


def _arrays(group: zarr.Group, grid: Grid, name: str, units: str, hours: NDArray[np.int64]) -> list[Any]:
    """The coordinates, and the empty arrays of the share and of the threshold, a chunk for each day and hour."""
    latitude, longitude, cells = grid_coordinates(grid)
    axes = ("hour", "dayofyear", *cells.dimensions)
    shape, days = (len(hours), DAYS, *grid.shape), min(DAYS, max(1, CHUNK // (4 * len(grid))))
    known: list[tuple[str, tuple[str, ...], NDArray[Any]]] = [
        ("hour", ("hour",), hours),
        ("dayofyear", ("dayofyear",), np.arange(1, DAYS + 1)),
    ]
    known += [(one.name, one.dimensions, one.values) for one in (latitude, longitude)]
    for key, dimensions, values in known:
        fill = np.nan if np.asarray(values).dtype.kind == "f" else -1  # 0 would be read as missing
        array = group.create_array(key, shape=np.shape(values), dtype=np.asarray(values).dtype, fill_value=fill)
        array[...] = np.asarray(values)
        array.attrs["_ARRAY_DIMENSIONS"] = list(dimensions)
    made = []
    for part, unit in (("dry_fraction", "1"), ("threshold", units)):
        array = group.create_array(
            f"{name}_seeps_{part}", shape=shape, chunks=(1, days, *grid.shape), dtype="f4", fill_value=np.nan
        )
        array.attrs.update({"_ARRAY_DIMENSIONS": list(axes), "units": unit})
        made.append(array)
    return made


def _on_nodes(dataset: xr.Dataset, grid: Grid, path: Path) -> tuple[xr.Dataset, tuple[str, ...]]:
    """The fields in the order of the nodes, row by row, and their axes.

    Raises:
        DataError: these are other nodes.
    """
    places = grid_coordinates(grid)
    axes = places[2].dimensions
    if all(one.name in dataset.indexes for one in places[:2]):  # rows and columns may have another order
        dataset = dataset.sel({one.name: one.values for one in places[:2]}, method="nearest")
    for one in places[:2]:
        found = dataset[one.name].values if one.name in dataset else np.empty(0)
        apart = np.mod(found - one.values + 180, 360) - 180 if found.shape == one.values.shape else np.array([np.inf])
        if np.abs(apart).max() > SAME_PLACE:
            raise DataError(f"the climatology `{path}` has other nodes than the forecast ({one.name})", fix=FIX)
    return dataset, axes


def _mean(shares: xr.DataArray, count: int) -> Array:
    """The mean over hours and days, of the fields that are known."""
    total, number = np.zeros(count), np.zeros(count)
    length = max(1, CHUNK // (4 * count))
    for hour in range(shares.shape[0]):
        for first in range(0, shares.shape[1], length):
            fields = shares[hour, first : first + length].values.reshape(-1, count).astype(np.float64)
            total += np.nansum(fields, axis=0)
            number += np.isfinite(fields).sum(axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
