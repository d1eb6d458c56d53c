"""Fields by day of the year and time of day, as in the climatologies of WeatherBench 2, on the times of a leap year."""

__all__ = ["DAY", "HOUR", "SHARE", "YEAR", "CycleReader", "read_cycle"]

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml import Variable
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.absent_values import AbsentChunkError
from wxml_dataset_sources.xarray_reading.arrays import ArrayReader, read_arrays
from wxml_dataset_sources.xarray_reading.block import Block, FileContent, Reader, Selection
from wxml_dataset_sources.xarray_reading.files import DataFile
from wxml_dataset_sources.xarray_reading.opening import in_file, opened
from wxml_dataset_sources.xarray_reading.repeated_meridian import FirstColumnsReader, Placed

DAY, HOUR, SHARE = "dayofyear", "hour", "quantile"
"""The dimensions, as WeatherBench 2 names them."""
YEAR: Final = np.datetime64("2000-01-01", "s")
"""The start of the leap year: day 1 at 00 UTC."""
HOW = "name it in `rename` as dayofyear (1 to 366), hour (0 to 23) or quantile (0 to 1), or mend the coordinate"


@dataclass(frozen=True, slots=True, eq=False)
class _Cycle:
    """The axes of a file, by their names in it."""

    day: str
    days: NDArray[np.int64]
    """From 1 to 366."""
    hour: str | None
    hours: NDArray[np.int64]
    """From 0 to 23; all of them where the file has no times of day, and those of the others for a field without."""
    share: str | None
    shares: NDArray[np.float64]

    @property
    def held(self) -> dict[str, int]:
        """The first position along each dimension."""
        return {name: 0 for name in (self.day, self.hour, self.share) if name is not None}


