"""Edges against brute force and closed forms; poles, the date line, nodes at one place, one and two nodes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import Grid, NodeSet
from wxml.data.sphere import from_unit_vectors
from wxml_graph_builders import BuildContext, EdgeBuilder, MeshNodes
from wxml_graph_builders.edge_features.barycentric_weights import Barycentric
from wxml_graph_builders.edge_rules.all_nodes import All
from wxml_graph_builders.edge_rules.containing_triangle import ContainingTriangle, containing, delaunay
from wxml_graph_builders.edge_rules.healpix_neighbours import HealpixNeighbours
from wxml_graph_builders.edge_rules.multi_scale import MultiScale
from wxml_graph_builders.edge_rules.nearest import MutualNearest, Nearest, ReversedNearest
from wxml_graph_builders.edge_rules.radius import Radius, ReversedRadius
from wxml_graph_builders.meshes.healpix import Healpix
from wxml_graph_builders.meshes.stretched import Stretched
from wxml_graph_builders.meshes.triangles import Triangles

Array = np.ndarray[Any, Any]
Edges = set[tuple[int, int]]
CONTEXT = BuildContext(Grid.octahedral(4))


def scattered(count: int, seed: int) -> MeshNodes:
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return MeshNodes(NodeSet(*from_unit_vectors(points / np.linalg.norm(points, axis=1, keepdims=True))))


def at(*places: tuple[float, float]) -> MeshNodes:
    latitudes, longitudes = np.array(places, float).T
    return MeshNodes(NodeSet(latitudes, longitudes))


def edges(builder: EdgeBuilder, source: MeshNodes, target: MeshNodes) -> Edges:
    pairs = builder.edges(source, target)
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    return set(map(tuple, pairs.tolist()))


def nearest(source: MeshNodes, target: MeshNodes, count: int) -> Edges:
    distance = np.linalg.norm(target.points[:, None] - source.points, axis=2)
    order = np.argsort(distance, axis=1)[:, :count]
    return {(int(start), end) for end, row in enumerate(order) for start in row}


def swapped(pairs: Edges) -> Edges:
    return {(start, end) for end, start in pairs}


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 5), st.integers(0, 99))
def test_nearest_edges_are_those_of_brute_force(sources: int, targets: int, count: int, seed: int) -> None:
    source, target = scattered(sources, seed), scattered(targets, seed + 1000)
    forward, backward = nearest(source, target, count), swapped(nearest(target, source, count))
    assert edges(Nearest(nearest=count), source, target) == forward
    assert edges(ReversedNearest(nearest=count), source, target) == backward
    mutual = edges(MutualNearest(nearest=count, orphans=False), source, target)
    assert mutual == forward & backward
    orphans = {pair for pair in nearest(source, target, 1) if pair[1] not in {end for _, end in mutual}}
    assert edges(MutualNearest(nearest=count), source, target) == mutual | orphans


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 60), st.integers(2, 60), st.floats(200, 9000), st.integers(0, 99))
def test_edges_within_a_radius_are_those_of_brute_force(sources: int, targets: int, km: float, seed: int) -> None:
    source, target = scattered(sources, seed), scattered(targets, seed + 1000)
    angle = 2 * np.arcsin(np.linalg.norm(target.points[:, None] - source.points, axis=2) / 2)
    end, start = np.nonzero(angle * 6371 <= km)
    expected = set(zip(start.tolist(), end.tolist(), strict=True))
    for builder in (Radius, ReversedRadius):
        assert edges(builder(km=km, maximum=100, join_left_out=False), source, target) == expected
    joined = edges(Radius(km=km, maximum=100), source, target)
    assert {one for one, _ in joined} == set(range(sources))
    assert {other for _, other in joined} == set(range(targets))
    assert joined >= expected


def test_a_factor_is_of_the_greatest_spacing_of_the_readers() -> None:
    """Readers 10°, and once 20°, apart: with the factor 0.6 they see as far as 12°, in chords."""
    readers = at((0, 0), (0, 10), (0, 30))
    chord = 0.6 * 2 * np.sin(np.radians(10))
    reach = np.degrees(2 * np.arcsin(chord / 2))
    read = at((0, 30 + reach - 0.01), (0, 30 + reach + 0.01))
    assert edges(Radius(factor=0.6, join_left_out=False), read, readers) == {(0, 2)}
    assert edges(ReversedRadius(factor=0.6, join_left_out=False), readers, read) == {(2, 0)}


def test_of_too_many_within_the_radius_the_nearest_are_taken() -> None:
    read = at((0, 1), (0, 2), (0, 3), (0, 4))
    assert edges(Radius(km=1000, maximum=2, join_left_out=False), read, at((0, 0))) == {(0, 0), (1, 0)}


def test_a_node_does_not_read_itself_unless_it_is_asked_for() -> None:
    mesh = Triangles(refinement=1).build(CONTEXT)
    for builder in (Nearest(nearest=5), ReversedNearest(nearest=5), MutualNearest(nearest=5), Radius(km=5000)):
        pairs = builder.edges(mesh, mesh)
        assert len(pairs)
        assert np.all(pairs[:, 0] != pairs[:, 1])
    assert np.bincount(Nearest(nearest=5).edges(mesh, mesh)[:, 1]).tolist() == [5] * 42
    own = {(number, number) for number in range(42)}
    assert edges(Nearest(nearest=1, self_edges=True), mesh, mesh) == own
    assert edges(Radius(km=1, self_edges=True), mesh, mesh) == own
    assert edges(MultiScale(self_edges=True), mesh, mesh) >= own


def test_across_the_date_line_and_around_the_poles() -> None:
    east, west = at((0, 179), (89, 0)), at((0, -179), (0, 170), (89, 180), (80, 0))
    assert edges(Nearest(nearest=1), west, east) == {(0, 0), (2, 1)}
    assert edges(Radius(km=250, join_left_out=False), west, east) == {(0, 0), (2, 1)}


@pytest.mark.parametrize(
    "builder", [Nearest(), ReversedNearest(), MutualNearest(), Radius(), All(), ContainingTriangle()]
)
def test_one_and_two_nodes_are_joined(builder: EdgeBuilder) -> None:
    one, two = at((10, 20)), at((10, 20), (-40, 90))
    assert edges(builder, one, one) <= {(0, 0)}
    assert edges(builder, at((50, 50)), one) == {(0, 0)}
    assert edges(builder, one, two) >= {(0, 0)}
    assert edges(builder, two, one) >= {(0, 0)}


def test_all_pairs() -> None:
    assert edges(All(), scattered(3, 0), scattered(2, 1)) == {(i, j) for i in range(3) for j in range(2)}


# Levels


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_hops_are_steps_along_the_edges_of_a_level(hops: int) -> None:
    """Against powers of the matrix of neighbours."""
    mesh = Triangles(refinement=2).build(CONTEXT)
    expected: Edges = set()
    for pairs in mesh.levels[1:]:
        step = np.eye(len(mesh), dtype=int)
        step[pairs[:, 0], pairs[:, 1]] = 1
        start, end = np.nonzero(np.linalg.matrix_power(step, hops))
        expected |= {(i, j) for i, j in zip(start.tolist(), end.tolist(), strict=True) if i != j and step[i].sum() > 1}
    assert edges(MultiScale(coarsest=1, hops=hops), mesh, mesh) == expected


def test_the_finest_level_alone() -> None:
    mesh = Triangles(refinement=3).build(CONTEXT)
    assert len(MultiScale(coarsest=1, finest=2).edges(mesh, mesh)) == 60 * (4 + 16)


# Triangles


def test_a_target_reads_the_triangle_that_it_lies_in() -> None:
    """Against all triangles; the weights give the place back."""
    mesh, target = Triangles(refinement=3).build(CONTEXT), scattered(500, 1)
    pairs = ContainingTriangle().edges(mesh, target)
    weights = Barycentric().values(mesh.nodes, target.nodes, pairs)
    assert np.bincount(pairs[:, 1]).tolist() == [3] * 500
    assert weights.min() >= -1e-9
    np.testing.assert_allclose(np.add.reduceat(weights[:, 0], np.arange(0, 1500, 3)), 1)
    place = np.add.reduceat(weights * mesh.points[pairs[:, 0]], np.arange(0, 1500, 3))
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    np.testing.assert_allclose(place, target.points, atol=1e-12)
    assert mesh.cells is not None
    cells = {frozenset(cell) for cell in mesh.cells.tolist()}
    assert {frozenset(row) for row in pairs[:, 0].reshape(-1, 3).tolist()} <= cells


def test_a_target_on_a_node_reads_it_with_the_whole_weight() -> None:
    mesh = Triangles(refinement=2).build(CONTEXT)
    pairs = ContainingTriangle().edges(mesh, MeshNodes(mesh.nodes))
    weights = Barycentric().values(mesh.nodes, mesh.nodes, pairs)[:, 0]
    own = pairs[:, 0] == pairs[:, 1]
    assert own.sum() == len(mesh)
    np.testing.assert_allclose(weights[own], 1)
    np.testing.assert_allclose(weights[~own], 0, atol=1e-12)


def test_triangles_are_found_on_a_mesh_of_very_different_sizes() -> None:
    """Every place lies in a Delaunay triangle of a stretched mesh, whose sizes differ by a factor of 32."""
    from wxml_graph_builders.areas import AreaOptions
    from wxml_graph_builders.meshes.stretched import FinerArea

    area = AreaOptions(box=(50, 0, 45, 10))
    mesh = Stretched(refinement=2, finer=[FinerArea(refinement=7, area=area)]).build(CONTEXT)
    assert np.all(containing(mesh.points, delaunay(mesh.points), scattered(400, 2).points) >= 0)


def test_a_target_outside_of_a_region_reads_its_nearest() -> None:
    triangle = MeshNodes(at((0, 0), (0, 10), (10, 0)).nodes, (), np.array([[0, 1, 2]]))
    assert edges(ContainingTriangle(), triangle, at((-3, -3), (3, 3))) == {(0, 0), (0, 1), (1, 1), (2, 1)}


# HEALPix


def test_healpix_neighbours_are_found_by_their_places() -> None:
    """Cells in any order, also the grid of the data, have the neighbours that the mesh knows."""
    mesh = Healpix(nside=8).build(CONTEXT)
    order = np.random.default_rng(0).permutation(len(mesh))
    moved = MeshNodes(mesh.nodes.take(order))
    back = {(int(order[i]), int(order[j])) for i, j in HealpixNeighbours().edges(moved, moved)}
    assert back == set(map(tuple, mesh.levels[-1].tolist()))
    grid = MeshNodes(NodeSet.of_grid(Grid.healpix(4)))
    rings = Healpix(nside=4, order="ring").build(CONTEXT)
    assert edges(HealpixNeighbours(), grid, grid) == set(map(tuple, rings.levels[-1].tolist()))


def test_healpix_neighbours_of_several_levels_are_those_of_the_mesh() -> None:
    mesh = Healpix(nside=8).build(CONTEXT)
    plain = MeshNodes(mesh.nodes)
    assert edges(HealpixNeighbours(levels=3), plain, plain) == edges(MultiScale(coarsest=1), mesh, mesh)
