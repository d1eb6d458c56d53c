"""The edges between grid and mesh: who reads whom, and that nobody is left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import Grid, NodeSet
from wxml.data.sphere import from_unit_vectors
from wxml_graph_builders import NearestEdges, RadiusEdges
from wxml_graph_builders.icosphere import icosphere


def mesh_nodes(refinement, turn=None):
    points = icosphere(refinement).points
    return NodeSet(*from_unit_vectors(points if turn is None else points @ turn))


def pairs(edges):
    return set(zip(edges.target.tolist(), edges.source.tolist(), strict=True))


def chords(target, source):
    return np.linalg.norm(target.points[:, None] - source.points[None], axis=-1)


@st.composite
def random_grid(draw):
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 120))
    return NodeSet(np.degrees(np.arcsin(generator.uniform(-1, 1, count))), generator.uniform(0, 360, count))


@settings(deadline=None, max_examples=60)
@given(random_grid(), st.integers(1, 5))
def test_nearest_edges_equal_brute_force(grid, nearest) -> None:
    mesh = mesh_nodes(1)
    edges = NearestEdges(nearest=nearest).between(mesh, grid)
    ranked = np.argsort(chords(grid, mesh), axis=1)[:, :nearest]
    assert pairs(edges) == {(node, near) for node, row in enumerate(ranked.tolist()) for near in row}


@settings(deadline=None, max_examples=60)
@given(random_grid(), st.floats(0.05, 2), st.integers(1, 20))
def test_radius_edges_equal_brute_force_and_leave_nobody_out(grid, radius, maximum) -> None:
    mesh = mesh_nodes(1)
    distance = chords(mesh, grid)
    between_nodes = chords(mesh, mesh) + 9 * np.eye(len(mesh))
    reach = radius * between_nodes.min(axis=1).max()
    expected = {
        (node, near)
        for node, row in enumerate(np.argsort(distance, axis=1)[:, :maximum].tolist())
        for near in row
        if distance[node, near] <= reach
    }
    reading, read = ({pair[end] for pair in expected} for end in (0, 1))
    expected |= {(int(distance[:, n].argmin()), n) for n in range(len(grid)) if n not in read}
    expected |= {(n, int(distance[n].argmin())) for n in range(len(mesh)) if n not in reading}
    assert pairs(RadiusEdges(radius=radius, maximum=maximum).between(grid, mesh)) == expected


def golden_turn():
    """The rotation to an icosahedron whose nodes are (0, ±1, ±φ) and its cyclic permutations."""
    phi = (1 + np.sqrt(5)) / 2
    first = np.array([[0, 1, phi], [0, -1, phi], [phi, 0, 1]]) / np.sqrt(1 + phi**2)
    sphere = icosphere(0)
    corners = sphere.points[sphere.triangles[0][0]]
    if np.linalg.det(first) < 0:
        first = first[::-1]
    return np.linalg.solve(corners, first)


@pytest.mark.parametrize(("refinement", "edges"), [(4, 8100), (5, 8176), (6, 8368)])
def test_as_many_edges_within_the_radius_as_anemoi_graphs(refinement, edges) -> None:
    # anemoi-graphs 0.9.8, TriNodes and CutOffEdges(0.6) on the O32 grid, whose icosahedron has nodes above an edge
    turn = golden_turn()
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    into, _ = RadiusEdges().within(NodeSet.of_grid(Grid.octahedral(32)).points, mesh_nodes(refinement, turn).points)
    assert len(into) == edges


def test_fewer_nodes_than_asked_for() -> None:
    grid = NodeSet(np.array([50.0, 51.0]), np.array([5.0, 6.0]))
    edges = NearestEdges(nearest=3).between(grid, mesh_nodes(0))
    np.testing.assert_array_equal(np.diff(edges.pointers), np.full(12, 2))
