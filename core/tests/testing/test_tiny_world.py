"""The tiny world that plugins are tested in must itself be right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import Graph, Grid
from wxml.data.sphere import angular_distance
from wxml.graphs.builder import GraphBuilder
from wxml.testing import TravellingWaves, tiny_graph, tiny_grid

WAVES = TravellingWaves(days=4, members=2)


def test_the_grid_is_global_and_leaves_out_the_poles() -> None:
    grid = tiny_grid()
    assert (grid.shape, len(grid), grid.is_global) == ((6, 8), 48, True)
    assert sorted(set(grid.latitudes)) == [-75, -45, -15, 15, 45, 75]
    assert grid.area_weights.sum() == pytest.approx(1)


def test_the_first_value_by_hand() -> None:
    """At 75°N, 0°E and hour 0: 280 + 10 cos 75° cos 0."""
    first = WAVES.read(WAVES.header.times[:1], ["t"])[0, 0, 0, 0]
    assert first == pytest.approx(280 + 10 * np.cos(np.radians(75)), rel=1e-6)


def test_the_temperature_wave_moves_one_grid_step_in_six_hours() -> None:
    t = WAVES.read(WAVES.header.times, ["t"])[:, :, 0].reshape(16, 2, 6, 8)
    np.testing.assert_allclose(t[1:], np.roll(t[:-1], 1, axis=-1), rtol=1e-6)
    np.testing.assert_allclose(t[8:], t[:-8], rtol=1e-6)  # once around in two days


def test_the_humidity_wave_takes_twice_as_long() -> None:
    q = WAVES.read(WAVES.header.times, ["q"])[:, :, 0].reshape(16, 2, 6, 8)
    np.testing.assert_allclose(q[2:], np.roll(q[:-2], 1, axis=-1), rtol=1e-6)


def test_members_are_shifted_in_phase() -> None:
    for member in range(2):
        read = WAVES.read(WAVES.header.times[3:4], ["q"])[0, member, 0]
        np.testing.assert_allclose(read, WAVES.wave("q", 18.0, member), rtol=1e-6)
    assert not np.allclose(WAVES.wave("q", 18.0, 0), WAVES.wave("q", 18.0, 1))


@settings(deadline=None, max_examples=25)
@given(st.integers(5, 40), st.integers(1, 4))
def test_every_graph_reads_and_reaches_every_grid_node(mesh_nodes: int, neighbours: int) -> None:
    class Tiny(GraphBuilder):
        def _build(self, grid: Grid) -> Graph:
            return tiny_graph(grid, mesh_nodes, neighbours)

    graph = Tiny().build(tiny_grid())  # checks
    assert np.all(np.diff(graph.edges["mesh", "grid"].pointers) == neighbours)


def test_neighbours_are_the_nearest() -> None:
    graph = tiny_graph(tiny_grid(), mesh_nodes=20, neighbours=3)
    grid, mesh, edges = graph.nodes["grid"].points, graph.nodes["mesh"].points, graph.edges["mesh", "grid"]
    distance = angular_distance(grid[:, None], mesh[None])
    for node in range(len(grid)):
        chosen = edges.source[edges.pointers[node] : edges.pointers[node + 1]]
        others = np.setdiff1d(np.arange(20), chosen)
        assert distance[node, chosen].max() <= distance[node, others].min()


def test_the_mesh_covers_the_sphere_evenly() -> None:
    points = tiny_graph(tiny_grid(), mesh_nodes=60).nodes["mesh"].points
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=0.02)
    apart = angular_distance(points[:, None], points[None]) + 10 * np.eye(60)
    mean_spacing = np.sqrt(4 * np.pi / 60)
    assert 0.5 * mean_spacing < apart.min(axis=1).min()
    assert apart.min(axis=1).max() < 1.5 * mean_spacing


def test_the_same_graph_every_time() -> None:
    assert tiny_graph(tiny_grid()).identity == tiny_graph(tiny_grid()).identity
