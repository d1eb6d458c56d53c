"""Graphs from parts: the same bits as the builders that exist, masks, united rules, finishing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from wxml import Graph, Grid, GridPart, create
from wxml.errors import ConfigError, DataError
from wxml.testing import GraphBuilderContract, tiny_grid
from wxml_graph_builders import Composed, Icosahedral, LatLon, LimitedArea
from wxml_graph_builders.icosphere import greatest_edge

EDGES = [
    {"from": "grid", "to": "mesh", "plugin": "radius"},
    {"from": "mesh", "to": "mesh", "plugin": "multi-scale"},
    {"from": "mesh", "to": "grid", "plugin": "nearest"},
]
PLACES = ("latitudes", "longitudes")
MESH = {"mesh": {"plugin": "triangles", "refinement": 2}}


class TestComposed(GraphBuilderContract):
    plugin = Composed
    options = {"nodes": MESH, "edges": EDGES}
    rotation_invariant = True


class TestComposedHierarchy(GraphBuilderContract):
    plugin = Composed
    options = {
        "nodes": {**MESH, "mesh:1": {"plugin": "triangles", "refinement": 1}},
        "edges": [
            *EDGES,
            {"from": "mesh:1", "to": "mesh:1", "plugin": "multi-scale"},
            {"from": "mesh", "to": "mesh:1", "plugin": "reversed-nearest", "nearest": 2},
            {"from": "mesh:1", "to": "mesh", "plugin": "containing-triangle"},
        ],
    }


def composed(nodes: Any, edges: Any, **others: Any) -> Composed:
    builder: Composed = create("graph-builder", "composed", {"nodes": nodes, "edges": edges, **others})
    return builder


def same_bits(first: Graph, second: Graph) -> bool:
    one, other = first.to_arrays(), second.to_arrays()
    return one.keys() == other.keys() and all(one[key].tobytes() == other[key].tobytes() for key in one)


@pytest.mark.parametrize("grid", [tiny_grid(), Grid.octahedral(12), Grid.healpix(4)], ids=["regular", "o12", "healpix"])
@pytest.mark.parametrize("coarsest", [0, 1])
def test_parts_make_the_same_bits_as_icosahedral(grid: Grid, coarsest: int) -> None:
    edges = [EDGES[0], {**EDGES[1], "coarsest": coarsest}, EDGES[2]]
    assert same_bits(composed(MESH, edges).build(grid), Icosahedral(refinement=2, coarsest=coarsest).build(grid))


def test_parts_make_the_same_bits_as_lat_lon() -> None:
    graph = composed({"mesh": {"plugin": "latitude-longitude", "latitudes": 9}}, EDGES).build(tiny_grid())
    assert same_bits(graph, LatLon(latitudes=9).build(tiny_grid()))


REGIONS = {
    "europe": Grid.regular(np.linspace(60, 40, 11), np.linspace(350, 380, 13)),
    "date line": Grid.regular(np.linspace(10, -30, 9), np.linspace(160, 215, 12)),
    "pole": Grid.regular(np.linspace(89, 65, 9), np.arange(0, 360, 15.0)),
    "projected": Grid.curvilinear(*np.meshgrid(np.linspace(40, 55, 8), np.linspace(5, 30, 9), indexing="ij")),
}


@pytest.mark.parametrize("refinement", [3, 5])
@pytest.mark.parametrize("grid", REGIONS.values(), ids=list(REGIONS))
def test_parts_make_the_same_bits_as_limited_area(grid: Grid, refinement: int) -> None:
    """A margin of 1.5 spacings is as many km; the margin counts from the hull."""
    area = {"nodes": "grid", "hull": True, "margin_km": 1.5 * greatest_edge(refinement) * 6371}
    base = {"plugin": "triangles", "refinement": refinement}
    mesh = {"plugin": "limited", "base": base, "area": area, "whole_triangles": True}
    expected = LimitedArea(refinement=refinement, margin=1.5).build(grid)
    assert same_bits(composed({"mesh": mesh}, EDGES).build(grid), expected)


@pytest.mark.parametrize("named", [{}, {"nodes": "data:region"}], ids=["by its place", "by its name"])
def test_each_of_several_grids_is_a_node_set(named: dict[str, str]) -> None:
    """The parts of a grid are joined with the mesh each by its own rules, and know their areas."""
    globe, region = Grid.octahedral(4), Grid.regular(np.linspace(60, 40, 5), np.linspace(0, 20, 5))
    both = Grid.unstructured(*(np.concatenate([getattr(one, name) for one in (globe, region)]) for name in PLACES))
    both = replace(both, parts=(GridPart("globe", len(globe)), GridPart("region", len(region))))
    exact = {"plugin": "grid", **named, "attributes": {"area": {"method": "exact"}}}
    edges = [
        {"from": "data:globe", "to": "mesh", "plugin": "radius"},
        {"from": "data:region", "to": "mesh", "plugin": "reversed-nearest", "nearest": 1},
        EDGES[1],
        {"from": "mesh", "to": "data:globe", "plugin": "nearest"},
        {"from": "mesh", "to": "data:region", "plugin": "containing-triangle"},
    ]
    graph = composed({**MESH, "data:region": exact}, edges).build(both)
    assert set(graph.data) == {"data:globe", "data:region"}
    assert len(graph.edges["data:region", "mesh"]) == 25
    assert len(graph.edges["mesh", "data:region"]) == 75
    np.testing.assert_allclose(graph.nodes["data:region"].attributes["area"], 1 / 25)
    with pytest.raises(DataError, match=r"the nodes `data:region` are those of the data, got `nodes: grid` for them"):
        composed({**MESH, "data:region": {**exact, "nodes": "grid"}}, edges).build(both)


def test_rules_for_one_pair_are_united() -> None:
    nearest = {"from": "grid", "to": "mesh", "plugin": "nearest"}
    both = composed(MESH, [*EDGES, nearest]).build(tiny_grid()).edges["grid", "mesh"]
    alone = [
        composed(MESH, [rule, *EDGES[1:]]) for rule in (EDGES[0], nearest, {**nearest, "plugin": "reversed-nearest"})
    ]
    expected = set()
    for builder in alone[:1]:
        edges = builder.build(tiny_grid()).edges["grid", "mesh"]
        expected |= set(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    found = set(zip(both.source.tolist(), both.target.tolist(), strict=True))
    assert expected < found
    read = np.bincount(both.target)
    assert read.min() >= 3  # `nearest` gives every mesh node three


def test_masks_choose_the_ends_of_edges_and_leave_the_numbers() -> None:
    north = {"plugin": "grid", "attributes": {"north": {"plugin": "in-area", "area": {"box": [90, 0, 0, 360]}}}}
    south = {"plugin": "in-area", "area": {"box": [-1e-6, 0, -90, 360]}}
    nodes = {
        "grid": north,
        "mesh": {"plugin": "triangles", "refinement": 2, "attributes": {"south": south}},
    }
    rule = {"from": "grid", "to": "mesh", "plugin": "nearest", "source_mask": "north", "target_mask": "south"}
    graph = composed(nodes, [*EDGES, rule]).build(tiny_grid())
    plain = composed(nodes, EDGES).build(tiny_grid())
    keys = [
        set(zip(g.edges["grid", "mesh"].source.tolist(), g.edges["grid", "mesh"].target.tolist(), strict=True))
        for g in (graph, plain)
    ]
    added = np.array(sorted(keys[0] - keys[1]))
    assert len(added)
    assert np.all(graph.nodes["grid"].latitudes[added[:, 0]] >= 0)
    assert np.all(graph.nodes["mesh"].latitudes[added[:, 1]] < 0)
    assert graph.nodes["mesh"].attributes["south"].dtype == bool


def test_the_factor_is_of_the_masked_targets() -> None:
    """Of the mesh's nodes the mask leaves a coarser set, whose spacing is twice as wide."""
    grid = Grid.octahedral(16)
    fine = {"plugin": "stretched", "refinement": 2, "finer": [{"refinement": 3, "area": {"box": [90, 0, 40, 360]}}]}
    fine["attributes"] = {"fine": {"plugin": "in-area", "area": {"box": [90, 0, 50, 360]}}}
    factor = {"from": "grid", "to": "mesh", "plugin": "radius", "factor": 0.9, "join_left_out": False}
    back = {"from": "grid", "to": "mesh", "plugin": "reversed-nearest", "nearest": 1}
    edges = composed({"mesh": fine}, [{**factor, "target_mask": "fine"}, back, *EDGES[1:]]).build(grid)
    whole = composed({"mesh": fine}, [factor, back, *EDGES[1:]]).build(grid)
    inside = edges.nodes["mesh"].attributes["fine"]
    counts = [np.diff(graph.edges["grid", "mesh"].pointers)[inside].mean() for graph in (edges, whole)]
    assert counts[0] < 0.5 * counts[1]


