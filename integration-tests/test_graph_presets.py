"""Presets of graphs, made small, through the command line: a few steps of training, and a forecast."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from wxml import Grid, NodeSet, create, open_forecast
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.data.sphere import from_unit_vectors
from wxml_graph_builders import BuildContext

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
    "stretched": (WORLD, FINER % "{box: [70, -20, 20, 60]}", ("grid",)),
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
    if name in ("multi", "stretched"):
        assert 42 < mesh < 162  # of refinement 1 all, of refinement 2 some
    else:
        assert mesh == {"healpix": 48, "hierarchical-2": 162, "point-wise": len(graph.nodes["grid"])}.get(name, 42)
    assert graph.levels == (("mesh", "mesh:1") if name == "hierarchical-2" else ("mesh",))
    quick_wxml("forecast", "run/checkpoint.safetensors", "-o", "forecast.nc", folder=folder)
    with open_forecast(folder / "forecast.nc") as forecast:
        values, grid = forecast.read(0, "t"), forecast.header.grid
        assert np.isfinite(values).all()
        assert list(grid.ranges) == [data.partition(":")[2] for data in graph.data if data != "grid"]


def test_data_at_the_cells_of_icon_train_on_its_vertices(tmp_path: Path, quick_wxml) -> None:
    cells = _write_grid_file(tmp_path / "icon_grid.nc")
    times = pd.date_range("2000-01-01", periods=40, freq="6h")
    wave = np.sin(np.radians(cells.longitudes) - np.arange(40)[:, None] / 8) * np.cos(np.radians(cells.latitudes))
    axes = {
        "time": times,
        "lat": ("cell", cells.latitudes, {"units": "degrees_north"}),
        "lon": ("cell", cells.longitudes, {"units": "degrees_east"}),
    }
    world = xr.Dataset({"t": (("time", "cell"), 280 + 10 * wave, {"units": "K"})}, axes)
    world.to_netcdf(tmp_path / "world.nc")
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT.format(preset="icon", source=WORLD, graph="{nodes: {}}"))
    quick_wxml("train", "experiment.yaml", "--run-dir", "run", folder=tmp_path)
    graph = load_checkpoint(tmp_path / "run/checkpoint.safetensors").graph
    assert {name: len(nodes) for name, nodes in graph.nodes.items()} == {"grid": 320, "mesh": 162}
    assert len(graph.edges["grid", "mesh"]) == 3 * 320
    assert len(graph.edges["mesh", "mesh"]) == 60 * (1 + 4 + 16)
    for name, plugin in (("mesh-builder", "icon"), ("edge-builder", "icon-topology")):
        told = quick_wxml("check-plugin", name, plugin, "--option", "path=icon_grid.nc", folder=tmp_path)
        assert "failed" not in told.stdout or " 0 failed" in told.stdout


def _write_grid_file(path: Path) -> NodeSet:
    """A grid file with the names and the layout of ICON, of the icosahedron refined twice; its cells are returned."""
    mesh = create("mesh-builder", "triangles", {"refinement": 2}).build(BuildContext(Grid.octahedral(4)))
    corners, sides = mesh.cells, np.unique(np.sort(mesh.levels[-1], axis=1), axis=0)
    centres = mesh.points[corners].sum(axis=1)
    cells = NodeSet(*from_unit_vectors(centres / np.linalg.norm(centres, axis=1, keepdims=True)))
    shared = (corners[:, None, :, None] == corners[None, :, None, :]).any(axis=3).sum(axis=2)
    neighbours = np.nonzero(shared == 2)[1].reshape(len(cells), 3)
    level = np.sum([np.arange(len(mesh)) >= count for count in (12, 42)], axis=0)
    radians = {"units": "radian"}
    variables = {
        "vlat": ("vertex", np.radians(mesh.nodes.latitudes), radians),
        "vlon": ("vertex", np.radians(mesh.nodes.longitudes), radians),
        "clat": ("cell", np.radians(cells.latitudes), radians),
        "clon": ("cell", np.radians(cells.longitudes), radians),
        "edge_vertices": (("nc", "edge"), sides.T.astype("i4") + 1),
        "vertex_of_cell": (("nv", "cell"), corners.T.astype("i4") + 1),
        "neighbor_cell_index": (("nv", "cell"), neighbours.T.astype("i4") + 1),
        "refinement_level_v": ("vertex", level.astype("i4")),
    }
    xr.Dataset(variables).to_netcdf(path)
    return cells
