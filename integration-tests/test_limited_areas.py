"""Limited areas through the command line: the boundary, by rows and by km, forecast or given, and one of two grids."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, open_forecast
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.data.sphere import angular_distance, unit_vectors

CHECKPOINT = "run/checkpoint.safetensors"
LATITUDES, LONGITUDES = np.arange(30.0, 70.0, 4.0), np.arange(0.0, 48.0, 4.0)
ROWS, COLUMNS = np.meshgrid(range(len(LATITUDES)), range(len(LONGITUDES)), indexing="ij")
TO_EDGE = np.min([ROWS, COLUMNS, len(LATITUDES) - 1 - ROWS, len(LONGITUDES) - 1 - COLUMNS], axis=0).ravel()
WORLD, REGION = "{plugin: xarray, path: globe.nc}", "{plugin: xarray, path: region.nc}"
EXPERIMENT = """
defaults: [{{model: gnn-tiny}}{preset}]
data:
  source: {source}
  variables: {{forcing: [cos_latitude]}}
  split: {{training: [2000-01-01, 2000-01-07], validation: [2000-01-08, 2000-01-08], test: [2000-01-09, 2000-01-10]}}
graph: {graph}
model: {{channels: 16}}
training:
  plugin: lightning
  max_steps: 60
  batch_size: 2
  learning_rate: 3.0e-3
  rollout: {{start: 1, maximum: 2}}
  tracker: none
  accelerator: cpu
