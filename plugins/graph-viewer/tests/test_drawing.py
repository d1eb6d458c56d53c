"""Projections against their formulas, and what is on a map."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import PathCollection
from matplotlib.image import imread
from wxml import Graph, Grid, GridPart, create
from wxml.data.sphere import angular_distance, unit_vectors
from wxml.errors import ArtefactError
from wxml.graphs.files import save_graph
from wxml_graph_viewer.chosen import choose
from wxml_graph_viewer.drawing.lines import arcs, coasts
from wxml_graph_viewer.drawing.map import draw_map
from wxml_graph_viewer.drawing.projection import Azimuthal, World, projection_of
from wxml_graph_viewer.drawing.view import seen_from

Run = Callable[..., Result]
carries_out = pytest.mark.carries_out
degrees = st.integers(-80, 80)


def at(north: float, east: float) -> np.ndarray:
    return unit_vectors(np.array([north]), np.array([east]))


def test_a_globe_is_seen_from_afar() -> None:
    globe = Azimuthal(0.0, 0.0, "globe")
    for place, expected in (((0, 0), (0, 0)), ((0, 30), (0.5, 0)), ((30, 0), (0, 0.5)), ((-90, 0), (0, -1))):
        assert globe.plane(at(*place))[0][0] == pytest.approx(expected, abs=1e-12)
    assert [bool(globe.plane(at(*place))[1][0]) for place in ((10, 80), (10, 100), (0, 180))] == [True, False, False]


@given(degrees, st.integers(-180, 180), st.integers(1, 119), st.integers(0, 359))
def test_a_limited_area_keeps_areas(north: int, east: int, away: int, towards: int) -> None:
    """A cap of the angle c has the area 2π (1 − cos c), and so has the circle of radius 2 sin(c / 2)."""
    area = Azimuthal(north, east, "area")
    up, angle = at(north, east)[0], np.radians(away)
    side = np.array([-np.sin(np.radians(east)), np.cos(np.radians(east)), 0.0])
    direction = np.cos(np.radians(towards)) * side + np.sin(np.radians(towards)) * np.cross(up, side)
    place = area.plane((np.cos(angle) * up + np.sin(angle) * direction)[None])[0][0]
    expected = 2 * np.sin(angle / 2) * np.array([np.cos(np.radians(towards)), np.sin(np.radians(towards))])
    assert place == pytest.approx(expected, abs=1e-12)


@given(degrees, st.integers(-180, 180), st.sampled_from(["globe", "area", "world"]))
def test_east_is_to_the_right_and_north_is_up(north: int, east: int, name: Any) -> None:
    projection = World() if name == "world" else Azimuthal(north, east, name)
    here, right, up = (
        projection.plane(at(*place))[0][0] for place in ((north, east), (north, east + 0.5), (north + 0.5, east))
    )
    assert up[1] > here[1]
    assert right[0] > here[0] or (name == "world" and here[0] >= 179.5)


def test_an_edge_across_the_date_line_is_cut_on_the_world() -> None:
    ends, _ = World().plane(np.stack([at(0, 179)[0], at(0, -179)[0]]))
    assert not World().is_joined(ends[0], ends[1])


@given(st.integers(0, 2**32 - 1))
def test_an_edge_is_drawn_as_the_great_circle(seed: int) -> None:
    start, end = np.random.default_rng(seed).normal(size=(2, 5, 3))
    start, end = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (start, end))
    pieces, owner = arcs(start, end)
    lengths = np.bincount(owner, angular_distance(pieces[:, 0], pieces[:, 1]))
    assert lengths == pytest.approx(angular_distance(start, end))  # no other way of that length joins the ends
    assert np.linalg.norm(pieces, axis=-1) == pytest.approx(np.ones(pieces.shape[:2]))
    for number in range(5):
        own = pieces[owner == number]
        assert own[0, 0] == pytest.approx(start[number])
        assert own[-1, 1] == pytest.approx(end[number])


def test_the_coasts_are_where_they_belong() -> None:
    ends = coasts().reshape(-1, 3)
    for name, north, east, is_near in (
        ("Cape Horn", -55.98, -67.27, True),
        ("Sahara", 23, 10, False),
        ("Pole", -90, 0, False),
    ):
        nearest = np.degrees(angular_distance(ends, at(north, east)).min())
        assert (nearest < 1) == is_near, (name, nearest)


def test_a_map_shows_the_nodes_of_the_side_that_is_seen(lab: Any) -> None:
    nodes, pairs = lab.lattice(4, 24)
    graph = lab.joined(nodes, nodes, pairs)
    view = seen_from(graph)
    assert (view.north, view.east) == (15.0, 0.0)
    figure = draw_map(graph, choose(graph), projection_of("auto", view), title="x")
    dots = [one for one in figure.axes[0].collections if isinstance(one, PathCollection)]
    expected = int(np.sum(nodes.points @ at(15, 0)[0] > 0))
    assert [len(np.asarray(one.get_offsets())) for one in dots] == [expected, expected]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [
        f"mesh → mesh: {len(graph.edges['mesh', 'mesh'])} edges", "grid: 96 nodes", "mesh: 96 nodes",
    ]  # fmt: skip


def test_a_limited_area_is_looked_at_from_above(lab: Any) -> None:
    nodes, pairs = lab.lattice(4, 24, east=60, closed=False)
    graph = lab.joined(nodes, nodes, pairs)
    view = seen_from(graph)
    assert (view.north, view.east) == (pytest.approx(0.0, abs=1e-9), pytest.approx(28.75))
    projection = projection_of("auto", view)
    assert projection == Azimuthal(view.north, view.east, "area")
    axes = draw_map(graph, choose(graph), projection).axes[0]
    places = projection.plane(nodes.points)[0]
    for ends, values in ((axes.get_xlim(), places[:, 0]), (axes.get_ylim(), places[:, 1])):
        assert ends[0] < values.min() < values.max() < ends[1]
        assert ends[1] - ends[0] < 1.2 * (places.max(axis=0) - places.min(axis=0)).max()


@pytest.fixture
def file(tmp_path: Path, lab: Any) -> Path:
    """The graph of a ring, with an attribute."""
    nodes, pairs = lab.lattice(3, 8)
    graph = lab.joined(nodes, nodes, pairs)
    grid = nodes.with_attributes(height=np.arange(24.0))
    save_graph(tmp_path / "ring.safetensors", Graph({**graph.nodes, "grid": grid}, graph.edges), {})
    return tmp_path / "ring.safetensors"


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_same_graph_gives_the_same_bytes(run: Run, file: Path, tmp_path: Path, suffix: str) -> None:
    for name in ("a", "b"):
        run("plot", file, "--out", tmp_path / f"{name}{suffix}", "--colour", "height")
    first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("a", "b"))
    assert first == second
    if suffix == ".png":
        assert len(np.unique(imread(tmp_path / "a.png").reshape(-1, 4), axis=0)) > 50
    assert {path.suffix for path in tmp_path.iterdir()} == {".safetensors", suffix}


@carries_out("choose of {}, all, none")
def test_a_set_that_the_graph_has_not_is_named(run: Run, file: Path, tmp_path: Path) -> None:
    for option, wrong, right in (("--nodes", "msh", "mesh"), ("--edges", "mesh", "mesh/grid")):
        with pytest.raises(ArtefactError, match=f"`{option}` must be sets of the graph, got '{wrong}'"):
            run("plot", file, option, wrong, "--out", tmp_path / "a.png", "--overwrite")
        run("plot", file, option, right, "--out", tmp_path / "a.png", "--overwrite")


@carries_out("choose of {}")
def test_a_value_that_no_set_has_is_named(run: Run, file: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="`--colour` must be a value of the sets") as caught:
        run("plot", file, "--colour", "depth", "--out", tmp_path / "a.png")
    assert caught.value.fix == "choose of edges in, edges out, height, length"
    run("plot", file, "--colour", "height", "--out", tmp_path / "a.png")


@carries_out("write it like 52.5,13.4")
@pytest.mark.parametrize("centre", ["52", "north,east", "91,0", "1,2,3", "nan,0"])
def test_a_centre_that_is_no_place_is_named(run: Run, file: Path, tmp_path: Path, centre: str) -> None:
    with pytest.raises(ArtefactError, match="`--centre` must be a latitude and a longitude in degrees, got"):
        run("plot", file, "--centre", centre, "--out", tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
    run("plot", file, "--centre", "52.5,13.4", "--out", tmp_path / "a.png")


def test_names_are_no_mathematics(run: Run, file: Path, tmp_path: Path) -> None:
    odd = file.with_name("$x_{$.safetensors")
    file.rename(odd)
    run("plot", odd, "--out", tmp_path / "a.png")  # as mathematics it would be an error
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_a_mask_marks_its_nodes(lab: Any) -> None:
    nodes, pairs = lab.lattice(4, 24, east=60, closed=False)
    graph = lab.joined(nodes, nodes, pairs)
    mask = np.arange(96) < 7
    graph = Graph({**graph.nodes, "grid": nodes.with_attributes(boundary=mask)}, graph.edges)
    projection = projection_of("auto", seen_from(graph))
    axes = draw_map(graph, choose(graph, edges=["none"]), projection, colour="boundary").axes
    assert len(axes) == 1  # true and false need no scale
    dots = {one.get_label(): one for one in axes[0].collections if isinstance(one, PathCollection)}
    assert list(dots) == ["grid: 96 nodes", "boundary of grid: 7 nodes", "mesh: 96 nodes"]
    marked = np.asarray(dots["boundary of grid: 7 nodes"].get_offsets())
    assert marked == pytest.approx(projection.plane(nodes.points[mask])[0])


def test_the_grids_of_a_composed_graph_are_drawn_and_told(run: Run, tmp_path: Path) -> None:
    coarse, fine = Grid.octahedral(4), Grid.regular(np.arange(60, 40, -4.0), np.arange(0, 30, 4.0))
    both = Grid.unstructured(
        *(np.append(getattr(coarse, one), getattr(fine, one)) for one in ("latitudes", "longitudes"))
    )
    grid = replace(both, parts=(GridPart("coarse", len(coarse)), GridPart("fine", len(fine))))
    rules = [
        {"from": source, "to": target, "plugin": plugin}
        for name in ("data:coarse", "data:fine")
        for source, target, plugin in ((name, "mesh", "reversed-nearest"), ("mesh", name, "nearest"))
    ]
    options = {
        "nodes": {"mesh": {"plugin": "triangles", "refinement": 1}},
        "edges": [*rules, {"from": "mesh", "to": "mesh", "plugin": "multi-scale"}],
    }
    graph = create("graph-builder", "composed", options).build(grid)
    save_graph(tmp_path / "two.safetensors", graph, {})
    facts = json.loads(run("inspect", tmp_path / "two.safetensors", "--json").stdout)
    assert {name: one["count"] for name, one in facts["nodes"].items()} == {
        "data:coarse": len(coarse), "data:fine": len(fine), "mesh": 42,
    }  # fmt: skip
    assert {facts["edges"][f"{name} → mesh"]["unread"] for name in ("data:coarse", "data:fine")} == {0}
    assert not any("not read" in one or "not forecast" in one for one in facts["warnings"])
    chosen = ("--nodes", "data:fine", "--edges", "data:fine/mesh", "--edges", "mesh/data:coarse")
    run("plot", tmp_path / "two.safetensors", *chosen, "--out", tmp_path / "a.png", "--html", tmp_path / "a.html")
    assert "data:fine" in (tmp_path / "a.html").read_text()
    assert len(np.unique(imread(tmp_path / "a.png").reshape(-1, 4), axis=0)) > 50
