"""Forecasts of other programs: the initial and lead times, the members and the values of each layout."""

import sqlite3  # noqa: F401  # before eccodes, which would load an old one for all tests of the process

import eccodes
import netCDF4
import numpy as np
import pytest
import xarray as xr
import zarr
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource

LATITUDES, LONGITUDES = [60.0, 0.0, -60.0], [0.0, 90.0, 180.0, 270.0]
STARTS = np.array(["2020-01-01", "2020-01-02"], "datetime64[ns]")
LEADS = np.array([0, 6, 12], "timedelta64[h]").astype("timedelta64[ns]")
FIELDS = np.random.default_rng(0).normal(280, 5, (2, 3, 2, 3, 4)).astype("f4")
"""Shape `[time, lead_time, level, latitude, longitude]`."""


def series(path, **options):
    return XarraySource.forecasts({"path": str(path), **options})


def weatherbench(fields=FIELDS, **more):
    axes = ("time", "prediction_timedelta", *more, "level", "latitude", "longitude")
    places = {"level": [500, 850], "latitude": LATITUDES, "longitude": LONGITUDES, **more}
    coordinates = {"time": STARTS, "prediction_timedelta": LEADS, **places}
    return xr.Dataset({"temperature": (axes, fields)}, coordinates)


def test_weatherbench(tmp_path):
    """Levels become variables, and the initial state is no forecast."""
    weatherbench().to_zarr(tmp_path / "f.zarr", zarr_format=2)
    found = series(tmp_path / "f.zarr")
    assert [one.name for one in found.variables] == ["temperature_500", "temperature_850"]
    np.testing.assert_array_equal(found.initial_times, STARTS.astype("datetime64[s]"))
    np.testing.assert_array_equal(found.lead_times, LEADS[1:].astype("timedelta64[s]"))
    np.testing.assert_array_equal(found.read(1, "temperature_850")[:, 0], FIELDS[1, 1:, 1].reshape(2, 12))
    assert found.has_areas
    assert found.members == 1


@pytest.mark.parametrize("name", ["number", "realization", "sample_ensemble_member"])
def test_members(tmp_path, name):
    members = np.stack([FIELDS, FIELDS + 1], axis=2)
    options = {} if name != "sample_ensemble_member" else {"rename": {name: "member"}}
    weatherbench(members, **{name: [0, 1]}).to_netcdf(tmp_path / "f.nc")
    found = series(tmp_path / "f.nc", **options)
    assert found.members == 2
    expected = members[0, 1:, :, 0].reshape(2, 2, 12)
    np.testing.assert_array_equal(found.read(0, "temperature_500"), expected)


def test_a_file_for_each_initial_time(tmp_path):
    """A lead time that one of them lacks is missing there."""
    for number in range(2):
        weatherbench().isel(time=[number], prediction_timedelta=slice(0, 3 - number)).to_netcdf(
            tmp_path / f"f{number}.nc"
        )
    found = series(tmp_path / "f*.nc")
    np.testing.assert_array_equal(found.read(0, "temperature_500")[:, 0], FIELDS[0, 1:, 0].reshape(2, 12))
    second = found.read(1, "temperature_500")[:, 0]
    np.testing.assert_array_equal(second[0], FIELDS[1, 1, 0].ravel())
    assert np.isnan(second[1]).all()
    assert len(found.record["files"]) == 2


def test_other_nodes_in_the_second_file(tmp_path):
    weatherbench().isel(time=[0]).to_netcdf(tmp_path / "f0.nc")
    weatherbench().isel(time=[1], longitude=slice(0, 3)).to_netcdf(tmp_path / "f1.nc")
    found = series(tmp_path / "f*.nc")
    with pytest.raises(DataError, match="from 2020-01-02T00 has another grid"):
        found.read(1, "temperature_500")


def test_earth2studio(tmp_path):
    """Its zarr has dates and durations as types of zarr 3, and no attribute; `ensemble` are the members."""
    root = zarr.open_group(str(tmp_path / "f.zarr"), mode="w")
    hours = LEADS.astype("timedelta64[h]")
    axes = {"ensemble": np.arange(2), "time": STARTS, "lead_time": hours, "lat": LATITUDES, "lon": LONGITUDES}
    for name, values in axes.items():
        array = np.asarray(values)
        root.create_array(name, shape=array.shape, dtype=array.dtype, dimension_names=[name])[:] = array
    values = np.stack([FIELDS[:, :, 0], FIELDS[:, :, 1]])
    root.create_array("t500", shape=values.shape, dtype="float32", dimension_names=list(axes))[:] = values
    found = series(tmp_path / "f.zarr")
    assert [one.name for one in found.variables] == ["t500"]
    np.testing.assert_array_equal(found.initial_times, STARTS.astype("datetime64[s]"))
    np.testing.assert_array_equal(found.lead_times, LEADS[1:].astype("timedelta64[s]"))
    np.testing.assert_array_equal(found.read(1, "t500"), values[:, 1, 1:].swapaxes(0, 1).reshape(2, 2, 12))


