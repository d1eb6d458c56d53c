"""Limited areas through the command line: the boundary, by rows and by km, in graph, training, forecast and scores."""

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


@pytest.fixture(scope="module", params=AREAS)
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


def test_what_stands_on_the_boundary_is_no_matter_to_the_scores(done, quick_wxml) -> None:
    area, folder = done
    quick_wxml("verify", "forecast.nc", "-o", "scores", folder=folder)
    with xr.open_dataset(folder / "forecast.nc", decode_timedelta=True) as file:
        spoilt = file.load()
    spoilt["t"] = spoilt["t"].where(spoilt["boundary"] == 0, 1e6)
    spoilt.to_netcdf(folder / "spoilt.nc")
    shutil.copy(folder / "forecast.nc.wxml.json", folder / "spoilt.nc.wxml.json")
    quick_wxml("verify", "spoilt.nc", "-o", "spoilt", folder=folder)
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
