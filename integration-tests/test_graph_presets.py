"""Presets of graphs through the command line: a few steps of training, and a forecast."""

from pathlib import Path

import numpy as np
import xarray as xr
from wxml.artefacts.checkpoint import load_checkpoint

WORLD = "{plugin: xarray, path: world.nc}"
EXPERIMENT = """
defaults: [{{model: gnn-tiny}}, {{graph: {preset}}}]
data:
  source: {source}
  variables: {{forcing: [cos_latitude]}}
  split: {{training: [2000-01-01, 2000-01-07], validation: [2000-01-08, 2000-01-08], test: [2000-01-09, 2000-01-10]}}
graph: {{nodes: {{mesh: {{refinement: 1, finer: [{{refinement: 2, area: {area}}}]}}}}}}
model: {{channels: 8}}
training: {{plugin: lightning, max_steps: 3, batch_size: 2, tracker: none, accelerator: cpu}}
forecast: {{lead_time: 6h}}
"""
BOX = "{box: [70, -20, 20, 60]}"


def test_the_stretched_mesh_trains_and_forecasts(tmp_path: Path, make_world, quick_wxml) -> None:
    folder = make_world(tmp_path / "world")
    (folder / "experiment.yaml").write_text(EXPERIMENT.format(preset="stretched", source=WORLD, area=BOX))
    quick_wxml("train", "experiment.yaml", "--run-dir", "run", folder=folder)
    graph = load_checkpoint(folder / "run/checkpoint.safetensors").graph
    assert graph.data == ("grid",)
    assert 42 < len(graph.nodes["mesh"]) < 162  # of refinement 1 all, of refinement 2 some
    quick_wxml("forecast", "run/checkpoint.safetensors", "-o", "forecast.nc", folder=folder)
    with xr.open_dataset(folder / "forecast.nc", decode_timedelta=True) as forecast:
        assert np.isfinite(forecast["t"].values).all()
