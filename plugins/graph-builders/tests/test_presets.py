"""The presets of `graph`: each builds a graph, with a coarse mesh in the place of its own."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.spatial import cKDTree
from wxml import Grid, GridPart, NodeSet, create
from wxml.data.sphere import unit_vectors
from wxml_graph_builders import BuildContext, MeshNodes
from wxml_graph_builders.areas import AreaOptions

FOLDER = files("wxml_graph_builders").joinpath("presets/graph")
NAMES = sorted(each.name.removesuffix(".yaml") for each in FOLDER.iterdir())
SMALLER = {"refinement": 2, "nside": 4, "grid": "o8"}


def preset(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(FOLDER.joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    return values


def smaller(rule: dict[str, Any]) -> dict[str, Any]:
    """The same with a coarser mesh."""
    return {key: SMALLER.get(key, value) for key, value in rule.items()}


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"file", "icon", "limited-area", "multi", "stretched"}))
def test_a_preset_joins_every_node_of_a_global_grid(name: str) -> None:
    options = preset(name)
    options.pop("plugin")
    options["nodes"] = {
        node_set: smaller(rule) | ({"refinement": 2 - number} if "refinement" in rule else {})
        for number, (node_set, rule) in enumerate(options["nodes"].items())
    }
    grid = Grid.octahedral(12)
    graph = create("graph-builder", "composed", options).build(grid)
    assert len(graph.levels) == {"hierarchical-2": 2, "hierarchical-3": 3}.get(name, 1)
    assert np.all(np.diff(graph.edges["mesh", "grid"].pointers) >= 1)


def test_the_limited_area_has_a_boundary_and_a_mesh_around_it() -> None:
    options = preset("limited-area")
    options.pop("plugin")
    region = Grid.regular(np.linspace(60, 40, 41), np.linspace(350, 380, 41))
    graph = create("graph-builder", "composed", options).build(region)
    boundary = graph.nodes["grid"].boundary.reshape(41, 41)
    inner = np.zeros((41, 41), bool)
    inner[5:-5, 5:-5] = True
    assert np.array_equal(boundary, ~inner)
    assert graph.nodes["mesh"].latitudes.max() > 61
    assert len(graph.nodes["mesh"]) < 3000


def test_the_points_of_a_file_are_the_mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mesh = Grid.octahedral(4)
    rows = zip(mesh.latitudes.tolist(), mesh.longitudes.tolist(), strict=True)
    Path("mesh.csv").write_text("latitude,longitude\n" + "".join(f"{lat!r},{lon!r}\n" for lat, lon in rows))
    options = preset("file")
    options.pop("plugin")
    graph = create("graph-builder", "composed", options).build(Grid.octahedral(12))
    np.testing.assert_array_equal(graph.nodes["mesh"].points, NodeSet.of_grid(mesh).points)
    assert np.all(np.diff(graph.edges["mesh", "mesh"].pointers) == 8)


def test_cells_of_icon_are_joined_with_the_vertices(icon_files: Any) -> None:
    path = icon_files.icon(3)
    options = preset("icon")
    options.pop("plugin")
    for part in (*options["nodes"].values(), *options["edges"]):
        part.update({"path": path} if "path" in part else {})
    cells = create("mesh-builder", "icon", {"path": path, "nodes": "cells"}).build(BuildContext(Grid.octahedral(4)))
    grid = Grid.unstructured(cells.nodes.latitudes, cells.nodes.longitudes)
    graph = create("graph-builder", "composed", options).build(grid)
    assert len(graph.nodes["mesh"]) == 10 * 4**3 + 2
    assert len(graph.edges["mesh", "mesh"]) == 60 * (1 + 4 + 16 + 64)
    for pair in (("grid", "mesh"), ("mesh", "grid")):
        assert len(graph.edges[pair]) == 3 * len(grid)


def coarser(name: str, coarsest: int) -> dict[str, Any]:
    """The options of a preset with a stretched mesh, whose refinements begin so low."""
    options = preset(name)
    options.pop("plugin")
    mesh = options["nodes"]["mesh"]
    down = mesh["refinement"] - coarsest
    mesh["refinement"] = coarsest
    mesh["finer"] = [{**step, "refinement": step["refinement"] - down} for step in mesh["finer"]]
    return options


def test_a_stretched_mesh_is_four_times_as_fine_in_its_area() -> None:
    graph = create("graph-builder", "composed", coarser("stretched", 3)).build(Grid.octahedral(16))
    mesh = graph.nodes["mesh"]
    spacing = np.asarray(cKDTree(mesh.points).query(mesh.points, k=[2])[0])[:, 0]
    inside = (mesh.latitudes > 36) & (mesh.latitudes < 70) & ((mesh.longitudes + 23) % 360 < 66)
    assert spacing[mesh.latitudes < -30].min() > 3 * np.median(spacing[inside])
    assert np.diff(graph.edges["grid", "mesh"].pointers).min() >= 6


def test_two_grids_share_one_mesh_that_is_finer_in_the_region() -> None:
    globe, region = Grid.octahedral(12), Grid.regular(np.linspace(60, 40, 21), np.linspace(350, 370, 21))
    places = (np.concatenate([getattr(one, name) for one in (globe, region)]) for name in ("latitudes", "longitudes"))
    parts = (GridPart("globe", len(globe)), GridPart("region", len(region)))
    options = coarser("multi", 3)
    graph = create("graph-builder", "composed", options).build(replace(Grid.unstructured(*places), parts=parts))
    assert set(graph.data) == {"data:globe", "data:region"}
    # those of refinement 3, and of refinement 4 what lies near the region
    assert 642 < len(graph.nodes["mesh"]) < 700
    read = graph.edges["data:region", "mesh"]
    reached = graph.nodes["mesh"].points[read.target] @ graph.nodes["data:region"].points.mean(axis=0)
    assert reached.min() > 0.9
    assert np.all(np.diff(read.source_pointers) == 3)


@pytest.mark.parametrize("margin_km", [0, 1e-6, 0.01])
def test_a_hull_with_hardly_a_margin_holds_what_lies_in_it(margin_km: float) -> None:
    """The sides of a large hull have some 600 000 samples at most, and not one for each part of the margin."""
    region = NodeSet.of_grid(Grid.regular(np.linspace(80, -10, 10), np.linspace(0, 100, 11)))
    context = BuildContext(Grid.octahedral(4), {"region": MeshNodes(region)})
    area = AreaOptions(nodes="region", hull=True, margin_km=margin_km).area(context)
    places = [(40.0, 50.0), (-9.999, 50.0), (-10.5, 99.9), (40.0, -0.01), (40.0, 0.01)]
    assert area.holds(unit_vectors(*np.array(places).T)).tolist() == [True, True, False, False, True]
