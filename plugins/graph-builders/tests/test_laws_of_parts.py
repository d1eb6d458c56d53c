"""Laws that hold for every edge builder and every mesh builder of this package; a new one must take its place here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from wxml import Grid, NodeSet, create, installed
from wxml.data.sphere import from_unit_vectors
from wxml.errors import DataError
from wxml_graph_builders import BuildContext, MeshNodes
from wxml_graph_builders.areas import AreaOptions
from wxml_graph_builders.voronoi import cell_areas

Points = NDArray[np.float64]
Choice = dict[str, Any]
quick = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

BETWEEN: dict[str, Choice] = {
    "all": {},
    "containing-triangle": {},
    "mutual-nearest": {"nearest": 2},
    "nearest": {"nearest": 2},
    "radius": {"km": 4000},
    "reversed-nearest": {"nearest": 2},
    "reversed-radius": {"factor": 1.2},
}
"""Edge builders that join any two node sets."""
WITHIN = {"healpix-neighbours", "icon-topology", "multi-scale"}
"""Edge builders that need to know how their nodes were made; they have their own tests below."""
MESHES: dict[str, Choice] = {
    "grid": {},
    "healpix": {"nside": 4},
    "hexagons": {"divisions": 5},
    "icon": {"path": "icon_2_0.nc"},
    "latitude-longitude": {"latitudes": 8},
    "limited": {"base": {"plugin": "triangles", "refinement": 3}, "area": {"box": [90, 0, -90, 360]}},
    "points": {"path": "points.csv"},
    "reduced-gaussian": {"grid": "o8"},
    "stretched": {"refinement": 2, "finer": [{"refinement": 4, "area": {"box": [60, 170, 30, 220]}}]},
    "triangles": {"refinement": 3},
}
GLOBE = Grid.octahedral(8)


@pytest.fixture(autouse=True)
def files(icon_files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that options name lie in the working folder."""
    icon_files.icon(2)
    rows = np.stack(from_unit_vectors(scattered(300, 8)), axis=1).tolist()
    (tmp_path / "points.csv").write_text("lat,lon\n" + "".join(f"{lat!r},{lon!r}\n" for lat, lon in rows))
    monkeypatch.chdir(tmp_path)


def scattered(count: int, seed: int) -> Points:
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def placed(points: Points) -> MeshNodes:
    return MeshNodes(NodeSet(*from_unit_vectors(points)))


def at(*places: tuple[float, float]) -> MeshNodes:
    latitudes, longitudes = np.array(places, float).T
    return MeshNodes(NodeSet(latitudes, longitudes))


def edges(name: str, source: MeshNodes, target: MeshNodes, **options: Any) -> set[tuple[int, int]]:
    builder = create("edge-builder", name, {**BETWEEN.get(name, {}), **options})
    return set(map(tuple, builder.edges(source, target).tolist()))


def names_of(kind: str) -> set[str]:
    found = installed().records
    return {each.name for each in found if each.kind == kind and each.distribution == "wxml-graph-builders"}


def test_every_part_takes_its_place_here() -> None:
    assert names_of("edge-builder") == {*BETWEEN, *WITHIN}
    assert names_of("mesh-builder") == set(MESHES)


# Edges between any two node sets


@pytest.mark.parametrize("name", BETWEEN)
@quick
@given(st.integers(0, 999), st.integers(1, 40), st.integers(1, 40))
def test_the_order_of_nodes_does_not_matter(name: str, seed: int, sources: int, targets: int) -> None:
    """Among nodes at random none are equally far, so the edges are exactly the same."""
    random = np.random.default_rng(seed)
    source, target = (scattered(count, seed + number) for number, count in enumerate((sources, targets)))
    orders = random.permutation(sources), random.permutation(targets)
    moved = edges(name, placed(source[orders[0]]), placed(target[orders[1]]))
    back = {(int(orders[0][start]), int(orders[1][end])) for start, end in moved}
    assert back == edges(name, placed(source), placed(target))


