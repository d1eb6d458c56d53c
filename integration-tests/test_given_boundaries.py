"""A limited area whose boundary is given: other times and nodes, the record, the scores, and one of several grids."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from test_limited_areas import BESIDE, EXPERIMENT, LATITUDES, LONGITUDES, NESTED, REGION, TO_EDGE, waves
from wxml import open_forecast

CHECKPOINT = "run/checkpoint.safetensors"
BOUNDARY = "forecast.inputs.boundary"


def trained(folder: Path, quick_wxml, config: str, *changes: str) -> None:
    """A short training of the waves over Europe."""
    waves(LATITUDES, LONGITUDES).to_netcdf(folder / "region.nc")
    waves(np.linspace(75, -75, 6), 45.0 * np.arange(8)).to_netcdf(folder / "globe.nc")
    (folder / "experiment.yaml").write_text(config)
    quick_wxml("train", "experiment.yaml", "--run-dir", "run", *changes, folder=folder)


@pytest.fixture(scope="module")
def area(tmp_path_factory, quick_wxml) -> Path:
    """A folder with a model whose boundary of two rows is given, and blended over one more."""
    folder = tmp_path_factory.mktemp("given")
    graph = "{plugin: limited-area, mesh: regular, boundary: {nodes: 2}}"
    config = EXPERIMENT.format(source=REGION, graph=graph, preset="")
    trained(folder, quick_wxml, config, "training.max_steps=60", "model.boundary.relaxation.nodes=1")
    return folder


def forecast(folder: Path, quick_wxml, name: str, *changes: str) -> np.ndarray:
    """The temperature of a forecast, shape `[lead time, node]`."""
    options = ("--start", "2000-01-09T00", "--overwrite")
    quick_wxml("forecast", CHECKPOINT, "-o", name, *options, *changes, folder=folder)
    with xr.open_dataset(folder / name, decode_timedelta=True) as file:
        return np.asarray(file["t"].values[0].reshape(2, -1))


def test_by_default_the_boundary_is_that_of_the_training_data(area, quick_wxml) -> None:
    found = forecast(area, quick_wxml, "own.nc")
    truth = waves(LATITUDES, LONGITUDES)["t"].values.reshape(40, -1)[33:35]
    np.testing.assert_allclose(found[:, TO_EDGE < 2], truth[:, TO_EDGE < 2], rtol=1e-5)
    assert (np.abs(found - truth)[:, TO_EDGE >= 3] > 1e-3).any()
    with open_forecast(area / "own.nc") as opened:
        record = opened.header.provenance["data"]["boundary"]
        nodes = np.concatenate([np.arange(first, last + 1) for first, last in record["nodes"]])
        np.testing.assert_array_equal(nodes, np.flatnonzero(TO_EDGE < 2))
        zone = np.concatenate([np.arange(first, last + 1) for first, last in record["relaxation"]])
        np.testing.assert_array_equal(zone, np.flatnonzero(TO_EDGE == 2))


def test_another_source_is_brought_to_the_nodes_and_times_of_the_model(area, quick_wxml) -> None:
    """A field that is linear in latitude and time stays exact on nodes twice as far apart, every twelve hours."""
    latitudes, longitudes = np.arange(26.0, 76.0, 8.0), np.arange(-4.0, 60.0, 8.0)
    coarse = waves(latitudes, longitudes).isel(time=slice(None, None, 2))
    hours = (coarse.time.values - coarse.time.values[0]) / np.timedelta64(1, "h")
    line = 200 + latitudes[None, :, None] + 0.1 * hours[:, None, None] + 0 * longitudes
    coarse["t"] = (coarse["t"].dims, line.astype("f4"), {"units": "K"})
    coarse.to_netcdf(area / "coarse.nc")
    found = forecast(area, quick_wxml, "line.nc", f"{BOUNDARY}.plugin=xarray", f"{BOUNDARY}.path=coarse.nc")
    places = np.repeat(LATITUDES, len(LONGITUDES))
    for step, values in enumerate(found, 1):
        expected = 200 + places + 0.1 * (8 * 24 + 6 * step)
        np.testing.assert_allclose(values[TO_EDGE < 2], expected[TO_EDGE < 2], rtol=1e-4)


def test_a_time_that_the_boundary_lacks_is_named_before_the_first_step(area, run) -> None:
    waves(LATITUDES, LONGITUDES).isel(time=slice(0, 34)).to_netcdf(area / "short.nc")
    changes = (f"{BOUNDARY}.plugin=xarray", f"{BOUNDARY}.path=short.nc", "--start", "2000-01-09T00")
    refused = run("forecast", CHECKPOINT, "-o", "never.nc", *changes, folder=area)
    assert refused.returncode == 2
    assert "the boundary is given at 2 times, and its source has no data for 2000-01-09T12" in refused.stderr
    assert not (area / "never.nc").exists()


@pytest.mark.carries_out("leave `forecast.region` out: the model has one grid")
def test_one_of_several_grids_is_written_alone(tmp_path, quick_wxml, run, area) -> None:
    config = EXPERIMENT.format(source=BESIDE, graph=NESTED, preset=", {graph: multi}")
    trained(tmp_path, quick_wxml, config, "training.max_steps=2")
    whole = forecast(tmp_path, quick_wxml, "whole.nc")
    part = forecast(tmp_path, quick_wxml, "part.nc", "forecast.region=region")
    np.testing.assert_array_equal(part, whole[:, -len(TO_EDGE) :])
    with open_forecast(tmp_path / "part.nc") as opened:
        np.testing.assert_array_equal(opened.header.boundary, TO_EDGE < 2)
        assert not opened.header.grid.parts
    for folder in (tmp_path, area):
        refused = run("forecast", CHECKPOINT, "-o", "no.nc", "--start", "2000-01-09T00", "forecast.region=regions",
                      folder=folder)  # fmt: skip
        assert refused.returncode == 2
        assert ("did you mean 'region'" if folder == tmp_path else "leave `forecast.region` out") in refused.stderr
    assert json.loads((tmp_path / "part.nc.wxml.json").read_text())["artefact"] == "forecast"