def test_long_edges_and_self_edges_are_left_out_in_the_end() -> None:
    edges = [*EDGES[:1], {**EDGES[1], "self_edges": True}, EDGES[2]]
    plain = composed(MESH, edges).build(tiny_grid())
    cut = composed(MESH, edges, finish={"longest_km": 2200, "remove_self_edges": True}).build(tiny_grid())
    start, end = plain.edges["mesh", "mesh"].source, plain.edges["mesh", "mesh"].target
    points = plain.nodes["mesh"].points
    length = 2 * np.arcsin(np.linalg.norm(points[start] - points[end], axis=1) / 2) * 6371
    assert len(cut.edges["mesh", "mesh"]) == np.sum((length <= 2200) & (start != end))
    assert 0 < len(cut.edges["mesh", "mesh"]) < len(plain.edges["mesh", "mesh"])


def test_unconnected_nodes_are_left_out() -> None:
    """A region reads few of the mesh's nodes; the mesh keeps those, and the edges among them."""
    region = Grid.regular(np.linspace(60, 40, 9), np.linspace(0, 20, 9))
    edges = [
        {"from": "grid", "to": "mesh", "plugin": "reversed-nearest", "nearest": 2},
        {**EDGES[1], "source_mask": "near", "target_mask": "near"},
        {"from": "mesh", "to": "grid", "plugin": "nearest", "source_mask": "near"},
    ]
    near = {"plugin": "in-area", "area": {"nodes": "grid", "margin_km": 700}}
    mesh = {"plugin": "triangles", "refinement": 4, "attributes": {"near": near}}
    whole = composed({"mesh": mesh}, edges).build(region)
    cut = composed({"mesh": mesh}, edges, finish={"remove_unconnected": ["mesh"]}).build(region)
    assert len(whole.nodes["mesh"]) == 2562
    assert 10 < len(cut.nodes["mesh"]) < 200
    for pair, found in cut.edges.items():
        assert len(found) == len(whole.edges[pair])
        places = [cut.nodes[pair[0]].points[found.source], whole.nodes[pair[0]].points[whole.edges[pair].source]]
        np.testing.assert_array_equal(*places)


