"""Graphs: order, pointers, features by hand, round trips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import ContractError, DataError, EdgeSet, Graph, GraphBuilder, Grid, Mesh, NodeSet
from wxml.testing import tiny_graph, tiny_grid

NORTH_POLE_AND_EQUATOR = NodeSet(np.array([90.0, 0.0, 0.0]), np.array([0.0, 0.0, 90.0]))
AUTHORS = "this is a fault of the graph builder: tell its authors"
SORTED = "build them with EdgeSet.between, which sorts"
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
    assert edges.features.dtype == np.float32
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


POLES = NodeSet(np.array([90.0, 40.0, -10.0, 75.0, -90.0]), np.array([30.0, 200.0, 10.0, 359.0, 250.0]))


@given(st.floats(-360, 360))
def test_nodes_at_the_poles_turn_with_the_earth(turn: float) -> None:
    """East at a pole is that of its meridian, so it turns with the wind that is given there."""
    turned = NodeSet(POLES.latitudes, POLES.longitudes + turn)
    source, target = [1, 2, 3, 4, 0, 0, 1], [0, 0, 0, 0, 1, 4, 4]
    before, after = (EdgeSet.between(n, n, source, target).features for n in (POLES, turned))
    assert np.isfinite(before).all()
    np.testing.assert_allclose(after, before, atol=1e-5)


@given(st.floats(0, 360), st.floats(0, 360))
def test_a_pole_on_another_meridian_is_as_far_and_sees_other_directions(own: float, other: float) -> None:
    """Turning the pole's meridian by δ turns what it sees by −δ, and nothing that the others see."""
    source, target = [1, 2, 3, 0, 0], [0, 0, 0, 1, 2]
    there = [NodeSet(POLES.latitudes, np.array([meridian, *POLES.longitudes[1:]])) for meridian in (own, other)]
    (length, *one), (same, *two) = (EdgeSet.between(n, n, source, target).features.T for n in there)
    np.testing.assert_allclose(length, same, atol=1e-6)
    seen, turned = (np.arctan2(north, east) for east, north in (one, two))
    turn = np.where(np.arange(5) < 3, np.radians(other - own), 0.0)
    np.testing.assert_allclose(np.exp(1j * (seen - turn)), np.exp(1j * turned), atol=1e-5)


@pytest.mark.parametrize(
    ("source", "target", "message", "fix"),
    [
        ([7], [0], "`source` of an edge must be a node number below 7, got 7 to 7", AUTHORS),
        ([0, 0], [-1, 4], "`target` of an edge must be a node number below 5, got -1 to 4", AUTHORS),
        ([6, 0], [3, 5], "`target` of an edge must be a node number below 5, got 3 to 5", AUTHORS),
        ([0, 0], [1, 0], "edges must be sorted by target and then by source, got others", SORTED),
        ([1, 0], [2, 2], "edges must be sorted by target and then by source, got others", SORTED),
    ],
)
def test_bad_edges_are_refused(source: list[int], target: list[int], message: str, fix: str) -> None:
    features = np.zeros((len(source), 3), np.float32)
    with pytest.raises(ContractError) as caught:
        EdgeSet(np.array(source), np.array(target), 7, 5, features)
    assert (caught.value.message, caught.value.fix) == (message, fix)


@given(pairs, st.integers(0, 40), st.sampled_from(["source", "target"]), st.integers(-20, -1) | st.integers(7, 30))
def test_between_refuses_a_number_of_no_node(some: list[tuple[int, int]], at: int, side: str, number: int) -> None:
    ends = {"source": [s for s, _ in some], "target": [t for _, t in some]}
    for name, numbers in ends.items():
        numbers.insert(at, number if name == side else 0)
    with pytest.raises(ContractError, match=f"`{side}` of an edge must be a node number below"):
        EdgeSet.between(nodes(7), nodes(5), ends["source"], ends["target"])


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ([0.7], [1], "`source` of an edge must be an integer node number, got float64"),
        ([0], [np.nan], "`target` of an edge must be an integer node number, got float64"),
        ([True], [1], "`source` of an edge must be an integer node number, got bool"),
        ([0], [1, 2], "`source` and `target` of edges must be as long as each other, got shapes (1,) and (2,)"),
    ],
)
def test_between_refuses_what_numpy_would_fold(source: list[float], target: list[float], message: str) -> None:
    with pytest.raises(ContractError) as caught:
        EdgeSet.between(nodes(7), nodes(5), source, target)
    assert (caught.value.message, caught.value.fix) == (message, AUTHORS)


