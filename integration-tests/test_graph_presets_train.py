"""Presets of graphs, made small, through the command line: a few steps of training, and a forecast."""

from pathlib import Path

import numpy as np
import pytest
from wxml import open_forecast
from wxml.artefacts.checkpoint import load_checkpoint

WORLD = "{plugin: xarray, path: world.nc}"
EXPERIMENT = """
defaults: [{{model: gnn-tiny}}, {{graph: {preset}}}]
data:
  source: {source}
  variables: {{forcing: [cos_latitude]}}
  split: {{training: [2000-01-01, 2000-01-07], validation: [2000-01-08, 2000-01-08], test: [2000-01-09, 2000-01-10]}}
graph: {graph}
model: {{channels: 8}}
training: {{plugin: lightning, max_steps: 3, batch_size: 2, tracker: none, accelerator: cpu}}
forecast: {{lead_time: 6h}}
"""
TWO = """
    plugin: grids
    names: [globe, region]
    areas: [3, 1]
    sources:
      - {plugin: xarray, path: world.nc}
      - {plugin: subset, select: [t], area: {south: 20}, source: {plugin: xarray, path: world.nc}}"""
FINER = "{nodes: {mesh: {refinement: 1, finer: [{refinement: 2, area: %s}]}}}"
SMALL = "{nodes: {mesh: {refinement: 2}, 'mesh:1': {refinement: 1}}}"
PRESETS = {
    "multi": (TWO, FINER % "{nodes: 'data:region', hull: true}", ("data:globe", "data:region")),
    "healpix": (WORLD, "{nodes: {mesh: {nside: 2}}}", ("grid",)),
    "hierarchical-2": (WORLD, SMALL, ("grid",)),
    "multi-scale": (WORLD, "{nodes: {mesh: {refinement: 1}}}", ("grid",)),
    "encoder-decoder-only": (WORLD, "{nodes: {mesh: {refinement: 1}}}", ("grid",)),
    "point-wise": (WORLD, "{nodes: {}}", ("grid",)),
}


@pytest.fixture(params=PRESETS)
def trained(request, tmp_path: Path, make_world, quick_wxml) -> tuple[str, Path]:
    """The folder of a training with a preset."""
    source, graph, _ = PRESETS[request.param]
    folder = make_world(tmp_path / "world")
    (folder / "experiment.yaml").write_text(EXPERIMENT.format(preset=request.param, source=source, graph=graph))
    quick_wxml("train", "experiment.yaml", "--run-dir", "run", folder=folder)
    return request.param, folder


def test_a_preset_trains_and_forecasts(trained, quick_wxml) -> None:
    name, folder = trained
    graph = load_checkpoint(folder / "run/checkpoint.safetensors").graph
    assert graph.data == PRESETS[name][2]
    mesh = len(graph.nodes["mesh"])
    if name == "multi":
        assert 42 < mesh < 162  # of refinement 1 all, of refinement 2 some
    else:
        assert mesh == {"healpix": 48, "hierarchical-2": 162, "point-wise": len(graph.nodes["grid"])}.get(name, 42)
    assert graph.levels == (("mesh", "mesh:1") if name == "hierarchical-2" else ("mesh",))
    quick_wxml("forecast", "run/checkpoint.safetensors", "-o", "forecast.nc", folder=folder)
    with open_forecast(folder / "forecast.nc") as forecast:
        values, grid = forecast.read(0, "t"), forecast.header.grid
        assert np.isfinite(values).all()
        assert list(grid.ranges) == [data.partition(":")[2] for data in graph.data if data != "grid"]