forecast: {{lead_time: 12h}}
"""
BESIDE = """
    plugin: grids
    names: [globe, region]
    areas: [9, 1]
    sources: [{plugin: xarray, path: globe.nc}, {plugin: xarray, path: region.nc}]"""
NESTED = """
  nodes:
    "data:region": {plugin: grid, attributes: {boundary: {plugin: boundary, width_nodes: 2}}}
    mesh: {refinement: 1, finer: [{refinement: 2, area: {nodes: "data:region", hull: true, margin_km: 300}}]}"""
SMALL = "\n  nodes: {grid: {attributes: {boundary: {width_nodes: 2}}}, mesh: {base: {refinement: 4}}}"


def near_the_edge(kilometres: float) -> np.ndarray:
    """Which nodes of the region are no farther from one of the outermost row than that."""
    grid = Grid.regular(LATITUDES, LONGITUDES)
    points = unit_vectors(grid.latitudes, grid.longitudes)
    distances = angular_distance(points[:, None], points[None, TO_EDGE == 0])
    return np.asarray(distances.min(axis=1) * 6371 <= kilometres)


@dataclass(frozen=True)
class Area:
    """An experiment of a limited area."""

    graph: str
    boundary: np.ndarray
    """Of the region."""
    source: str = REGION
    preset: str = ""


AREAS = {
    "rows": Area("{plugin: limited-area, mesh: regular, boundary: {nodes: 2}}", TO_EDGE < 2),
    "km": Area("{plugin: limited-area, mesh: regular, boundary: {km: 500}}", near_the_edge(500)),
    "preset": Area(SMALL, TO_EDGE < 2, preset=", {graph: limited-area}"),
    "a region in a globe": Area(NESTED, TO_EDGE < 2, BESIDE, preset=", {graph: multi}"),
}


def waves(latitudes: np.ndarray, longitudes: np.ndarray) -> xr.Dataset:
    """A wave that travels east, six-hourly for ten days."""
    hours = 6 * np.arange(40)
    phase = np.radians(longitudes) - 2 * np.pi * hours[:, None, None] / 48
    values = 280 + 10 * np.cos(np.radians(latitudes))[:, None] * np.cos(phase)
    times = np.datetime64("2000-01-01T00", "ns") + hours * np.timedelta64(1, "h")
    axes = ("time", "latitude", "longitude")
    units = {"latitude": "degrees_north", "longitude": "degrees_east"}
    places = {"latitude": latitudes, "longitude": longitudes}
    coordinates = {name: (name, values, {"units": units[name]}) for name, values in places.items()}
    return xr.Dataset({"t": (axes, values.astype("f4"), {"units": "K"})}, {"time": times, **coordinates})


EACH = [pytest.param(name, marks=pytest.mark.long() if name in ("km", "preset") else ()) for name in AREAS]
"""Two of them are left to `nox -s long`."""


@pytest.fixture(scope="module")
def done(request, tmp_path_factory, quick_wxml) -> tuple[Area, Path]:
    """What stands in a folder after training and forecast."""
    area, folder = AREAS[request.param], tmp_path_factory.mktemp("area")
    waves(LATITUDES, LONGITUDES).to_netcdf(folder / "region.nc")
    waves(np.linspace(75, -75, 6), 45.0 * np.arange(8)).to_netcdf(folder / "globe.nc")
    config = EXPERIMENT.format(source=area.source, graph=area.graph, preset=area.preset)
    (folder / "experiment.yaml").write_text(config)
    quick_wxml("train", "experiment.yaml", "--run-dir", "run", folder=folder)
    quick_wxml("forecast", CHECKPOINT, "-o", "forecast.nc", folder=folder)
    return area, folder


@pytest.mark.parametrize("done", EACH, indirect=True)
def test_the_boundary_is_in_the_graph_and_in_the_forecast(done) -> None:
    area, folder = done
    checkpoint = load_checkpoint(folder / CHECKPOINT)
    name = "data:region" if checkpoint.grid.parts else "grid"
    np.testing.assert_array_equal(checkpoint.graph.nodes[name].boundary, area.boundary)
    with open_forecast(folder / "forecast.nc") as forecast:
        assert forecast.header.boundary is not None
        region = forecast.header.grid.ranges.get("region", slice(None))
        np.testing.assert_array_equal(forecast.header.boundary[region], area.boundary)
        assert forecast.header.boundary.sum() == area.boundary.sum(), "and nowhere else"


@pytest.mark.parametrize("done", EACH, indirect=True)
def test_what_stands_on_the_boundary_is_no_matter_to_the_scores(done, quick_wxml) -> None:
    area, folder = done
    quick_wxml("verify", "forecast.nc", "verification.maps=0", "-o", "scores", folder=folder)
    with xr.open_dataset(folder / "forecast.nc", decode_timedelta=True) as file:
        spoilt = file.load()
    spoilt["t"] = spoilt["t"].where(spoilt["boundary"] == 0, 1e6)
    spoilt.to_netcdf(folder / "spoilt.nc")
    shutil.copy(folder / "forecast.nc.wxml.json", folder / "spoilt.nc.wxml.json")
    quick_wxml("verify", "spoilt.nc", "verification.maps=0", "-o", "spoilt", folder=folder)
    with (
        xr.open_dataset(folder / "scores/scores.nc", decode_timedelta=True) as scores,
        xr.open_dataset(folder / "spoilt/scores.nc", decode_timedelta=True) as others,
    ):
        np.testing.assert_allclose(scores["scores"], others["scores"], rtol=1e-6)
        rmse = scores["scores"].sel(metric="rmse", variable="t")
        assert (rmse.sel(forecast="forecast") < rmse.sel(forecast="persistence")).all()
        scored = np.isfinite(scores["maps"].isel(map=0, variable=0, prediction_timedelta=0).values.ravel())
        assert scored[-len(area.boundary) :].tolist() == (~area.boundary).tolist()


@pytest.mark.parametrize("done", ["rows"], indirect=True)
def test_a_boundary_that_leaves_nothing_is_refused(done, run) -> None:
    _, folder = done
    changes = ("graph.boundary.nodes=5", "--out", "graph.safetensors")
    refused = run("graph", "build", "experiment.yaml", *changes, folder=folder)
    assert refused.returncode == 2
    assert "the boundary takes up all 120 nodes of the grid" in refused.stderr


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


def test_one_of_several_grids_is_written_alone(tmp_path, quick_wxml, run, area) -> None:
    config = EXPERIMENT.format(source=BESIDE, graph=NESTED, preset=", {graph: multi}")
    trained(tmp_path, quick_wxml, config, "training.max_steps=2")
    whole = forecast(tmp_path, quick_wxml, "whole.nc")
    quick_wxml("forecast", CHECKPOINT, "--start", "2000-01-09T00",
               "forecast.outputs=[{path: part.nc, region: {part: region}}]", folder=tmp_path)  # fmt: skip
    with open_forecast(tmp_path / "part.nc") as opened:
        part = np.stack([opened.read(0, one.name) for one in opened.header.variables])[:, :, 0]
        np.testing.assert_array_equal(part.squeeze(), whole[:, -len(TO_EDGE) :].squeeze())
        np.testing.assert_array_equal(opened.header.boundary, TO_EDGE < 2)
        assert not opened.header.grid.parts
    for folder in (tmp_path, area):
        refused = run("forecast", CHECKPOINT, "--start", "2000-01-09T00",
                      "forecast.outputs=[{path: no.nc, region: {part: regions}}]", folder=folder)  # fmt: skip
        assert refused.returncode == 2
        assert ("did you mean 'region'" if folder == tmp_path else "leave `region` out") in refused.stderr
