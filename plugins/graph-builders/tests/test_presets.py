"""The presets of `graph`: each builds a graph, with a coarse mesh in the place of its own."""

from importlib.resources import files
from typing import Any

import numpy as np
import pytest
import yaml
from wxml import Grid, create

FOLDER = files("wxml_graph_builders").joinpath("presets/graph")
NAMES = sorted(each.name.removesuffix(".yaml") for each in FOLDER.iterdir())
SMALLER = {"refinement": 2, "nside": 4, "grid": "o8"}


def preset(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load(FOLDER.joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    return values


def smaller(rule: dict[str, Any]) -> dict[str, Any]:
    """The same with a coarser mesh."""
    return {key: SMALLER.get(key, value) for key, value in rule.items()}


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"limited-area"}))
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
