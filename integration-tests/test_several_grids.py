"""Two grids on one mesh, and three levels of the mesh, through the command line: train, forecast, verify."""

import csv
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from wxml import open_forecast
from wxml.artefacts.checkpoint import load_checkpoint

CHECKPOINT = "run/checkpoint.safetensors"
WORLD = "{plugin: xarray, path: world.nc}"
COMMON = """
defaults: [{{model: gnn-tiny}}]
data:
  source: {source}
  variables: {variables}
  split: {{training: [2000-01-01, 2000-01-07], validation: [2000-01-08, 2000-01-08], test: [2000-01-09, 2000-01-10]}}
graph: {graph}
model: {model}
training:
  {{plugin: lightning, max_steps: {steps}, batch_size: 2, learning_rate: 3.0e-3, tracker: none, accelerator: cpu}}
forecast: {{lead_time: 6h}}
"""
TWO = f"""
    plugin: grids
    names: [globe, north]
    areas: [3, 1]
    sources:
      - {WORLD}
      - {{plugin: subset, select: [t], area: {{south: 20}}, source: {WORLD}}}"""
LEVELS = """
  processor:
    plugin: hierarchical
    processors: [{plugin: gnn, num_layers: 1}]
    down: [{plugin: gnn}]
    up: [{plugin: gnn}]"""
ONE_WAY = f"""
    plugin: grids
    names: [globe, read, forecast]
    areas: [2, 1, 1]
    sources:
      - {{plugin: subset, select: [t], source: {WORLD}}}
      - {{plugin: subset, select: [z], area: {{south: 20}}, source: {WORLD}}}
      - plugin: rename
        names: {{z: w}}
        source: {{plugin: subset, select: [z], area: {{north: -20}}, source: {WORLD}}}"""
EXPERIMENTS = {
    "two grids": COMMON.format(
        source=TWO,
        variables="{forcing: [cos_latitude]}",
        graph="{plugin: icosahedral, refinement: 1}",
        model="{channels: 16}",
        steps=40,
    ),
    "a grid that is read and one that is forecast": COMMON.format(
        source=ONE_WAY,
        variables="{prognostic: [t], forcing: [z, cos_latitude], diagnostic: [w]}",
        graph="{plugin: icosahedral, refinement: 1}",
        model="{channels: 16}",
        steps=160,  # diagnostic variables have no state to begin with
    ),
    "three levels": COMMON.format(
        source=WORLD,
        variables="{forcing: [cos_latitude]}",
        graph="{plugin: icosahedral, refinement: 2, hierarchy: 2}",
        model=f"\n  channels: 16{LEVELS}",
        steps=40,
    ),
}


@pytest.fixture(scope="module", params=EXPERIMENTS)
def done(request, tmp_path_factory, make_world, quick_wxml) -> tuple[str, Path]:
    """What stands in a folder after training, forecast and verification."""
    folder = make_world(tmp_path_factory.mktemp("graphs") / "world")
    (folder / "experiment.yaml").write_text(EXPERIMENTS[request.param])
    quick_wxml("train", "experiment.yaml", "--run-dir", "run", folder=folder)
    quick_wxml("forecast", CHECKPOINT, "-o", "forecast.nc", folder=folder)
    quick_wxml("verify", "forecast.nc", "verification.maps=0", "-o", "scores", folder=folder)
    return request.param, folder


def test_it_beats_persistence(done) -> None:
    with xr.open_dataset(done[1] / "scores" / "scores.nc", decode_timedelta=True) as scores:
        rmse = scores["scores"].sel(metric="rmse")
        for variable in rmse["variable"].values:
            ours, persistence = (float(rmse.sel(forecast=f, variable=variable)[0]) for f in ("forecast", "persistence"))
            assert ours < persistence, (variable, ours, persistence)


