"""Forecasts from Python, as a notebook makes them: `wxml.load(checkpoint).forecast(dataset)`."""

import logging
from pathlib import Path

import numpy as np
import pytest
import wxml as library
import xarray as xr
from wxml import ArtefactError, ConfigError, DataError, Forecaster, create
from wxml.errors import ResourceError

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


@pytest.fixture(scope="module")
def file(trained, quick_wxml) -> xr.Dataset:
    """The same forecast as the command writes it."""
    options = ("--start", START, "--start", "2000-01-08T12", "--lead-time", "24h")
    quick_wxml("forecast", "run", "-o", "python.zarr", *options, folder=trained)
    with xr.open_zarr(trained / "python.zarr", decode_timedelta=True) as opened:
        return opened.load()


def test_a_dataset_in_memory_gives_the_file_of_the_command(model, world, file) -> None:
    whole = model.forecast(world, start=[START, "2000-01-08T12"], lead_time="24h").to_xarray()
    record = whole.attrs.pop("wxml_provenance")
    expected = file.drop_attrs(deep=False).assign_attrs(whole.attrs)
    xr.testing.assert_identical(whole.drop_vars("valid_time"), expected)
    assert '"source": "dataset in memory"' in record
    assert "world.nc" in record
    np.testing.assert_array_equal(whole.valid_time, whole.time + whole.prediction_timedelta)


def test_each_step_is_a_dataset_that_says_when_and_where(model, world, file) -> None:
    steps = list(model.forecast(world, start=START, lead_time="24h"))
    assert [int(step.prediction_timedelta / np.timedelta64(1, "h")) for step in steps] == [6, 12, 18, 24]
    for number, step in enumerate(steps):
        assert step.time == np.datetime64(START)
        assert step.valid_time == np.datetime64(START) + (number + 1) * np.timedelta64(6, "h")
        assert step.t.dims == ("latitude", "longitude")
        assert (step.t.units, step.t.standard_name) == ("K", "air_temperature")
        np.testing.assert_array_equal(step.t, file.t[0, number])
    again = xr.concat(steps, "prediction_timedelta", coords="different", compat="equals")
    np.testing.assert_array_equal(again.z.transpose(..., "latitude", "longitude"), file.z[0])


def test_forecasts_are_made_while_they_are_taken(model, world, caplog) -> None:
    caplog.set_level(logging.INFO, "wxml")
    planned = model.forecast(world, start=START, lead_time="48h")
    assert len(planned) == 8
    assert repr(planned) == "Forecasts(of t, z; from 2000-01-08T00 on, 1 in all; 8 steps to 48h; 1 member)"
    first = next(iter(planned))
    told = [record.getMessage() for record in caplog.records if "forecast:" in record.getMessage()]
    assert told[-1] != "forecast: 8 of 8"
    np.testing.assert_array_equal(first.t, next(iter(planned)).t)


def test_without_a_start_it_is_the_latest_time_that_has_its_states(model, world) -> None:
    part = world.isel(time=slice(3, 12))
    (step,) = model.forecast(part, lead_time="6h", show_progress=False)
    assert step.time == part.time[-1]


@pytest.mark.parametrize("given", ["dataset", "path", "section", "source"])
def test_data_may_be_given_in_four_ways(model, world, file, given, tmp_path) -> None:
    path = tmp_path / "other.nc"
    world.to_netcdf(path)
    section = {"plugin": "xarray", "path": str(path)}
    data = {
        "dataset": world,
        "path": path,
        "section": section,
        "source": create("data-source", "xarray", {"path": str(path)}),
    }[given]
    (step,) = model.forecast(data, start=np.datetime64(START), lead_time=np.timedelta64(6, "h"))
    np.testing.assert_array_equal(step.t, file.t[0, 0])


def test_other_units_order_and_longitudes_are_those_of_the_training_again(model, world, file) -> None:
    other = world.assign(t=(world.t - 273.15).assign_attrs(units="degC"))
    other = other.isel(latitude=slice(None, None, -1)).assign_coords(longitude=(world.longitude + 180) % 360 - 180)
    other.longitude.attrs = world.longitude.attrs
    other = other.sortby("longitude")
    (step,) = model.forecast(other, start=START, lead_time="6h")
    np.testing.assert_allclose(step.t, file.t[0, 0], atol=1e-3)
    assert step.t.units == "K"


@pytest.mark.carries_out("read data on the grid of the training")
def test_what_does_not_fit_the_training_is_refused_before_the_first_step(model, world) -> None:
    with pytest.raises(DataError, match="other nodes"):
        model.forecast(world.isel(latitude=slice(3)))
    with pytest.raises(DataError, match="no variable 'z'"):
        model.forecast(world[["t"]])
    assert len(model.forecast(world)) == 2  # 12 h, as the config says


def test_changes_are_those_of_the_command_line(model, world) -> None:
    whole = model.forecast(world, lead_time="6h", changes=["forecast.batch_size=1", "forecast.threads=1"]).to_xarray()
    assert '"threads": 1' in whole.attrs["wxml_provenance"]
    with pytest.raises(ConfigError, match="only `forecast` can be changed"):
        model.forecast(world, changes=["data.source.path=other.nc"])


def test_the_result_can_be_written_and_verified(model, world, tmp_path, quick_wxml, trained) -> None:
    whole = model.forecast(world, start=[START, "2000-01-08T12"], lead_time="12h").to_xarray()
    whole.to_netcdf(tmp_path / "mine.nc")
    quick_wxml("verify", tmp_path / "mine.nc", "verification.maps=0", "-o", tmp_path / "scores", folder=trained)
    assert (tmp_path / "scores" / "scores.nc").exists()


def test_a_checkpoint_says_what_it_forecasts(model) -> None:
    assert [(one.name, one.units) for one in model.variables] == [("t", "K"), ("z", "m2 s-2")]
    assert repr(model) == "Forecaster('run/checkpoint.safetensors', forecasts t, z)"
    assert model.provenance.artefact == "checkpoint"
    with pytest.raises(ArtefactError, match="there is no"):
        library.load("nowhere.safetensors")


@pytest.mark.carries_out(
    "give one of these; `array.to_dataset(name=…)` makes a dataset of an array",
    "write it like {'plugin': 'xarray', 'path': 'july.nc'}",
)
def test_what_is_no_data_is_refused(model, world, trained) -> None:
    with pytest.raises(DataError, match="got DataArray"):
        model.forecast(world.t)
    with pytest.raises(ConfigError, match="plugin"):
        model.forecast({"path": "world.nc"})
    section = {"plugin": "xarray", "path": str(Path(trained) / "world.nc")}
    assert len(model.forecast(section, start=START, lead_time="6h")) == 1


@pytest.mark.carries_out("give data with more times")
def test_data_without_a_time_that_has_its_states_are_refused(model, world) -> None:
    with pytest.raises(DataError, match="no time with its input states"):
        model.forecast(world.isel(time=slice(None, None, 2)))
    assert len(model.forecast(world.isel(time=slice(0, 2)), lead_time="6h")) == 1


@pytest.mark.carries_out("take one step after the other, or write a file")
def test_what_does_not_fit_the_memory_is_refused_before_the_first_step(model, world, monkeypatch) -> None:
    planned = model.forecast(world, start=START, lead_time="12h")
    with monkeypatch.context() as patch:
        patch.setattr("wxml.memory.free_memory", lambda: 100)
        with pytest.raises(ResourceError, match="the whole forecast in memory"):
            planned.to_xarray()
    assert len(list(planned)) == 2