@pytest.mark.parametrize("name", BETWEEN)
@quick
@given(st.integers(0, 999), st.integers(1, 40), st.integers(1, 40))
def test_edges_turn_with_the_nodes(name: str, seed: int, sources: int, targets: int) -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    source, target = (scattered(count, seed + number) for number, count in enumerate((sources, targets)))
    assert edges(name, placed(source @ turn), placed(target @ turn)) == edges(name, placed(source), placed(target))


@pytest.mark.parametrize("name", BETWEEN)
@quick
@given(st.integers(0, 999), st.integers(-3, 3), st.floats(-180, 180), st.floats(-180, 180))
def test_whole_turns_and_the_longitudes_of_poles_do_not_matter(
    name: str, seed: int, turns: int, north: float, south: float
) -> None:
    """A node at a pole may have any longitude, others may be written in any turn.

    A target at the very place of a source lies in all triangles around it, and reads the corners of any one. There are
    sources on all sides: two poles and half of a globe have triangles with a side through the middle of the earth.
    """

    def nodes(count: int, number: int, further: float, poles: tuple[float, float]) -> MeshNodes:
        latitudes, longitudes = from_unit_vectors(scattered(count, seed + number))
        if number and name == "containing-triangle":
            return MeshNodes(NodeSet(latitudes, longitudes + further))
        return MeshNodes(NodeSet(np.append(latitudes, [90.0, -90.0]), np.append(longitudes + further, poles)))

    plain = [nodes(40, 0, 0, (0, 0)), nodes(15, 1, 0, (0, 0))]
    other = [nodes(40, 0, 360.0 * turns, (north, south)), nodes(15, 1, -360.0 * turns, (south, north))]
    assert edges(name, *other) == edges(name, *plain)


@pytest.mark.parametrize("name", BETWEEN)
@pytest.mark.parametrize("west", [-180.0, 180.0, 0.0, 360.0])
def test_the_date_line_and_greenwich_are_no_border(name: str, west: float) -> None:
    """A lattice across a meridian is joined as one elsewhere; a bent one, for four nodes on a circle have two ways."""
    rows, columns = np.meshgrid([5.0, 0.0, -6.0], [-7.0, -1.0, 4.0, 11.0], indexing="ij")
    rows = rows + 0.3 * np.sin(columns * rows)
    places = [at(*zip(rows.ravel(), columns.ravel() + middle, strict=True)) for middle in (west, 77.0)]
    targets = [at((1.5, middle - 2.0), (-2.0, middle + 1.0), (4.0, middle + 9.0)) for middle in (west, 77.0)]
    found = [edges(name, *both) for both in zip(places, targets, strict=True)]
    assert found[0] == found[1]
    assert found[0]


@pytest.mark.parametrize("name", BETWEEN)
@quick
@given(st.integers(0, 999))
def test_a_target_at_the_place_of_a_source_reads_it(name: str, seed: int) -> None:
    """The nearest one there is, and a corner of each triangle around it; also at a pole and on the date line."""
    source = np.concatenate([scattered(30, seed), [[0, 0, 1], [0, 0, -1], [-1, 0, 0]]])
    shared = np.array([0, 5, 30, 31, 32])
    target = np.concatenate([source[shared], scattered(6, seed + 1)])
    found = edges(name, placed(source), placed(target))
    for number, place in enumerate(shared.tolist()):
        assert (place, number) in found


@pytest.mark.parametrize("name", BETWEEN)
@pytest.mark.parametrize(
    ("sources", "targets"), [(1, 1), (1, 2), (2, 1), (2, 2), (1, 7), (7, 1), (2, 7), (7, 2), (3, 3)]
)
def test_one_and_two_nodes_are_joined(name: str, sources: int, targets: int) -> None:
    """Every target reads a source; and of one node all read it."""
    found = edges(name, placed(scattered(sources, 1)), placed(scattered(targets, 2)))
    assert {end for _, end in found} == set(range(targets)) or name == "reversed-nearest"
    if sources == 1:
        assert found == {(0, end) for end in range(targets)} or name == "reversed-nearest"
    assert {start for start, _ in found} <= set(range(sources))
    if name in ("radius", "reversed-radius", "reversed-nearest", "all"):
        assert {start for start, _ in found} == set(range(sources))


