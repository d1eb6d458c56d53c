"""The fields of real files as xarray, ecCodes and pandas give them, without anything of wxml."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

MOST = 24
"""So many messages of a file are compared by value; all are compared by name and time."""


@dataclass
class Truth:
    """One field: its name, what it is, and its values."""

    name: str
    units: str
    latitudes: NDArray[np.float64]
    """`[node]`, as are the longitudes and the values."""
    longitudes: NDArray[np.float64]
    values: NDArray[np.float64] | None
    """None if the values of this field are not compared."""
    time: np.datetime64 | None = None
    """None for a field that holds at all times."""
    member: int = 0


@dataclass
class Messages:
    """GRIB files."""

    pattern: str
    chosen: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Keys and the values of which a message has one."""
    numbered: Sequence[str] = ("isobaricInhPa", "isobaricInPa", "hybrid", "heightAboveGround of pres")
    """Types of level whose number is part of the name."""

    def fields(self, folder: Path) -> Iterator[Truth]:
        """One for each message that passes."""
        for path in sorted(folder.glob(self.pattern)):
            with path.open("rb") as file:
                every = max(eccodes.codes_count_in_file(file) // MOST, 1)
            for number, message in enumerate(_messages(path)):
                if all(_get(message, key) in values for key, values in self.chosen.items()):
                    yield self._field(message, has_values=number % every == 0)

    def _field(self, message: int, *, has_values: bool) -> Truth:
        name = _get(message, "cfVarName")
        name = _get(message, "shortName") if name in ("unknown", "~") else name
        kind, level = _get(message, "typeOfLevel"), eccodes.codes_get_double(message, "level")
        if kind in self.numbered or f"{kind} of {name}" in self.numbered:
            name = f"{name}_{level / 100 if kind == 'isobaricInPa' else level:g}"
        places = [eccodes.codes_get_array(message, key) for key in ("latitudes", "longitudes")]
        values = eccodes.codes_get_values(message) if has_values else None
        if values is not None and _get(message, "bitmapPresent"):
            values = np.where(values == eccodes.codes_get_double(message, "missingValue"), np.nan, values)
        return Truth(
            name, _get(message, "units"), *places, values, _valid_time(message), int(_get(message, "number") or 0)
        )


def _messages(path: Path) -> Iterator[int]:
    """The messages of a file, and each field of one that holds several."""
    eccodes.codes_grib_multi_support_on()
    try:
        with path.open("rb") as file:
            while (message := eccodes.codes_grib_new_from_file(file)) is not None:
                yield message
                eccodes.codes_release(message)
    finally:
        eccodes.codes_grib_multi_support_off()


def _get(message: int, key: str) -> Any:
    try:
        return eccodes.codes_get(message, key)
    except eccodes.KeyValueNotFoundError:
        return None


def _valid_time(message: int) -> np.datetime64 | None:
    """When the field is valid; None where the date is nonsense."""
    date, time = _get(message, "validityDate"), _get(message, "validityTime")
    if date is None or date > 30000000:
        return None
    text = f"{date:08d}"
    return np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}T{time // 100:02d}:{time % 100:02d}", "s")


@dataclass
class Arrays:
    """NetCDF files or a zarr store, with the names of their axes."""

    pattern: str
    time: str | None = "time"
    level: str = ""
    member: str = ""
    latitude: str = "latitude"
    longitude: str = "longitude"
    place: tuple[float, float] | None = None
    start: str | None = None
    """The start of the forecast, if `time` is hours of lead time."""
    rename: dict[str, str] = field(default_factory=dict)
    """Name of a file and a variable to the name of the variable."""
    variables: Sequence[str] | None = None
    levels: Sequence[float] | None = None
    is_running: bool = False
    """Whether the values are totals from the start on; those of each step are wanted."""

    def fields(self, folder: Path) -> Iterator[Truth]:
        """The first, the middle and the last time of the first and the last level of every variable."""
        for path in sorted(folder.glob(self.pattern)):
            engine = "zarr" if path.is_dir() else None
            with xr.open_dataset(path, decode_timedelta=False, engine=engine) as dataset:
                for name, array in dataset.data_vars.items():
                    wanted = self.variables is None or name in self.variables
                    if wanted and self._is_field(dataset, array):
                        called = self.rename.get(f"{path.name}:{name}", str(name))
                        yield from self._of_variable(dataset, _in_range(array), called)

    def _is_field(self, dataset: xr.Dataset, array: xr.DataArray) -> bool:
        if self.place:
            return self.time in array.dims
        return set(dataset[self.latitude].dims) | set(dataset[self.longitude].dims) <= set(array.dims)

    def _of_variable(self, dataset: xr.Dataset, array: xr.DataArray, name: str) -> Iterator[Truth]:
        places = self._places(dataset)
        has_time = self.time in array.dims
        times = range(array.sizes[self.time]) if has_time else range(1)
        rows = sorted({times[1 if self.is_running else 0], times[len(times) // 2], times[-1]})
        levels = [None] if self.level not in array.dims else list(range(array.sizes[self.level]))
        for row in rows:
            moment = self._moment(dataset, row)
            field = array.isel({self.time: row}) if has_time else array
            if self.is_running and name == "pr":
                field = field - array.isel({self.time: row - 1})
            for level in levels if len(levels) < 3 else (levels[0], levels[-1]):
                yield from self._of_level(dataset, field, name, level, moment, places)

    def _of_level(
        self, dataset: xr.Dataset, field: xr.DataArray, name: str, level: int | None, moment: Any, places: Any
    ) -> Iterator[Truth]:
        units = str(dataset[name].attrs.get("units", "")) if name in dataset else None
        if level is not None:
            number = float(dataset[self.level][level])
            if self.levels is not None and number not in self.levels:
                return
            name, field = f"{name}_{number:g}", field.isel({self.level: level})
        for member in range(field.sizes.get(self.member, 1)):
            one = field.isel({self.member: member}) if self.member in field.dims else field
            values = one.transpose(*self._node_dims(dataset, one)).values.astype(np.float64).ravel()
            yield Truth(name, units, *places, values, moment, member)

    def _moment(self, dataset: xr.Dataset, row: int) -> np.datetime64 | None:
        if self.time is None:
            return None
        value = np.atleast_1d(dataset[self.time].values)[row]
        if self.start is not None:
            return np.datetime64(self.start, "s") + np.timedelta64(int(value), "h")
        return np.datetime64(value, "s")

    def _node_dims(self, dataset: xr.Dataset, one: xr.DataArray) -> list[str]:
        if self.place:
            return []
        names = dict.fromkeys((*dataset[self.latitude].dims, *dataset[self.longitude].dims))
        return [str(name) for name in names if name in one.dims]

    def _places(self, dataset: xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.place:
            return np.array(self.place[:1]), np.array(self.place[1:])
        latitude, longitude = (dataset[name].values.astype(np.float64) for name in (self.latitude, self.longitude))
        if latitude.ndim == 1:
            latitude, longitude = np.meshgrid(latitude, longitude, indexing="ij")
        return latitude.ravel(), longitude.ravel()


def _in_range(array: xr.DataArray) -> xr.DataArray:
    """Without the values outside of `valid_range`, which xarray leaves as they are."""
    if "valid_range" not in array.attrs:
        return array
    low, high = array.attrs["valid_range"]
    return array.where((array >= low) & (array <= high))


@dataclass
class Steps:
    """The sums over each step, of messages whose totals run on from the start."""

    totals: Messages

    def fields(self, folder: Path) -> Iterator[Truth]:
        """One for each time; the first total is a sum itself."""
        before: NDArray[np.float64] | float = 0.0
        for one in sorted(self.totals.fields(folder), key=lambda each: str(each.time)):
            assert one.values is not None
            now, one.values = one.values, one.values - before
            before = now
            yield one


@dataclass
class Tables:
    """Observations by station and time."""

    path: str
    station: str
    time: str
    variables: dict[str, str]
    """With their units."""
    places: str | None = None

    def fields(self, folder: Path) -> Iterator[Truth]:
        """Some times of all stations, in the order of their names; the last report of each station counts."""
        read = pd.read_parquet if self.path.endswith("parquet") else pd.read_csv
        rows = read(folder / self.path)
        rows["when"] = pd.to_datetime(rows[self.time], utc=True).dt.tz_localize(None).astype("datetime64[s]")
        names = sorted(rows[self.station].unique())
        latitudes, longitudes = self._places(folder, rows, names)
        times = np.sort(rows["when"].unique())
        for time in times[:: len(times) // 50]:
            now = rows[rows["when"] == time].groupby(self.station)[list(self.variables)].last().reindex(names)
            for name, units in self.variables.items():
                values = now[name].to_numpy(np.float64)
                yield Truth(name, units, latitudes, longitudes, values, np.datetime64(time, "s"))

    def _places(self, folder: Path, rows: pd.DataFrame, names: Sequence[str]) -> list[NDArray[np.float64]]:
        if self.places is None:
            first = rows.groupby(self.station)[["latitude", "longitude"]].first().reindex(names)
            return [first[name].to_numpy(np.float64) for name in ("latitude", "longitude")]
        with (folder / self.places).open(encoding="utf-8") as file:
            table = {row["station"]: row for row in csv.DictReader(file)}
        return [np.array([float(table[name][key]) for name in names]) for key in ("latitude", "longitude")]