def test_earth2studio_netcdf(tmp_path):
    """It counts hours from the year 1, and calls their unit `hour`."""
    with netCDF4.Dataset(tmp_path / "f.nc", "w") as file:
        hours = (STARTS.astype("datetime64[s]") - np.datetime64("0001-01-01", "s")) / np.timedelta64(1, "h")
        axes = {"time": hours, "lead_time": [0, 6, 12], "lat": LATITUDES, "lon": LONGITUDES}
        for name, values in axes.items():
            file.createDimension(name, len(values))
            file.createVariable(name, "i8" if name == "lead_time" else "f8", (name,))[:] = values
        file["time"].setncatts({"units": "hours since 0001-01-01 00:00:00.0", "calendar": "proleptic_gregorian"})
        file["lead_time"].setncatts({"units": "hour", "calendar": "gregorian"})
        file.createVariable("t2m", "f4", tuple(axes))[:] = FIELDS[:, :, 0]
    found = series(tmp_path / "f.nc")
    np.testing.assert_array_equal(found.initial_times, STARTS.astype("datetime64[s]"))
    np.testing.assert_array_equal(found.read(0, "t2m")[:, 0], FIELDS[0, 1:, 0].reshape(2, 12))


COORDINATES = "forecast_reference_time forecast_period latitude longitude"


def anemoi_places():
    latitudes, longitudes = np.meshgrid(LATITUDES, LONGITUDES, indexing="ij")
    return {"latitude": ("values", latitudes.ravel()), "longitude": ("values", longitudes.ravel())}


def test_anemoi_netcdf(tmp_path):
    """As anemoi-inference 0.13 writes it: the start is a scalar, the lead times lie along the valid times."""
    seconds = (STARTS[0] + LEADS).astype("datetime64[s]").astype("i8")
    since = {"units": "seconds since 1970-01-01 00:00:00+00:00", "calendar": "standard"}
    variables = {
        "forecast_reference_time": ((), seconds[0], {"standard_name": "forecast_reference_time"} | since),
        "time": (("time",), seconds, {"standard_name": "time", "axis": "T"} | since),
        "forecast_period": (
            ("time",),
            seconds - seconds[0],
            {"standard_name": "forecast_period", "units": "seconds"},
        ),
        "latitude": (("values",), anemoi_places()["latitude"][1], {"units": "degrees_north"}),
        "longitude": (("values",), anemoi_places()["longitude"][1], {"units": "degrees_east"}),
        "t_850": (("time", "values"), FIELDS[0, :, 1].reshape(3, 12), {"coordinates": COORDINATES}),
    }
    with netCDF4.Dataset(tmp_path / "f.nc", "w") as file:
        file.createDimension("time", None)
        file.createDimension("values", 12)
        for name, (dims, values, attributes) in variables.items():
            array = file.createVariable(name, np.asarray(values).dtype, dims)
            array[...] = values
            array.setncatts(attributes)
    found = series(tmp_path / "f.nc")
    np.testing.assert_array_equal(found.initial_times, STARTS[:1].astype("datetime64[s]"))
    np.testing.assert_array_equal(found.lead_times, LEADS[1:].astype("timedelta64[s]"))
    np.testing.assert_array_equal(found.read(0, "t_850")[:, 0], FIELDS[0, 1:, 1].reshape(2, 12))
    assert not found.has_areas


def test_anemoi_zarr(tmp_path):
    """As anemoi-inference 0.13 writes it: valid times alone, as seconds since the start."""
    counted = {"units": "seconds since 2020-01-01 00:00:00", "calendar": "gregorian"}
    fields = {"t_850": (("time", "values"), FIELDS[0, :, 1].reshape(3, 12))}
    times = {"time": ("time", np.array([0, 21600, 43200], "i4"), counted)}
    xr.Dataset(fields | times | anemoi_places()).to_zarr(tmp_path / "f.zarr", zarr_format=2)
    found = series(tmp_path / "f.zarr")
    np.testing.assert_array_equal(found.initial_times, STARTS[:1].astype("datetime64[s]"))
    np.testing.assert_array_equal(found.read(0, "t_850")[:, 0], FIELDS[0, 1:, 1].reshape(2, 12))