@dataclass(frozen=True, slots=True, eq=False)
class CycleReader:
    """Reads a variable by positions in the leap year."""

    reader: ArrayReader
    """Reads it with the day along its dimension of time."""
    hour: str | None
    """The dimension of the times of day; None: each day has one field."""
    places: NDArray[np.intp]
    """The positions of day and hour in the file of each time of the leap year, shape `[2, time]`."""
    together: tuple[int, int, int] = (1, 1, 1)
    """See `Reader.together`."""

    def read(self, times: NDArray[np.intp], members: NDArray[np.intp], levels: NDArray[np.intp]) -> NDArray[np.float32]:
        """See `Reader.read`; days and hours at once where most of their pairs are asked for, as they share chunks."""
        days, hours = self.places[:, times]
        known_days, day = np.unique(days, return_inverse=True)
        known_hours, hour = np.unique(hours, return_inverse=True)
        few = 2 * len(times) < len(known_days) * len(known_hours)
        if few or self.hour is None or self.reader.layout.member is not None:
            return self._hour_by_hour(times, members, levels)
        pairs = replace(self.reader, layout=replace(self.reader.layout, member=self.hour))
        try:
            values = pairs.read(known_days, known_hours, levels)  # [day, hour, level, node]
        except AbsentChunkError:
            return self._hour_by_hour(times, members, levels)  # it knows the time
        if len(times) == len(known_days) * len(known_hours):
            return values.reshape(len(times), 1, *values.shape[2:])
        return values[day, hour][:, None]

    def _hour_by_hour(
        self, times: NDArray[np.intp], members: NDArray[np.intp], levels: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """The same, one time of day after the other."""
        days, hours = self.places[:, times]
        out: NDArray[np.float32] | None = None
        for hour in np.unique(hours) if self.hour else (0,):
            own = np.flatnonzero(hours == hour) if self.hour else np.arange(len(times))
            wanted, back = np.unique(days[own], return_inverse=True)
            try:
                values = self._at(int(hour)).read(wanted, members, levels)
            except AbsentChunkError as error:
                first = own[np.flatnonzero(back == error.time)[0]]
                raise AbsentChunkError(str(error), error.filled, int(first)) from error
            out = np.empty((len(times), *values.shape[1:]), np.float32) if out is None else out
            out[own] = values[back]
        return np.empty(0, np.float32) if out is None else out

    def _at(self, hour: int) -> ArrayReader:
        if self.hour is None:
            return self.reader
        return replace(self.reader, fixed={**self.reader.fixed, self.hour: hour})


def read_cycle(file: DataFile, selection: Selection, grids: dict[Hashable, Placed]) -> FileContent:
    """The blocks of a file whose fields are by day of the year; other fields are left out.

    Args:
        file: NetCDF or zarr.
        selection: the variables and levels that the user wants.
        grids: see `read_arrays`.

    Raises:
        DataError: the file has no days of the year, or its axes have other values; see `read_arrays`.
    """
    if file.engine == "grib":
        raise DataError(
            f"`{file.path}` is GRIB, and a climatology is read from NetCDF or zarr",
            fix="name a file with the dimension `dayofyear`",
        )
    dataset = opened(file)
    with in_file(file.path):
        cycle = _cycle(dataset, partial(selection.name, file.path))
    content = read_arrays(file, selection, grids, cycle.held)
    blocks = tuple(one for block in content.blocks for one in _blocks(block, dataset, cycle))
    return replace(content, blocks=blocks)


def _cycle(dataset: xr.Dataset, called: partial[str]) -> _Cycle:
    """The axes of a file."""
    names = {called(str(dim)): str(dim) for dim in dataset.dims}
    if DAY not in names:
        listed = ", ".join(f"`{dim}`" for dim in dataset.dims)
        raise DataError(f"no dimension is the day of the year (`{DAY}`); there are {listed}", fix=HOW)
    days = _axis(dataset, names[DAY], (1, 366)).astype(np.int64)
    hours = _axis(dataset, names[HOUR], (0, 23)).astype(np.int64) if HOUR in names else np.arange(24)
    shares = _axis(dataset, names[SHARE], (0, 1)) if SHARE in names else np.empty(0)
    return _Cycle(names[DAY], days, names.get(HOUR), hours, names.get(SHARE), shares)


def _axis(dataset: xr.Dataset, name: str, ends: tuple[int, int]) -> NDArray[np.float64]:
    """The values of an axis, which are between its ends, and whole if these are more than 1 apart."""
    if name not in dataset.variables:
        raise DataError(f"the dimension `{name}` has no coordinate", fix=HOW)
    stored = np.asarray(dataset[name].values)
    values = stored.astype(np.float64) if stored.dtype.kind in "iuf" else np.array([np.nan])
    inside = bool(np.all((values >= ends[0]) & (values <= ends[1])))
    whole = ends[1] == 1 or bool(np.all(values % 1 == 0))
    if not (inside and whole and values.ndim == 1 and len(np.unique(values)) == len(values)):
        shown = ", ".join(map(str, stored.reshape(-1)[:5].tolist()))
        kind = "a different number" if ends[1] == 1 else "a different whole number"
        raise DataError(f"each value of `{name}` must be {kind} from {ends[0]} to {ends[1]}, got {shown} …", fix=HOW)
    return values


def _blocks(block: Block, dataset: xr.Dataset, cycle: _Cycle) -> Iterator[Block]:
    """The blocks of a variable, one for each quantile that it has; none if it has no days of the year."""
    outer = block.reader
    inner = outer.reader if isinstance(outer, FirstColumnsReader) else outer
    if not isinstance(inner, ArrayReader) or cycle.day not in dataset[inner.name].dims:
        return
    variable = dataset[inner.name].variable
    times, places = _times(cycle)
    layout = replace(inner.layout, time=cycle.day)
    chunk = variable.encoding.get("preferred_chunks") or {}
    together = (_together(chunk, cycle), *inner.together[1:])
    for number, share in enumerate(cycle.shares) if cycle.share in variable.dims else ((0, None),):
        fixed = inner.fixed if share is None else {**inner.fixed, str(cycle.share): number}
        hour = cycle.hour if cycle.hour in variable.dims else None
        reader: Reader = CycleReader(replace(inner, layout=layout, fixed=fixed), hour, places, together)
        if isinstance(outer, FirstColumnsReader):
            reader = replace(outer, reader=reader)
        variables = tuple(one if share is None else _quantile(one, share) for one in block.variables)
        yield replace(block, times=times, reader=reader, variables=variables)


def _times(cycle: _Cycle) -> tuple[NDArray[np.datetime64], NDArray[np.intp]]:
    """The times of the leap year, rising, and the positions of the day and of the hour of each."""
    day, hour = (one.ravel() for one in np.indices((len(cycle.days), len(cycle.hours))))
    seconds = (cycle.days[day] - 1) * 86400 + cycle.hours[hour] * 3600
    order = np.argsort(seconds)
    times: NDArray[np.datetime64] = YEAR + seconds[order].astype("timedelta64[s]")
    return times, np.stack([day[order], hour[order]])


def _together(chunk: Mapping[Any, int], cycle: _Cycle) -> int:
    """How many times that follow each other lie in one chunk."""
    days = int(chunk.get(cycle.day, 1))
    return days * len(cycle.hours) if days > 1 else max(1, int(chunk.get(cycle.hour, 1)))


def _quantile(variable: Variable, share: float) -> Variable:
    """A variable that is a quantile: `t_quantile_850` is `t_quantile_0.95_850`."""
    param = f"{variable.param}_{share:g}"
    return replace(variable, name=param + variable.name.removeprefix(variable.param), param=param)