@pytest.mark.parametrize("order", ["space-filling", "north-to-south"])
def test_nodes_in_another_order_are_the_same_graph(order: str) -> None:
    """The numbers that nodes had lead from each edge to the same edge of the graph as it was, features and all."""
    whole = composed(MESH, EDGES).build(tiny_grid())
    moved = composed(MESH, EDGES, finish={"order": {"mesh": order}, "numbers": "before"}).build(tiny_grid())
    before = moved.nodes["mesh"].attributes["before"]
    assert sorted(before.tolist()) == list(range(len(before)))
    assert before.tolist() != sorted(before.tolist())
    np.testing.assert_array_equal(moved.nodes["mesh"].points, whole.nodes["mesh"].points[before])
    for pair, edges in moved.edges.items():
        source = before[edges.source] if pair[0] == "mesh" else edges.source
        target = before[edges.target] if pair[1] == "mesh" else edges.target
        place = np.lexsort((source, target))
        np.testing.assert_array_equal(source[place], whole.edges[pair].source)
        np.testing.assert_array_equal(target[place], whole.edges[pair].target)
        np.testing.assert_allclose(edges.features[place], whole.edges[pair].features, atol=1e-6)


def test_orders_of_nodes() -> None:
    """Rows from north to south; and along the curve neighbours lie near each other."""
    nodes = composed(MESH, EDGES, finish={"order": {"mesh": "north-to-south"}}).build(tiny_grid()).nodes["mesh"]
    assert np.all(np.diff(nodes.latitudes) <= 0)
    fine = {"mesh": {"plugin": "triangles", "refinement": 4}}
    steps = {}
    for order in ("space-filling", None):
        finish = {"order": {"mesh": order}} if order else {}
        points = composed(fine, EDGES, finish=finish).build(tiny_grid()).nodes["mesh"].points
        steps[order] = np.linalg.norm(np.diff(points, axis=0), axis=1).mean()
    assert steps["space-filling"] < 0.14  # twice the spacing
    assert steps["space-filling"] < 0.5 * steps[None]