@pytest.mark.carries_out("build them with EdgeSet.between, which sorts")
def test_between_sorts_edges_that_the_constructor_refuses() -> None:
    source, target = np.array([1, 0]), np.array([2, 2])
    with pytest.raises(ContractError):
        EdgeSet(source, target, 7, 5, np.zeros((2, 3), np.float32))
    edges = EdgeSet.between(nodes(7), nodes(5), source, target)
    assert list(zip(edges.source, edges.target, strict=True)) == [(0, 2), (1, 2)]


def test_the_constructor_keeps_double_edges_and_between_drops_them() -> None:
    twice = np.array([3, 3])
    assert len(EdgeSet(twice, twice, 7, 5, np.zeros((2, 3), np.float32))) == 2
    assert len(EdgeSet.between(nodes(7), nodes(5), twice, twice)) == 1


def test_edges_out_of_a_node_are_in_the_order_of_their_targets() -> None:
    source, target = np.divmod(np.arange(40 * 40), 40)  # more edges than a sort that is not stable leaves in order
    edges = EdgeSet.between(nodes(40), nodes(40), source, target)
    np.testing.assert_array_equal(edges.transpose, np.lexsort((edges.target, edges.source)))


def test_edges_must_join_the_node_sets_that_they_name() -> None:
    edges = EdgeSet.between(nodes(7), nodes(5), [0], [0])
    with pytest.raises(ContractError) as caught:
        Graph({"grid": nodes(6), "mesh": nodes(5)}, {("grid", "mesh"): edges})
    expected = "edges grid → mesh join 7 to 5 nodes, got node sets {'grid': 6, 'mesh': 5}"
    assert (caught.value.message, caught.value.fix) == (expected, AUTHORS)


def test_round_trip_through_arrays_keeps_everything() -> None:
    graph = tiny_graph(tiny_grid())
    again = Graph.from_arrays(graph.to_arrays())
    assert again.identity == graph.identity
    np.testing.assert_array_equal(again.edges["grid", "mesh"].transpose, graph.edges["grid", "mesh"].transpose)


def test_identity_tells_graphs_apart() -> None:
    assert tiny_graph(tiny_grid()).identity != tiny_graph(tiny_grid(), neighbours=2).identity


@pytest.mark.parametrize(("change", "same"), [(1e-13, True), (-1e-13, True), (1e-4, False)])
def test_the_identity_does_not_depend_on_last_bits(change: float, same: bool) -> None:
    """Sines and cosines have other last bits on other processors; eleven metres are another place."""
    graph = tiny_graph(tiny_grid())
    arrays = {name: np.array(array) for name, array in graph.to_arrays().items()}
    for nodes in ("grid", "mesh"):
        arrays[f"nodes/{nodes}/latitudes"] += change
    features = arrays["edges/mesh/mesh/features"]
    features[np.abs(features) < 1e-7] = change
    assert (Graph.from_arrays(arrays).identity == graph.identity) is same


def test_the_axes_of_a_node_set_of_rows() -> None:
    latitudes, longitudes = NodeSet.of_grid(Grid.regular([50, 40, 20], [350, 0, 10, 30])).axes
    assert (latitudes.tolist(), longitudes.tolist()) == ([50, 40, 20], [350, 0, 10, 30])


@pytest.mark.parametrize(
    "nodes",
    [
        NodeSet.of_grid(Grid.octahedral(2)),
        NodeSet(np.zeros(0), np.zeros(0)),
        NodeSet(np.array([10.0, 0.0]), np.array([5.0, 5.0])),
        NodeSet(np.zeros(4), np.arange(4.0)),
        NodeSet(np.array([10.0, 10.0, 0.0, 0.0]), np.array([0.0, 20.0, 5.0, 25.0])),
        NodeSet(np.array([10.0, 10.0, 0.0, 5.0]), np.array([0.0, 20.0, 0.0, 20.0])),
        NodeSet(np.array([10.0, 10.0, 0.0]), np.array([0.0, 20.0, 0.0])),
    ],
    ids=["reduced", "none", "a column", "a row", "shifted rows", "no row", "half a row"],
)
def test_other_nodes_have_no_axes(nodes: NodeSet) -> None:
    assert nodes.axes is None


LEVELS = tiny_graph(tiny_grid(), levels=2)  # 12, 6 and 3 mesh nodes


def test_a_mesh_leads_to_its_coarser_levels() -> None:
    mesh = LEVELS.mesh()
    assert [level.name for level in mesh.levels()] == ["mesh", "mesh:1", "mesh:2"]
    assert [len(level.nodes) for level in mesh.levels(2)] == [12, 6, 3]
    assert [level.name for level in mesh.levels(0)] == ["mesh"]
    assert [level.name for level in mesh.mesh("mesh:1").levels()] == ["mesh:1", "mesh:2"]
    down, up = mesh.route("mesh", "mesh:1"), mesh.route("mesh:1", "mesh")
    assert down.source is up.target is mesh.nodes
    assert down.target is up.source is LEVELS.nodes["mesh:1"]
    assert (down.edges.source_count, down.edges.target_count) == (12, 6)


