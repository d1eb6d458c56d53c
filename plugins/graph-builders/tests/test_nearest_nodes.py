"""Nearest nodes against a search of all pairs, above all where distances tie."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import Grid, NodeSet
from wxml.data.sphere import unit_vectors
from wxml_graph_builders import edges as module
from wxml_graph_builders.edges import greatest_gap, nearest_nodes
from wxml_graph_builders.icosphere import icosphere


def reference(nodes, queries, number, within=np.inf):
    """By looking at all pairs: rounded distance first, then node number."""
    pairs = []
    for query, point in enumerate(queries):
        steps = np.rint(np.sqrt(np.sum((nodes - point) ** 2, axis=1)) * 1e9)
        ranked = sorted(range(len(nodes)), key=lambda node: (steps[node], node))
        pairs += [(query, node) for node in ranked[:number] if steps[node] <= np.rint(within * 1e9)]
    return pairs


def found(*arguments):
    return list(zip(*(part.tolist() for part in nearest_nodes(*arguments)), strict=True))


@st.composite
def points(draw, most=40):
    """Unit vectors, on a lattice of 30 degrees half of the time, so that many distances tie or vanish."""
    step = draw(st.sampled_from([30.0, 0.01]))
    size = draw(st.integers(1, most))
    latitudes = draw(st.lists(st.integers(0, int(180 / step)), min_size=size, max_size=size))
    longitudes = draw(st.lists(st.integers(0, int(360 / step) - 1), min_size=size, max_size=size))
    return unit_vectors(np.array(latitudes) * step - 90, np.array(longitudes) * step)


@settings(deadline=None, max_examples=150)
@given(points(), points(10), st.integers(1, 12))
def test_nearest_equal_all_pairs(nodes, queries, number) -> None:
    assert found(nodes, queries, number) == reference(nodes, queries, number)


@settings(deadline=None, max_examples=150)
@given(points(), points(10), st.integers(1, 12), st.floats(0, 2.1))
def test_nearest_within_a_radius_equal_all_pairs(nodes, queries, number, within) -> None:
    assert found(nodes, queries, number, within) == reference(nodes, queries, number, within)


def test_ties_far_beyond_the_number_go_to_the_lowest_numbers() -> None:
    # 360 nodes on the pole: all at the same distance from everywhere
    pole = unit_vectors(np.full(360, 90.0), np.arange(360.0))
    nodes = np.concatenate([unit_vectors(np.array([0.0]), np.array([0.0])), pole])
    assert found(nodes, pole[:1], 3) == [(0, 1), (0, 2), (0, 3)]


def test_ties_on_a_gaussian_grid_do_not_depend_on_the_search_tree() -> None:
    grid = NodeSet.of_grid(Grid.octahedral(8)).points
    mesh = icosphere(2).points
    assert found(grid, mesh, 5) == reference(grid, mesh, 5)
    assert found(mesh, grid, 3) == reference(mesh, grid, 3)
    steps = np.sort(np.rint(np.linalg.norm(mesh[:, None] - grid, axis=-1) * 1e9), axis=1)
    assert np.any(steps[:, 4] == steps[:, 5])  # there are ties that matter


def test_noise_below_the_resolution_changes_nothing() -> None:
    nodes = NodeSet.of_grid(Grid.octahedral(8)).points
    queries = icosphere(2).points
    noise = np.random.default_rng(0).normal(scale=1e-15, size=nodes.shape)
    assert found(nodes, queries, 5) == found(nodes + noise, queries, 5)


def test_blocks_do_not_matter(monkeypatch) -> None:
    nodes, queries = icosphere(2).points, NodeSet.of_grid(Grid.octahedral(4)).points
    whole = found(nodes, queries, 4)
    monkeypatch.setattr(module, "BLOCK", 7)
    assert found(nodes, queries, 4) == whole


def test_a_distance_equal_to_the_radius_counts() -> None:
    nodes = unit_vectors(np.zeros(3), np.array([0.0, 60.0, 120.0]))
    assert found(nodes, nodes[:1], 3, 1.0) == [(0, 0), (0, 1)]  # a chord of 60 degrees is 1


def test_no_queries_give_no_pairs() -> None:
    assert found(icosphere(0).points, np.empty((0, 3)), 3) == []


def test_greatest_gap_by_hand() -> None:
    nodes = unit_vectors(np.zeros(3), np.array([0.0, 60.0, 150.0]))
    assert greatest_gap(nodes) == pytest.approx(np.sqrt(2))  # 90 degrees
    assert greatest_gap(nodes[:1]) == np.inf


@settings(deadline=None, max_examples=150)
@given(points(), st.lists(st.tuples(st.integers(0, 39), st.integers(0, 39)), max_size=80))
def test_greatest_gap_is_the_same_whatever_pairs_are_known(nodes, pairs) -> None:
    known = np.array(pairs, np.int64).reshape(-1, 2).T % len(nodes)
    assert greatest_gap(nodes, known) == greatest_gap(nodes)


def test_few_nodes_are_searched_for_the_gap_of_a_mesh_that_knows_its_edges(monkeypatch) -> None:
    sphere, searched = icosphere(5), []
    inner = module._greatest
    monkeypatch.setattr(module, "_greatest", lambda tree, some: searched.append(len(some)) or inner(tree, some))
    assert greatest_gap(sphere.points, sphere.edges(5).T) == greatest_gap(sphere.points)
    *few, all_of_them = searched
    assert sum(few) < 100 < all_of_them


@settings(deadline=None, max_examples=100)
@given(points(), points(), st.integers(1, 6), st.integers(1, 5), st.integers(2, 9))
def test_how_far_the_search_goes_at_first_does_not_matter(nodes, queries, number, few, one_of) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FEW", few)
        patch.setattr(module, "ONE_OF", one_of)
        assert found(nodes, queries, number) == reference(nodes, queries, number)


def test_queries_far_from_the_others_find_their_nodes() -> None:
    # most queries lie among the nodes, and the few that do not are none of those that tell how far to go
    nodes = icosphere(4).points[:1000]
    queries = np.repeat(nodes, 2, axis=0)
    queries[65:128] = -nodes[-63:]
    assert len(queries) >= module.FEW
    assert found(nodes, queries, 3) == reference(nodes, queries, 3)