def test_the_numbers_of_what_is_left_out_are_kept_too() -> None:
    region = Grid.regular(np.linspace(60, 40, 9), np.linspace(0, 20, 9))
    edges = [{**EDGES[0], "plugin": "reversed-nearest", "nearest": 2}, EDGES[1], EDGES[2]]
    edges[1] = {"from": "mesh", "to": "mesh", "plugin": "nearest", "source_mask": "near", "target_mask": "near"}
    edges[2] = {"from": "mesh", "to": "grid", "plugin": "nearest", "source_mask": "near"}
    near = {"plugin": "in-area", "area": {"nodes": "grid", "margin_km": 700}}
    mesh = {"plugin": "triangles", "refinement": 4, "attributes": {"near": near}}
    finish = {"remove_unconnected": ["mesh"], "order": {"mesh": "space-filling"}, "numbers": "before"}
    whole = composed({"mesh": mesh}, edges).build(region).nodes["mesh"]
    cut = composed({"mesh": mesh}, edges, finish=finish).build(region).nodes["mesh"]
    assert len(cut) < len(whole)
    np.testing.assert_array_equal(cut.points, whole.points[cut.attributes["before"]])


def test_features_and_norms_stand_side_by_side() -> None:
    rule = {
        **EDGES[2],
        "plugin": "containing-triangle",
        "features": [{"plugin": "barycentric"}, {"plugin": "length", "unit": "km", "norm": "max", "per": "target"}],
    }
    edges = composed(MESH, [*EDGES[:2], rule]).build(tiny_grid()).edges["mesh", "grid"]
    assert edges.features.shape == (len(edges), 2)
    weights = np.add.reduceat(edges.features[:, 0].astype(float), edges.pointers[:-1])
    np.testing.assert_allclose(weights, 1, atol=1e-6)
    np.testing.assert_allclose(np.maximum.reduceat(edges.features[:, 1], edges.pointers[:-1]), 1)


def test_a_wrong_inner_option_is_refused_with_its_place() -> None:
    with pytest.raises(ConfigError, match=r"unknown key `refinment`: did you mean 'refinement'") as caught:
        composed({"mesh": {"plugin": "triangles", "refinment": 2}}, EDGES)
    assert caught.value.faults[0].path == ("nodes", "mesh", "refinment")
    with pytest.raises(ConfigError, match="unknown key `neerest`") as caught:
        composed(MESH, [*EDGES[:2], {**EDGES[2], "neerest": 4}])
    assert caught.value.faults[0].path == ("edges", 2, "neerest")


def test_a_name_that_is_no_node_set_is_refused() -> None:
    with pytest.raises(DataError, match=r"`edges\[0\]` joins the nodes 'gird'.*did you mean 'grid'"):
        composed(MESH, [{**EDGES[0], "from": "gird"}, *EDGES[1:]]).build(tiny_grid())