@pytest.mark.parametrize("name", BETWEEN)
@pytest.mark.parametrize("count", [1, 2])
def test_one_and_two_nodes_of_one_set_have_no_edges_with_themselves(name: str, count: int) -> None:
    if name == "containing-triangle":
        return  # of a set with itself every node is a corner
    nodes = placed(np.array([[1.0, 0, 0], [0.9, np.sqrt(1 - 0.81), 0]])[:count])
    assert edges(name, nodes, nodes) == {(one, other) for one in range(count) for other in range(count) if one != other}


# Edges that need to know how nodes were made


def test_multi_scale_follows_the_numbers_of_the_nodes() -> None:
    mesh = create("mesh-builder", "triangles", {"refinement": 2}).build(BuildContext(GLOBE))
    order = np.random.default_rng(0).permutation(len(mesh))
    number = np.argsort(order)
    moved = MeshNodes(mesh.nodes.take(order), tuple(number[pairs] for pairs in mesh.levels))
    for options in ({}, {"coarsest": 1, "hops": 2}, {"finest": 0, "self_edges": True}):
        back = {(int(order[a]), int(order[b])) for a, b in edges("multi-scale", moved, moved, **options)}
        assert back == edges("multi-scale", mesh, mesh, **options)


@pytest.mark.parametrize(
    ("name", "mesh", "options"),
    [
        ("healpix-neighbours", {"plugin": "healpix", "nside": 4}, {"levels": 2}),
        ("icon-topology", {"plugin": "icon", "path": "icon_2_0.nc"}, {"path": "icon_2_0.nc"}),
        ("icon-topology", {"plugin": "icon", "path": "icon_2_0.nc", "nodes": "cells"}, {"path": "icon_2_0.nc"}),
    ],
)
def test_nodes_that_are_known_by_their_places_may_have_any_order(name: str, mesh: Choice, options: Choice) -> None:
    chosen = dict(mesh)
    made = create("mesh-builder", chosen.pop("plugin"), chosen).build(BuildContext(GLOBE))
    plain = MeshNodes(made.nodes)
    order = np.random.default_rng(1).permutation(len(plain))
    turned = NodeSet(plain.nodes.latitudes[order], plain.nodes.longitudes[order] - 360)
    moved = MeshNodes(turned)
    back = {(int(order[a]), int(order[b])) for a, b in edges(name, moved, moved, **options)}
    assert back == edges(name, plain, plain, **options)


# Meshes


EACH_MESH = [pytest.param(name, options, id=name) for name, options in MESHES.items()]


def built(name: str, options: Choice, grid: Grid = GLOBE, **others: Any) -> MeshNodes:
    nodes = {"grid": MeshNodes(NodeSet.of_grid(grid))}
    made: MeshNodes = create("mesh-builder", name, options).build(BuildContext(grid, nodes, **others))
    return made


@pytest.mark.parametrize(("name", "options"), EACH_MESH)
def test_the_areas_of_a_mesh_around_the_globe_add_up_to_the_sphere(name: str, options: Choice) -> None:
    mesh = built(name, options)
    found = cell_areas(mesh)
    assert found.sum() == pytest.approx(4 * np.pi, rel=1e-9)
    assert found.min() > 0
    order = np.random.default_rng(2).permutation(len(mesh))
    np.testing.assert_allclose(cell_areas(MeshNodes(mesh.nodes.take(order))), found[order], rtol=1e-6)


AREAS: dict[str, Choice] = {
    "across the date line": {"box": [40, 165, -40, 200]},
    "across Greenwich": {"box": [40, -20, -40, 25]},
    "around the north pole": {"box": [90, 0, 60, 360]},
    "around the south pole": {"polygon": [[-60, 0], [-60, 120], [-60, 240]]},
    "all of it": {"box": [90, -180, -90, 180]},
}


