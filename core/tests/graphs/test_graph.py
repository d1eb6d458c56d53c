"""Graphs: order, pointers, features by hand, round trips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import ContractError, EdgeSet, Graph, NodeSet
from wxml.testing import tiny_graph, tiny_grid

NORTH_POLE_AND_EQUATOR = NodeSet(np.array([90.0, 0.0, 0.0]), np.array([0.0, 0.0, 90.0]))
pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), max_size=40)


def nodes(count: int) -> NodeSet:
    return NodeSet(np.linspace(-80, 80, count), np.linspace(0, 300, count))


@given(pairs)
def test_edges_are_sorted_and_their_pointers_find_them(some: list[tuple[int, int]]) -> None:
    edges = EdgeSet.between(nodes(7), nodes(5), [s for s, _ in some], [t for _, t in some])
    assert set(zip(edges.source, edges.target, strict=True)) == set(some)
    for target in range(5):
        into = edges.source[edges.pointers[target] : edges.pointers[target + 1]]
        assert list(into) == sorted({s for s, t in some if t == target})
    for source in range(7):
        out_of = edges.transpose[edges.source_pointers[source] : edges.source_pointers[source + 1]]
        assert set(edges.target[out_of]) == {t for s, t in some if s == source}


def test_features_by_hand() -> None:
    edges = EdgeSet.between(NORTH_POLE_AND_EQUATOR, NORTH_POLE_AND_EQUATOR, [0, 2], [1, 1])
    length, east, north = edges.features.T
    assert length[0] == length[1]  # both a quarter of the globe away
    assert north[0] > 0
    assert east[0] == pytest.approx(0, abs=1e-6)  # the pole is due north
    assert east[1] > 0
    assert north[1] == pytest.approx(0, abs=1e-6)  # 90°E is due east
    assert np.std(edges.features[:, 1:]) == pytest.approx(1)


@given(st.floats(0, 360))
def test_features_do_not_change_when_the_earth_turns(turn: float) -> None:
    here = nodes(5)
    turned = NodeSet(here.latitudes, here.longitudes + turn)
    source, target = [0, 1, 2, 3, 4, 4], [1, 2, 3, 4, 0, 1]
    before, after = (EdgeSet.between(n, n, source, target).features for n in (here, turned))
    np.testing.assert_allclose(after, before, atol=1e-5)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [([9], [0], "`source` of an edge must be a node number below 7"), ([0, 0], [1, 0], "must be sorted by target")],
)
def test_bad_edges_are_refused(source: list[int], target: list[int], message: str) -> None:
    features = np.zeros((len(source), 3), np.float32)
    with pytest.raises(ContractError, match=message):
        EdgeSet(np.array(source), np.array(target), 7, 5, features)


def test_edges_must_join_the_node_sets_that_they_name() -> None:
    edges = EdgeSet.between(nodes(7), nodes(5), [0], [0])
    with pytest.raises(ContractError, match="join 7 to 5 nodes"):
        Graph({"grid": nodes(6), "mesh": nodes(5)}, {("grid", "mesh"): edges})


def test_round_trip_through_arrays_keeps_everything() -> None:
    graph = tiny_graph(tiny_grid())
    again = Graph.from_arrays(graph.to_arrays())
    assert again.identity == graph.identity
    np.testing.assert_array_equal(again.edges["grid", "mesh"].transpose, graph.edges["grid", "mesh"].transpose)


def test_identity_tells_graphs_apart() -> None:
    assert tiny_graph(tiny_grid()).identity != tiny_graph(tiny_grid(), neighbours=2).identity