def test_levels_survive_being_taken_apart() -> None:
    again = Graph.from_arrays(LEVELS.to_arrays())
    assert again.identity == LEVELS.identity != tiny_graph(tiny_grid()).identity
    assert [len(level.nodes) for level in again.mesh().levels()] == [12, 6, 3]


def test_a_mesh_that_stands_alone_has_itself() -> None:
    edges = EdgeSet.between(nodes(7), nodes(7), [0], [1])
    mesh = Mesh(nodes(7), edges)
    assert mesh.levels() == (mesh,)
    assert mesh.route("mesh", "mesh").edges is edges
    with pytest.raises(DataError, match="1 levels coarser than `mesh` are needed, and the graph has 0"):
        mesh.levels(1)
    with pytest.raises(DataError, match="edges mesh → mesh:1 are needed, and the graph has only mesh → mesh"):
        mesh.route("mesh", "mesh:1")


@pytest.mark.carries_out(
    "ask for {}, or choose a graph builder that builds {}, such as `graph: {plugin: icosahedral, hierarchy: {}}`"
)
def test_more_levels_than_there_are() -> None:
    with pytest.raises(DataError, match="3 levels coarser than `mesh` are needed, and the graph has 2"):
        LEVELS.mesh().levels(3)
    assert len(LEVELS.mesh().levels(2)) == 3
    assert len(tiny_graph(tiny_grid(), 16, levels=3).mesh().levels(3)) == 4


class WithStations(GraphBuilder):
    """Adds two stations, which the mesh reads."""

    def _build(self, grid):
        graph = tiny_graph(grid)
        stations = nodes(2)
        edges = EdgeSet.between(stations, graph.nodes["mesh"], [0, 1], [3, 3])
        return Graph({**graph.nodes, "stations": stations}, {**graph.edges, ("stations", "mesh"): edges})


@pytest.mark.carries_out("choose a graph builder that builds these edges, or a model that does not need them")
def test_edges_that_are_not_there() -> None:
    with pytest.raises(DataError, match="edges stations → mesh are needed, and the graph has only"):
        tiny_graph(tiny_grid()).mesh().route("stations", "mesh")
    assert len(WithStations().build(tiny_grid()).mesh().route("stations", "mesh").source) == 2


@pytest.mark.parametrize("missing", [("mesh:1", "mesh:1"), ("mesh", "mesh:1"), ("mesh:2", "mesh:1")])
def test_a_level_without_edges_is_refused(missing: tuple[str, str]) -> None:
    some = {pair: edges for pair, edges in LEVELS.edges.items() if pair != missing}
    with pytest.raises(ContractError, match=f"level `mesh:[12]` needs edges {' → '.join(missing)}, got none"):
        Graph(LEVELS.nodes, some)


def test_a_gap_among_the_levels_is_refused() -> None:
    some = {name: LEVELS.nodes[name] for name in ("grid", "mesh", "mesh:2")}
    kept = {pair: edges for pair, edges in LEVELS.edges.items() if "mesh:1" not in pair}
    with pytest.raises(ContractError, match="without a gap, got grid, mesh, mesh:2"):
        Graph(some, kept)


@pytest.mark.parametrize("name", ["", "mesh/fine", "a b", "-1", "mesh\n"])
def test_a_name_that_no_file_could_hold_is_refused(name: str) -> None:
    with pytest.raises(ContractError, match="the name of a node set must have letters, digits"):
        Graph({name: nodes(3)}, {})


@pytest.mark.parametrize("levels", [0, 2])
def test_small_arrays_make_the_same_graph(levels: int) -> None:
    graph = tiny_graph(tiny_grid(), levels=levels)
    small = graph.to_small_arrays()
    assert sum(each.nbytes for each in small.values()) < 0.8 * sum(each.nbytes for each in graph.to_arrays().values())
    again = Graph.from_arrays(small)
    assert again.identity == graph.identity
    for pair, edges in graph.edges.items():
        for part in ("source", "target", "features", "pointers", "transpose", "source_pointers"):
            first, second = getattr(edges, part), getattr(again.edges[pair], part)
            assert first.dtype == second.dtype
            assert np.array_equal(first, second)


def test_the_order_of_a_backward_pass_is_made_once() -> None:
    edges = EdgeSet(np.array([1, 0]), np.array([0, 1]), 2, 2, np.zeros((2, 3), np.float32))
    assert edges._transpose is None
    assert edges.transpose is edges.transpose
    np.testing.assert_array_equal(edges.transpose, [1, 0])
