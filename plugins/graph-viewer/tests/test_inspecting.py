"""What `wxml graph inspect` tells of graphs made by hand, whose numbers are known, and what it warns of."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from wxml import EdgeSet, Graph, NodeSet
from wxml.testing import tiny_graph, tiny_grid
from wxml_graph_viewer.inspecting.measures import crossings, nearest_distances

Facts = Callable[[Graph], dict[str, Any]]
QUARTER = 6371.0 * np.pi / 2
"""The way from a pole to the equator, km."""


def test_counts_degrees_and_lengths_are_those_of_the_octahedron(facts: Facts, lab: Any) -> None:
    told = facts(lab.octahedron())
    mesh, inner = told["nodes"]["mesh"], told["edges"]["mesh → mesh"]
    assert (mesh["count"], inner["count"]) == (6, 24)
    assert inner["length_km"] == pytest.approx({"min": QUARTER, "median": QUARTER, "max": QUARTER})
    assert mesh["spacing_km"] == pytest.approx({"min": QUARTER, "median": QUARTER, "max": QUARTER})
    assert inner["edges_in"] == inner["edges_out"] == {"min": 4.0, "median": 4.0, "max": 4.0}
    assert told["edges"]["grid → mesh"]["length_km"] == {"min": 0.0, "median": 0.0, "max": 0.0}
    assert told["edges"]["grid → mesh"]["edges_in"] == {"min": 0.0, "median": 1.0, "max": 1.0}
    assert told["edges"]["grid → mesh"]["unreached"] == told["edges"]["mesh → grid"]["unread"] == 2
    assert (mesh["south"], mesh["north"], mesh["is_global"]) == (-90.0, 90.0, True)


def test_the_memory_is_that_of_the_arrays(facts: Facts, lab: Any) -> None:
    told = facts(lab.octahedron())
    places = 8 * 2 * (6 + 4)
    edges = sum((8 * 3 + 4 * 3) * count for count in (24, 4, 4))
    pointers = 8 * sum(a + b + 2 for a, b in ((6, 6), (4, 6), (6, 4)))
    assert told["memory"] == places + edges + pointers


def test_mesh_nodes_without_data_and_without_any_edge_are_told_with_their_place(facts: Facts, lab: Any) -> None:
    warnings = facts(lab.octahedron())["warnings"]
    assert warnings == ["2 of 6 nodes of `mesh` get no edge from the data; the first is node 0 at 90°N 0°E"]
    (grid, _), (mesh, pairs) = lab.lattice(4, 8), lab.lattice(4, 8)
    alone = NodeSet(np.append(mesh.latitudes, -80), np.append(mesh.longitudes, 200.0))
    told = facts(lab.joined(grid, alone, pairs))
    assert told["nodes"]["mesh"]["isolated"] == 1
    assert told["warnings"] == [
        "1 of 33 nodes of `mesh` get no edge from the data; the first is node 32 at 80°S 160°W",
        "1 of 33 nodes of `mesh` have no edge at all; the first is node 32 at 80°S 160°W",
        "edges mesh → mesh leave `mesh` in 2 pieces that nothing joins",
    ]


def test_a_grid_node_that_is_neither_read_nor_reached_is_told(facts: Facts, lab: Any) -> None:
    (grid, _), (mesh, pairs) = lab.lattice(4, 8), lab.lattice(4, 8)
    whole = lab.joined(grid, mesh, pairs)
    assert facts(whole)["warnings"] == []
    some = np.delete(np.arange(32), 9)
    edges = {
        **whole.edges,
        ("grid", "mesh"): EdgeSet.between(grid, mesh, some, some),
        ("mesh", "grid"): EdgeSet.between(mesh, grid, some, some),
    }
    warnings = facts(Graph(whole.nodes, edges))["warnings"]
    for what in ("no edge to the mesh", "no edge from it", "no edge at all"):
        assert f"1 of 32 nodes of `grid` have {what}; the first is node 9 at 15°N 45°E" in warnings


def test_a_ring_that_is_not_closed_is_a_gap(facts: Facts, lab: Any) -> None:
    (grid, _), (mesh, pairs) = lab.lattice(4, 24), lab.lattice(4, 24, closed=False)
    assert facts(lab.joined(grid, mesh, pairs))["warnings"] == [
        "edges mesh → mesh have a gap at 0°E: 0 cross it, 8 cross another meridian"
    ]
    turned = NodeSet(mesh.latitudes, (mesh.longitudes + 180) % 360)
    assert facts(lab.joined(turned, turned, pairs))["warnings"] == [
        "edges mesh → mesh have a gap at 180°W: 0 cross it, 8 cross another meridian"
    ]


def test_the_ends_of_a_limited_area_are_no_gap(facts: Facts, lab: Any) -> None:
    nodes, pairs = lab.lattice(4, 24, east=90, closed=False)
    told = facts(lab.joined(nodes, nodes, pairs))
    assert told["warnings"] == []
    assert (told["nodes"]["mesh"]["west"], told["nodes"]["mesh"]["east"]) == (0.0, 86.25)


def test_a_region_across_the_date_line_has_its_own_ends(facts: Facts, lab: Any) -> None:
    nodes, pairs = lab.lattice(3, 5, east=50, closed=False)
    across = NodeSet(nodes.latitudes, (nodes.longitudes + 160) % 360)
    told = facts(lab.joined(across, across, pairs))["nodes"]["grid"]
    assert (told["west"], told["east"], told["is_global"]) == (160.0, -160.0, False)


def test_nodes_at_one_place_are_told_at_a_pole_too(facts: Facts, lab: Any) -> None:
    (mesh, pairs), (grid, _) = lab.lattice(4, 8), lab.lattice(4, 8)
    poles = NodeSet(np.append(grid.latitudes, [90.0, 90.0]), np.append(grid.longitudes, [10.0, 250.0]))
    assert facts(lab.joined(poles, mesh, pairs))["warnings"] == [
        "2 of 34 nodes of `grid` share their place with another; the first is node 32 at 90°N 10°E"
    ]


def test_a_node_with_far_more_edges_than_others_is_told(facts: Facts, lab: Any) -> None:
    mesh, pairs = lab.lattice(6, 24)
    hub = np.concatenate([pairs, [np.arange(40, 100), np.full(60, 7)]], axis=1)
    assert (
        "1 of 144 nodes of `mesh` have far more edges mesh → mesh that reach them than others; 4 is usual, "
        "63 the most; the first is node 7 at 50°N 105°E"
    ) in facts(lab.joined(mesh, mesh, hub))["warnings"]


def test_a_mesh_much_coarser_than_the_data_is_told(facts: Facts, lab: Any) -> None:
    mesh, pairs = lab.lattice(2, 4)
    told = facts(lab.joined(lab.lattice(40, 100)[0], mesh, pairs))
    assert any(text.startswith("`mesh` is much coarser than `grid`: ") for text in told["warnings"])
    assert not any("coarser" in text for text in facts(lab.joined(lab.lattice(4, 8)[0], mesh, pairs))["warnings"])


def test_attributes_are_told(facts: Facts, lab: Any) -> None:
    graph, area = lab.octahedron(), np.array([0.1, 0.2, 0.3, 0.4])
    grid = graph.nodes["grid"].with_attributes(area=area, boundary=area > 0.25)
    told = facts(Graph({**graph.nodes, "grid": grid}, graph.edges))["nodes"]["grid"]["attributes"]
    assert (told["area"]["shape"], told["area"]["type"]) == ([4], "float64")
    assert [told["area"][key] for key in ("min", "median", "max", "sum")] == pytest.approx([0.1, 0.25, 0.4, 1.0])
    assert (told["boundary"]["type"], told["boundary"]["sum"]) == ("bool", 2.0)


@given(st.integers(0, 2**32 - 1), st.integers(0, 359))
def test_crossings_and_distances_do_not_depend_on_where_greenwich_is(seed: int, turn: int) -> None:
    random = np.random.default_rng(seed)
    nodes = NodeSet(random.uniform(-80, 80, 30), random.uniform(0, 360, 30))
    turned = NodeSet(nodes.latitudes, (nodes.longitudes + turn) % 360)
    pairs, meridians = random.integers(30, size=(2, 60)), np.arange(0, 360, 15.0)
    counts = [
        crossings(Graph({"mesh": one}, {("mesh", "mesh"): EdgeSet.between(one, one, *pairs)}), "mesh", "mesh", where)
        for one, where in ((nodes, meridians), (turned, (meridians + turn) % 360))
    ]
    assert counts[0].tolist() == counts[1].tolist()
    assert nearest_distances(nodes) == pytest.approx(nearest_distances(turned), rel=1e-6)


def test_one_node_has_no_spacing() -> None:
    assert nearest_distances(NodeSet(np.zeros(1), np.zeros(1))).size == 0


def test_the_text_has_what_the_facts_have(run: Callable[..., Result], experiment: Path) -> None:
    text, told = run("inspect", experiment).stdout, json.loads(run("inspect", experiment, "--json").stdout)
    assert told["identity"] in text
    assert told["nodes"]["mesh"]["count"] == 42
    assert told["made_of"]["graph"] == {"plugin": "icosahedral", "refinement": 1}
    rows = {" ".join(line.split()[:3]): line for line in text.splitlines() if " → " in line}
    for name, edges in told["edges"].items():
        assert str(edges["count"]) in rows[name].split()
    assert [line for line in text.splitlines() if line.startswith("warning: ")] == [
        f"warning: {one}" for one in told["warnings"]
    ]


def test_levels_of_a_mesh_are_shown(facts: Facts) -> None:
    told = facts(tiny_graph(tiny_grid(), levels=2))
    assert [told["nodes"][name]["count"] for name in ("mesh", "mesh:1", "mesh:2")] == [12, 6, 3]
    assert "mesh:1 → mesh" in told["edges"]