@pytest.mark.parametrize("area", AREAS)
@pytest.mark.parametrize(("name", "options"), EACH_MESH)
def test_a_mesh_of_an_area_is_a_part_of_the_whole_one(name: str, options: Choice, area: str) -> None:
    """The same nodes in the same order, with the same edges; poles and meridians are no border."""
    whole = built(name, options)
    chosen = AreaOptions(**AREAS[area]).area(BuildContext(GLOBE))
    part = built(name, options, area=chosen)
    part = part.subset(chosen.holds(part.points))
    expected = whole.subset(chosen.holds(whole.points))
    np.testing.assert_allclose(_sorted(part.points), _sorted(expected.points), atol=1e-12)
    if part.levels:
        assert _pairs(part, part.levels[-1]) == _pairs(expected, expected.levels[-1])


def _sorted(points: Points) -> Points:
    return points[np.lexsort(np.round(points, 7).T)]


def _pairs(mesh: MeshNodes, pairs: NDArray[np.int64]) -> set[tuple[tuple[float, ...], ...]]:
    rounded = np.round(mesh.points, 6) + 0.0
    return {(tuple(rounded[a].tolist()), tuple(rounded[b].tolist())) for a, b in pairs.tolist()}


@pytest.mark.parametrize(("name", "options"), EACH_MESH)
@pytest.mark.parametrize("count", [1, 2])
def test_data_of_one_and_of_two_nodes_have_a_graph(name: str, options: Choice, count: int) -> None:
    """Also at a pole and on the date line."""
    for places in ([(50.0, 10.0), (51.0, 11.0)], [(90.0, 0.0), (-90.0, 0.0)], [(0.0, 180.0), (0.0, 179.0)]):
        latitudes, longitudes = np.array(places[:count]).T
        grid = Grid.unstructured(latitudes, longitudes)
        rules: list[Choice] = [
            {"from": "grid", "to": "mesh", "plugin": "reversed-nearest", "nearest": 2},
            {"from": "mesh", "to": "mesh", "plugin": "nearest", "self_edges": True},
            {"from": "mesh", "to": "grid", "plugin": "containing-triangle"},
        ]
        mesh = {"plugin": name, **options}
        graph = create("graph-builder", "composed", {"nodes": {"mesh": mesh}, "edges": rules}).build(grid)
        assert np.all(np.diff(graph.edges["mesh", "grid"].pointers) >= 1)
        assert all(np.isfinite(each.features).all() for each in graph.edges.values())


@pytest.mark.parametrize(("name", "options"), EACH_MESH)
def test_a_node_of_the_data_on_a_node_of_the_mesh_reads_it(name: str, options: Choice) -> None:
    mesh = built(name, options)
    shared = np.array([0, len(mesh) // 2, len(mesh) - 1])
    grid = Grid.unstructured(mesh.nodes.latitudes[shared], mesh.nodes.longitudes[shared])
    if name == "grid":
        return  # its nodes are those of the data
    for rule in ("nearest", "containing-triangle", "radius"):
        chosen = create("edge-builder", rule, {"km": 100} if rule == "radius" else {})
        pairs = chosen.edges(mesh, MeshNodes(NodeSet.of_grid(grid)))
        assert {(int(place), number) for number, place in enumerate(shared)} <= set(map(tuple, pairs.tolist()))


CHECKS: list[Callable[[MeshNodes], bool]] = [
    lambda mesh: bool(np.all((mesh.nodes.longitudes >= 0) & (mesh.nodes.longitudes < 360))),
    lambda mesh: bool(np.all(np.abs(mesh.nodes.latitudes) <= 90)),
]


@pytest.mark.parametrize(("name", "options"), EACH_MESH)
def test_places_are_written_in_one_way(name: str, options: Choice) -> None:
    """Longitudes from 0 up to 360."""
    assert all(check(built(name, options)) for check in CHECKS)


def test_an_area_without_a_node_is_told_by_every_mesh() -> None:
    for name, options in MESHES.items():
        base = {"plugin": name, **options}
        area = {"polygon": [[1.0, 1.0], [1.0, 1.001], [1.001, 1.0]]}
        with pytest.raises(DataError, match="no node of the mesh lies in the area"):
            built("limited", {"base": base, "area": area})
