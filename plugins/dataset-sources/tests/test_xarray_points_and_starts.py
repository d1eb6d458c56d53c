"""What a file does not say and the user does: the place of a series, the start of a forecast, the time of a field."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading.place import Place
from wxml_dataset_sources.xarray_source import XarraySource

HOURS = np.datetime64("2000-01-01", "ns") + np.arange(5) * np.timedelta64(1, "h")
QUEBEC = Place(latitude=46.8, longitude=-71.2)


def series(*axes: str, **coordinates: Any) -> xr.Dataset:
    """The numbers from 0 along time, and along other axes of two entries."""
    shape = tuple(5 if axis == "time" else 2 for axis in axes)
    values = np.arange(np.prod(shape), dtype="f4").reshape(shape)
    return xr.Dataset({"t": (axes, values, {"units": "K"})}, {"time": HOURS, **coordinates})


def source(dataset: xr.Dataset, folder: Path, form: str, **options: Any) -> XarraySource:
    if form == "zarr":
        dataset.to_zarr(folder / "a.zarr", zarr_format=2)
    else:
        dataset.to_netcdf(folder / "a.nc")
    return XarraySource(path=str(folder / ("a.zarr" if form == "zarr" else "a.nc")), **options)


FORMS = pytest.mark.parametrize("form", ["zarr", "netcdf"])


@FORMS
@pytest.mark.parametrize("axes", [("time",), ("member", "time"), ("time", "level", "member"), ("level", "time")])
def test_a_series_at_a_place(axes: tuple[str, ...], form: str, tmp_path: Path) -> None:
    known = {
        "member": ("member", [1, 2], {"standard_name": "realization"}),
        "level": ("level", [2.0, 1.0], {"units": "hPa"}),
    }
    dataset = series(*axes, **{name: known[name] for name in axes if name in known})
    said = source(dataset, tmp_path, form, place=QUEBEC)
    assert (said.header.grid.latitudes.tolist(), said.header.grid.longitudes.tolist()) == ([46.8], [288.8])
    assert np.array_equal(said.header.times, HOURS.astype("M8[s]"))
    wanted = dataset.t.expand_dims([name for name in ("member", "level") if name not in axes])
    wanted = wanted.transpose("time", "member", "level").values
    np.testing.assert_array_equal(said.read(said.header.times, said.header.names)[..., 0], wanted)


@FORMS
def test_a_series_whose_file_says_its_place_once(form: str, tmp_path: Path) -> None:
    place = {"lat": ((), 46.8, {"units": "degrees_north"}), "lon": ((), -71.2, {"units": "degrees_east"})}
    told = source(series("time", **place), tmp_path, form)
    assert (told.header.grid.latitudes.tolist(), told.header.grid.longitudes.tolist()) == ([46.8], [288.8])
    assert told.read(told.header.times[[3, 1]], ["t"]).ravel().tolist() == [3, 1]


@FORMS
@pytest.mark.parametrize(("latitude", "longitude"), [(91, 0), (0, 361), (0, -181)])
def test_a_place_that_is_none(latitude: float, longitude: float, form: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="than or equal"):
        source(series("time"), tmp_path, form, place=Place(latitude=latitude, longitude=longitude))


def forecast() -> xr.Dataset:
    """Values equal to the hours of lead time, of a file that does not say its start."""
    leads = ("step", [0, 6, 12, 48], {"standard_name": "forecast_period", "units": "hours"})
    places = {"lat": ("lat", [0.0], {"units": "degrees_north"}), "lon": ("lon", [0.0, 1.0], {"units": "degrees_east"})}
    values = np.array([0, 6, 12, 48], "f4")[:, None, None] * np.ones((1, 1, 2), "f4")
    return xr.Dataset({"t": (("step", "lat", "lon"), values)}, {"step": leads, **places})


@FORMS
def test_the_start_of_a_forecast_that_does_not_say_it(form: str, tmp_path: Path) -> None:
    begun = source(forecast(), tmp_path, form, initial_time="1996-01-05T12")
    hours = (begun.header.times - np.datetime64("1996-01-05T12")) / np.timedelta64(1, "h")
    assert hours.tolist() == [0, 6, 12, 48]
    assert begun.read(begun.header.times, ["t"])[:, 0, 0, 1].tolist() == [0, 6, 12, 48]


@FORMS
def test_a_start_that_is_not_the_one_of_the_file_is_refused(form: str, tmp_path: Path) -> None:
    start = xr.DataArray(np.datetime64("2001-01-01", "ns"), attrs={"standard_name": "forecast_reference_time"})
    with pytest.raises(DataError, match="does not hold 1996-01-05T12"):
        source(forecast().assign_coords(start=start), tmp_path, form, initial_time="1996-01-05T12")


@FORMS
def test_the_time_of_a_field_without_one(form: str, tmp_path: Path) -> None:
    dataset = forecast().isel(step=3, drop=True)
    timed = source(dataset, tmp_path, form, time="2000-01-01T06")
    assert [str(time) for time in timed.header.times] == ["2000-01-01T06:00:00"]
    assert timed.read(timed.header.times, ["t"]).ravel().tolist() == [48, 48]
