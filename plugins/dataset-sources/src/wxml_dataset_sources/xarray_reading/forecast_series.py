"""Files of forecasts as a series: which initial and lead times each file has, and the source of one initial time."""

__all__ = ["forecast_series"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml import DataSource, ForecastSeries
from wxml.data.times import format_time, parse_time
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.coordinates import Coordinates, find_coordinates
from wxml_dataset_sources.xarray_reading.dates import decoded_dates
from wxml_dataset_sources.xarray_reading.files import DataFile
from wxml_dataset_sources.xarray_reading.instants import durations, start_of
from wxml_dataset_sources.xarray_reading.opening import in_file, opened

ZERO = np.timedelta64(0, "s")
OTHER_FILE = "name a forecast"
STATE_START = "say it, as in forecast.initial_time=2020-01-01T00"
Times = NDArray[np.datetime64]
Leads = NDArray[np.timedelta64]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The forecasts of one file."""

    name: str
    starts: Times
    leads: Leads
    says_leads: bool
    """Whether the file has lead times, so that its source takes the option `initial_time`."""


class _Reader:
    """Reads one initial time after the other; the source of the last one stays open."""

    def __init__(self, parts: Sequence[_Part], open_source: Callable[..., DataSource], starts: Times) -> None:
        self._parts, self._open, self._starts = parts, open_source, starts
        self._last: tuple[int, DataSource] | None = None
        self.header = self._source(0).header
        """Grid, variables and members, of the first forecast."""

    def _source(self, case: int) -> DataSource:
        """The forecast from one initial time, as data at its valid times."""
        if self._last is None or self._last[0] != case:
            start = self._starts[case]
            own = [part for part in self._parts if start in part.starts]
            chosen = {"initial_time": format_time(start)} if own[0].says_leads else {}
            self._last = case, self._open(path=[part.name for part in own], **chosen)
        return self._last[1]

    def read(self, leads: Leads, case: int, name: str) -> NDArray[np.float32]:
        """The values of one initial time and variable, `[lead_time, member, node]`; NaN where there are none.

        Raises:
            DataError: this forecast has other nodes or another number of members than the first one.
        """
        source, known = self._source(case), self.header
        header = source.header
        if header.grid.identity != known.grid.identity or header.members != known.members:
            raise DataError(
                f"the forecast from {format_time(self._starts[case])} has another grid or another number of members "
                f"than that from {format_time(self._starts[0])}",
                fix="verify the two apart",
            )
        out = np.full((len(leads), header.members, len(header.grid)), np.nan, np.float32)
        times = self._starts[case] + leads
        there = np.isin(times, header.times)
        if there.any() and name in header.names:
            out[there] = source.read(times[there], [name])[:, :, 0]
        return out


def forecast_series(
    files: Sequence[DataFile],
    names: Sequence[str],
    called: Callable[[str, str], str],
    initial_time: str | None,
    open_source: Callable[..., DataSource],
) -> ForecastSeries:
    """The forecasts of some files.

    Args:
        files: the files.
        names: what opens each of them, for `path`.
        called: gives our name for a file and a name in it.
        initial_time: the start of a forecast whose file does not say it.
        open_source: makes the source of some of the files, with `path` and perhaps `initial_time`.

    Raises:
        DataError: a file holds no forecast, or does not say when one starts.
    """
    stated = None if initial_time is None else parse_time(initial_time)
    parts = [_part(file, name, partial(called, file.path), stated) for file, name in zip(files, names, strict=True)]
    starts = np.unique(np.concatenate([part.starts for part in parts]))
    leads = np.unique(np.concatenate([part.leads for part in parts]))
    positive = leads[leads > ZERO]
    if not len(positive):
        raise DataError(f"`{names[0]}` holds no lead time beyond 0", fix=OTHER_FILE)
    reader = _Reader(parts, open_source, starts)
    header = reader.header
    return ForecastSeries(
        grid=header.grid,
        variables=header.variables,
        initial_times=starts,
        lead_times=positive,
        members=header.members,
        reader=partial(reader.read, positive),
        has_areas=len(header.grid.shape) > 1,
    )


def _part(file: DataFile, name: str, called: Callable[[str], str], stated: np.datetime64 | None) -> _Part:
    with in_file(file.path):
        if file.engine == "grib":
            from wxml_dataset_sources.xarray_reading.grib import forecast_times  # an extra, which takes a while to load

            starts, leads = forecast_times(file.path)
            return _Part(name, starts, leads, True)
        dataset = opened(file)
        found = find_coordinates(dataset, called)
        axes = [one for one in found.leads if dataset[one].ndim < 2]
        if not axes:
            return _without_leads(name, dataset, found, stated)
        lead = dataset[axes[0]].variable
        leads = np.atleast_1d(durations(axes[0], lead).values).astype("timedelta64[s]")
        start = start_of(dataset, found, called, lead)
        if start is not None:
            dates = np.atleast_1d(decoded_dates(start, dataset[start].variable).values)
            return _Part(name, np.unique(dates.astype("datetime64[s]")), leads, True)
        if stated is None:
            raise DataError("the file holds lead times, and does not say when the forecast starts", fix=STATE_START)
        return _Part(name, np.array([stated], "datetime64[s]"), leads, not found.instants)


def _without_leads(name: str, dataset: xr.Dataset, found: Coordinates, stated: np.datetime64 | None) -> _Part:
    """A file with valid times alone, as zarr of Anemoi's inference, whose times count from the start."""
    axes = [one for one in found.instants if dataset[one].ndim == 1]
    if not axes:
        raise DataError("the file holds no lead times and no times, so it is no forecast", fix=OTHER_FILE)
    times = decoded_dates(axes[0], dataset[axes[0]].variable).values.astype("datetime64[s]")
    start = stated if stated is not None else _anemoi_start(dataset, axes[0], times)
    if start is None:
        raise DataError("the file holds times alone, and does not say when the forecast starts", fix=STATE_START)
    return _Part(name, np.array([start], "datetime64[s]"), times - start, False)


def _anemoi_start(dataset: xr.Dataset, axis: str, times: Times) -> np.datetime64 | None:
    """The date that the times count from, if the file is like zarr of Anemoi's inference, and the date fits.

    The dimensions are `time` and `values`, and the times are seconds since the start, which is the first of them or
    comes one step before.
    """
    units, _, date = str(dataset[axis].attrs.get("units", "")).partition(" since ")
    if units != "seconds" or set(dataset.sizes) != {"time", "values"} or not len(times):
        return None
    start = parse_time(date.strip().replace(" ", "T").removesuffix("+00:00"))
    return start if start in (times[0], times[0] - np.diff(times)[:1].sum()) else None
