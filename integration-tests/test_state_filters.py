"""Filters of states in a forecast: before, between and after the steps."""

import json

import numpy as np
import pytest
import wxml as library
import xarray as xr
from wxml import ConfigError, DataError, Forecaster, open_forecast
from wxml.artefacts.source_changes import read_changes
from wxml.forecasting.job import ForecastRequest
from wxml.forecasting.job import forecast as made

START = "2000-01-08T00"


@pytest.fixture(scope="module")
def world(trained) -> xr.Dataset:
    """The data of the training, in memory."""
    with xr.open_dataset(trained / "world.nc") as opened:
        return opened.load()


@pytest.fixture
def model(trained, monkeypatch) -> Forecaster:
    """The trained model; its config names the data relative to its folder."""
    monkeypatch.chdir(trained)
    return library.load("run")


@pytest.fixture
def forecast(model, world):
    """A forecast of a day with some filters, from two initial times."""

    def forecast(*filters: str, data: xr.Dataset = world) -> xr.Dataset:
        changes = [f"forecast.filters=[{', '.join(filters)}]"] if filters else []
        starts = [START, "2000-01-08T12"]
        return model.forecast(data, start=starts, lead_time="24h", changes=changes).to_xarray()

    return forecast


def test_what_comes_out_has_other_units_and_names(forecast) -> None:
    plain = forecast()
    found = forecast("{plugin: units, units: {t: degC}}", "{plugin: rename, names: {t: air}}")
    assert list(found.data_vars) == ["air", "z"]
    assert found.air.units == "degC"
    np.testing.assert_allclose(found.air, plain.t - 273.15, atol=2e-5)
    np.testing.assert_array_equal(found.z, plain.z)
    config = json.loads(found.attrs["wxml_provenance"])["config"]
    assert [one["plugin"] for one in config["forecast"]["filters"]] == ["units", "rename"]


def test_a_filter_of_a_step_feeds_back(forecast) -> None:
    """The first step is the clipped one; the second follows from it. What nothing changes keeps its bits."""
    plain = forecast()
    limit = float(plain.t.isel(prediction_timedelta=0).mean())
    found = forecast(f"{{plugin: clip, where: step, variables: [t], most: {limit!r}}}")
    assert float(found.t.max()) <= limit * (1 + 1e-6)
    first, expected = found.t.isel(prediction_timedelta=0), plain.t.isel(prediction_timedelta=0)
    np.testing.assert_allclose(first, np.minimum(expected, limit), rtol=1e-6)
    np.testing.assert_array_equal(found.z.isel(prediction_timedelta=0), plain.z.isel(prediction_timedelta=0))
    assert not np.array_equal(found.z.isel(prediction_timedelta=1), plain.z.isel(prediction_timedelta=1))
    idle = forecast("{plugin: clip, where: step, variables: [t], most: 1000}")
    xr.testing.assert_equal(idle, plain)


def test_a_filter_of_the_output_feeds_nothing_back(forecast) -> None:
    plain = forecast()
    found = forecast("{plugin: clip, variables: [t], most: 280}")
    np.testing.assert_array_equal(found.t, np.minimum(plain.t, np.float32(280)))
    np.testing.assert_array_equal(found.z, plain.z)


def test_data_with_other_names_and_units_are_read_through_a_filter(forecast, world) -> None:
    other = world.rename(t="air").assign(z=(world.z / 9.80665).assign_attrs(units="m"))
    derived = "{plugin: derive, where: input, variables: {z: {formula: geopotential, of: [height]}}}"
    found = forecast("{plugin: rename, where: input, names: {air: t, z: height}}", derived, data=other)
    plain = forecast()
    np.testing.assert_allclose(found.t, plain.t, rtol=1e-5)
    np.testing.assert_allclose(found.z, plain.z, rtol=1e-5)
    data = json.loads(found.attrs["wxml_provenance"])["data"]["source"]
    assert [one["plugin"] for one in data["filters"]] == ["rename", "derive"]
    with pytest.raises(DataError, match="source has it in 'm'"):
        forecast(data=other)


def test_sums_of_two_initial_times_do_not_mix(forecast) -> None:
    """Both go through the model at once."""
    plain = forecast()
    found = forecast("{plugin: accumulate, variables: [t]}")
    np.testing.assert_allclose(found.t, plain.t.cumsum("prediction_timedelta"), rtol=1e-6)
    assert found.t.step_type == "accum"


@pytest.mark.carries_out("write one of: {}")
def test_a_filter_stands_where_it_can(forecast) -> None:
    with pytest.raises(ConfigError, match="does not stand in the place `step`"):
        forecast("{plugin: rename, where: step, names: {t: air}}")
    with pytest.raises(ConfigError, match="filters"):
        forecast("{plugin: clip, where: before, variables: [t], most: 1}")
    with pytest.raises(DataError, match="'air'"):
        forecast("{plugin: clip, variables: [air], most: 1}")
    assert "air" in forecast("{plugin: rename, where: output, names: {t: air}}")


def test_a_forecast_on_another_grid_is_read_from_every_format(model, world, forecast, tmp_path) -> None:
    """The nodes of the model are 30° apart; written are those 15° apart, of which every second row is the model's."""
    plain = forecast()
    changes = read_changes(model.path, ["forecast.filters=[{plugin: regrid, to: {degrees: 15}}]"], ("forecast",))
    paths = tuple(tmp_path / f"f.{suffix}" for suffix in ("zarr", "nc", "grib2"))
    made(ForecastRequest(model.path, paths, dates=(START,), lead_time="24h", changed=changes))
    for path in paths:
        with open_forecast(path) as opened:
            grid, found = opened.header.grid, opened.read(0, "t").reshape(4, 13, 24)
            assert grid.is_regular
            np.testing.assert_allclose(grid.latitudes.reshape(13, 24)[:, 0], 90 - 15.0 * np.arange(13))
        expected = plain.t.sel(time=START).transpose("prediction_timedelta", "latitude", "longitude")
        np.testing.assert_allclose(found[:, 1::2, ::3], expected, atol=0.02 if path.suffix == ".grib2" else 1e-4)
        between = (expected.values[:, :-1] + expected.values[:, 1:]) / 2
        np.testing.assert_allclose(found[:, 2:-1:2, ::3], between, atol=0.02 if path.suffix == ".grib2" else 1e-4)