def test_a_start_that_no_file_says(tmp_path):
    """It is an error, and the option says it."""
    times = {"time": STARTS[0] + LEADS, "latitude": LATITUDES, "longitude": LONGITUDES}
    xr.Dataset({"t": (("time", "latitude", "longitude"), FIELDS[0, :, 0])}, times).to_netcdf(tmp_path / "f.nc")
    with pytest.raises(DataError, match="does not say when the forecast starts"):
        series(tmp_path / "f.nc")
    found = series(tmp_path / "f.nc", initial_time="2020-01-01T00")
    np.testing.assert_array_equal(found.lead_times, LEADS[1:].astype("timedelta64[s]"))
    leads = xr.Dataset(
        {"t": (("step", "latitude", "longitude"), FIELDS[0, :, 0])},
        {"step": LEADS, "latitude": LATITUDES, "longitude": LONGITUDES},
    )
    leads.to_netcdf(tmp_path / "g.nc")
    with pytest.raises(DataError, match="does not say when the forecast starts"):
        series(tmp_path / "g.nc")
    found = series(tmp_path / "g.nc", initial_time="2020-01-01T00")
    np.testing.assert_array_equal(found.read(0, "t")[:, 0], FIELDS[0, 1:, 0].reshape(2, 12))


def test_dates_since_1970_are_no_start(tmp_path):
    """A series on nodes in a row may count its times from any date."""
    since = {"units": "seconds since 1970-01-01", "calendar": "standard"}
    seconds = (STARTS[0] + LEADS).astype("datetime64[s]").astype("i8")
    fields = {"t_850": (("time", "values"), FIELDS[0, :, 1].reshape(3, 12)), "time": (("time",), seconds, since)}
    xr.Dataset(fields | anemoi_places()).to_zarr(tmp_path / "f.zarr", zarr_format=2)
    with pytest.raises(DataError, match="does not say when the forecast starts"):
        series(tmp_path / "f.zarr")


@pytest.mark.parametrize("dims", [(), ("time",)])
def test_no_forecast(tmp_path, dims):
    """Fields without times, and an analysis, are none."""
    shape = (2,) * len(dims)
    data = {"t": ((*dims, "latitude", "longitude"), np.zeros((*shape, 3, 4), "f4"))}
    places = {"latitude": LATITUDES, "longitude": LONGITUDES} | ({"time": STARTS} if dims else {})
    xr.Dataset(data, places).to_netcdf(tmp_path / "f.nc")
    with pytest.raises(DataError, match=r"no forecast|when the forecast starts"):
        series(tmp_path / "f.nc")


def test_analyses_have_no_lead_time(tmp_path):
    weatherbench().isel(prediction_timedelta=[0]).to_netcdf(tmp_path / "f.nc")
    with pytest.raises(DataError, match="no lead time beyond 0"):
        series(tmp_path / "f.nc")


def message(values, start, lead, member):
    """A field of temperature at 850 hPa of an ensemble, in GRIB 2."""
    handle = eccodes.codes_grib_new_from_samples("regular_ll_pl_grib2")
    keys = {
        "productDefinitionTemplateNumber": 1,
        "Ni": 4,
        "Nj": 3,
        "latitudeOfFirstGridPointInDegrees": 60.0,
        "latitudeOfLastGridPointInDegrees": -60.0,
        "longitudeOfFirstGridPointInDegrees": 0.0,
        "longitudeOfLastGridPointInDegrees": 270.0,
        "iDirectionIncrementInDegrees": 90.0,
        "jDirectionIncrementInDegrees": 60.0,
        "dataDate": int(str(start)[:10].replace("-", "")),
        "dataTime": 0,
        "step": int(lead / np.timedelta64(1, "h")),
        "number": member,
        "shortName": "t",
        "typeOfLevel": "isobaricInhPa",
        "level": 850,
        "bitsPerValue": 24,
    }
    for key, value in keys.items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(handle, np.asarray(values, np.float64).ravel())
    found = eccodes.codes_get_message(handle)
    eccodes.codes_release(handle)
    return found


def test_grib(tmp_path):
    """The same of both files, one for each initial time; the messages are in any order."""
    for number, start in enumerate(STARTS):
        messages = [
            message(FIELDS[number, step, member], start, lead, member)
            for member in (1, 0)
            for step, lead in enumerate(LEADS)
        ]
        (tmp_path / f"f{number}.grib2").write_bytes(b"".join(messages))
    found = series(tmp_path / "f?.grib2")
    np.testing.assert_array_equal(found.initial_times, STARTS.astype("datetime64[s]"))
    np.testing.assert_array_equal(found.lead_times, LEADS[1:].astype("timedelta64[s]"))
    (variable,) = found.variables
    assert (variable.name, variable.units) == ("t_850", "K")
    np.testing.assert_allclose(found.read(1, "t_850"), FIELDS[1, 1:].reshape(2, 2, 12), atol=1e-4)