def test_the_graph_is_what_the_config_says(done) -> None:
    name, folder = done
    checkpoint = load_checkpoint(folder / CHECKPOINT)
    parts = [(part.name, part.lacks) for part in checkpoint.grid.parts]
    if name == "two grids":
        assert checkpoint.graph.data == ("data:globe", "data:north")
        assert parts == [("globe", ()), ("north", ("z",))]
        assert mappers(checkpoint) == {
            "encoder.encoders.0",
            "encoder.encoders.1",
            "decoder.decoders.0",
            "decoder.decoders.1",
        }
    elif name == "three levels":
        assert checkpoint.graph.levels == ("mesh", "mesh:1", "mesh:2")
        assert any(weight.startswith("processor.before.2.") for weight in checkpoint.weights)
    else:
        assert parts == [("globe", ("z", "w")), ("read", ("t", "w")), ("forecast", ("t", "z"))]
        assert mappers(checkpoint) == {
            "encoder.encoders.0",
            "encoder.encoders.1",
            "decoder.decoders.0",
            "decoder.decoders.2",
        }
        assert {weight for weight in checkpoint.weights if weight.startswith("encoder.encoders.2.")} == {
            "encoder.encoders.2.embedding.weight",
            "encoder.encoders.2.embedding.bias",
        }


def mappers(checkpoint) -> set[str]:
    """The places of the encoders and decoders, but for what stands in place of one."""
    there = (weight.split(".") for weight in checkpoint.weights if weight.startswith(("encoder.", "decoder.")))
    return {".".join(names[:3]) for names in there if names[3:4] != ["embedding"]}


@pytest.mark.parametrize("done", ["two grids"], indirect=True)
def test_each_grid_is_validated_and_scored_alone(done) -> None:
    folder = done[1]
    with (folder / "run" / "history.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    whole, globe, north = (float(last[f"validation_loss{name}"]) for name in ("", "_globe", "_north"))
    assert min(globe, north) < whole < max(globe, north)
    with xr.open_dataset(folder / "scores" / "scores.nc", decode_timedelta=True) as scores:
        rmse = scores["part_scores"].sel(metric="rmse").isel(prediction_timedelta=0)
        assert rmse["part"].values.tolist() == ["globe", "north"]
        for part, variable in (("globe", "t"), ("globe", "z"), ("north", "t")):
            own = rmse.sel(part=part, variable=variable)
            assert float(own.sel(forecast="forecast")) < float(own.sel(forecast="persistence")), (part, variable)
        assert np.isnan(rmse.sel(part="north", variable="z")).all()


def test_what_a_grid_lacks_is_missing_in_the_file(done) -> None:
    with open_forecast(done[1] / "forecast.nc") as forecast:
        grid = forecast.header.grid
        for variable in (one.name for one in forecast.header.variables):
            values = forecast.read(0, variable)
            lacks = {part.name: variable in part.lacks for part in grid.parts}
            for part, is_lacking in lacks.items():
                assert (np.isnan if is_lacking else np.isfinite)(values[..., grid.ranges[part]]).all(), (variable, part)
            assert lacks or np.isfinite(values).all()


@pytest.mark.parametrize("done", ["two grids"], indirect=True)
def test_it_forecasts_from_a_dataset_that_was_built_of_the_grids(done, quick_wxml) -> None:
    folder = done[1]
    quick_wxml("dataset", "build", "experiment.yaml", "built.zarr", "--workers", "1", folder=folder)
    source = "{plugin: anemoi, path: built.zarr}"
    quick_wxml("forecast", CHECKPOINT, "-o", "again.nc", f"data.source={source}", folder=folder)
    with open_forecast(folder / "forecast.nc") as first, open_forecast(folder / "again.nc") as again:
        parts = load_checkpoint(folder / CHECKPOINT).grid.parts
        assert first.header.grid.parts == again.header.grid.parts == parts
        for variable in ("t", "z"):
            np.testing.assert_array_equal(first.read(0, variable), again.read(0, variable))
    changes = (f"data.source={source}", "training.max_steps=2")
    quick_wxml("train", "experiment.yaml", *changes, "--run-dir", "run2", folder=folder)
    assert load_checkpoint(folder / "run2/checkpoint.safetensors").grid.parts == parts
