"""The refined icosahedron against its closed forms."""

import numpy as np
import pytest
from wxml.data.sphere import angular_distance, unit_vectors
from wxml_graph_builders.icosphere import greatest_edge, icosphere

FINE = 5


@pytest.fixture(scope="module")
def sphere():
    return icosphere(FINE)


@pytest.mark.parametrize(("refinement", "nodes"), [(0, 12), (1, 42), (2, 162), (3, 642), (4, 2562), (5, 10242)])
def test_node_count(refinement, nodes) -> None:
    assert len(icosphere(refinement).points) == nodes


def test_nodes_have_unit_length_and_differ(sphere) -> None:
    np.testing.assert_allclose(np.linalg.norm(sphere.points, axis=1), 1, atol=1e-15)
    assert len(np.unique(np.round(sphere.points, 9), axis=0)) == len(sphere.points)


@pytest.mark.parametrize("level", range(FINE + 1))
def test_every_level_is_a_closed_surface(sphere, level) -> None:
    edges = sphere.edges(level)
    assert len(edges) == 60 * 4**level
    assert len(np.unique(edges, axis=0)) == len(edges)
    assert {tuple(e) for e in edges} == {tuple(e) for e in edges[:, ::-1]}  # there and back
    nodes = 10 * 4**level + 2
    assert edges.max() + 1 == nodes  # coarse nodes come first
    assert nodes - len(edges) // 2 + len(sphere.triangles[level]) == 2  # Euler


@pytest.mark.parametrize("level", range(FINE + 1))
def test_twelve_nodes_have_five_neighbours_and_the_rest_six(sphere, level) -> None:
    degree = np.bincount(sphere.edges(level)[:, 1])
    assert np.all(degree[:12] == 5)
    assert np.all(degree[12:] == 6)


def test_refining_keeps_the_coarse_nodes(sphere) -> None:
    coarse = icosphere(2)
    np.testing.assert_array_equal(sphere.points[:162], coarse.points)
    for level in range(3):
        np.testing.assert_array_equal(sphere.triangles[level], coarse.triangles[level])


@pytest.mark.parametrize("level", [0, 1, 4])
def test_triangles_face_outward_and_tile_the_sphere(sphere, level) -> None:
    a, b, c = np.moveaxis(sphere.points[sphere.triangles[level]], 1, 0)
    volume = np.sum(a * np.cross(b, c), axis=1)
    # Solid angle of a triangle: Van Oosterom and Strackee 1983, doi:10.1109/TBME.1983.325207
    cosines = 1 + np.sum(a * b, axis=1) + np.sum(b * c, axis=1) + np.sum(c * a, axis=1)
    solid = 2 * np.arctan2(volume, cosines)
    assert np.all(solid > 0)
    np.testing.assert_allclose(solid.sum(), 4 * np.pi, rtol=1e-12)


@pytest.mark.parametrize("level", range(FINE + 1))
def test_longest_edge_has_a_closed_form(sphere, level) -> None:
    here, there = np.moveaxis(sphere.points[sphere.edges(level)], 1, 0)
    assert angular_distance(here, there).max() == pytest.approx(greatest_edge(level), rel=1e-9)


def test_first_edges_by_hand() -> None:
    assert np.degrees(greatest_edge(0)) == pytest.approx(63.4349488)  # atan 2
    assert np.degrees(greatest_edge(1)) == pytest.approx(36)  # a side of the icosidodecahedron's decagon


def test_mesh_turned_by_a_third_about_the_axis_is_itself(sphere) -> None:
    third = 2 * np.pi / 3
    turn = np.array([[np.cos(third), -np.sin(third), 0], [np.sin(third), np.cos(third), 0], [0, 0, 1]])
    for places in (sphere.points @ turn.T, -sphere.points):
        distances = np.linalg.norm(sphere.points[:642, None] - places[None, :642], axis=-1)
        assert distances.min(axis=1).max() < 1e-12


def test_no_node_lies_on_a_pole(sphere) -> None:
    to_pole = np.arccos(np.abs(sphere.points[:, 2]).max())
    assert to_pole == pytest.approx(greatest_edge(FINE) / np.sqrt(3), rel=1e-3)  # the middle of a triangle


def test_local_refinement_equals_the_whole_one_near_the_region(sphere) -> None:
    middle = unit_vectors(np.array([40.0]), np.array([170.0]))[0]
    reach = 0.2

    def near(points, slack):
        return angular_distance(points, middle) <= reach + slack

    local = icosphere(FINE, near)
    assert len(local.points) < len(sphere.points) / 4
    found = [len(places(sphere, level, near)) for level in range(FINE + 1)]
    assert min(found[2:]) > 0
    for level in range(FINE + 1):
        assert places(local, level, near) == places(sphere, level, near)


def places(mesh, level, near):
    """The directed edges that touch the region, by the places of their ends."""
    edges = mesh.points[mesh.edges(level)]
    inside = near(edges[:, 0], 0) | near(edges[:, 1], 0)
    return {tuple(edge) for edge in np.round(edges[inside].reshape(-1, 6), 9) + 0.0}


def test_same_bits_every_time(sphere) -> None:
    again = icosphere(FINE)
    assert sphere.points.tobytes() == again.points.tobytes()
    assert all(np.array_equal(a, b) for a, b in zip(sphere.triangles, again.triangles, strict=True))
