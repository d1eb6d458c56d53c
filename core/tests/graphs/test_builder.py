"""GraphBuilder.build refuses what a model cannot work on, and names the builder."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from wxml import ContractError, DataError, EdgeSet, Graph, GraphBuilder, Grid, NodeSet
from wxml.graphs.data_nodes import boundary_nodes, data_nodes
from wxml.testing import tiny_graph, tiny_grid
from wxml.testing.tiny_graphs import tiny_parts

GRID = tiny_grid(4, 6)


class Fixed(GraphBuilder):
    """Builds what it was given."""

    def __init__(self, graph: object) -> None:
        self.graph = graph

    def _build(self, grid: Grid) -> Graph:
        return self.graph  # type: ignore[return-value]


def without_mesh_edges() -> Graph:
    graph = tiny_graph(GRID)
    return Graph(graph.nodes, {pair: edges for pair, edges in graph.edges.items() if pair != ("mesh", "mesh")})


def without_grid_node_5() -> Graph:
    """Node 5 of the grid is neither read nor reached, node 6 is read but not reached."""
    graph = tiny_graph(GRID)
    edges, nodes = dict(graph.edges), graph.nodes
    everyone = np.arange(len(GRID))
    read, reached = everyone[everyone != 5], everyone[(everyone != 5) & (everyone != 6)]
    edges["grid", "mesh"] = EdgeSet.between(nodes["grid"], nodes["mesh"], read, 0 * read)
    edges["mesh", "grid"] = EdgeSet.between(nodes["mesh"], nodes["grid"], 0 * reached, reached)
    return Graph(nodes, edges)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: "graph", "returned str, not a Graph"),
        (without_mesh_edges, "built no edges mesh → mesh"),
        (lambda: tiny_graph(tiny_grid(6, 8)), "built 48 grid nodes for a grid of 24"),
        (
            without_grid_node_5,
            "left 1 grid nodes without an edge to the mesh, 2 without an edge from it; the first is node 5",
        ),
    ],
)
def test_a_graph_that_no_model_could_use_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ContractError, match=f"graph builder Fixed {re.escape(message)}") as caught:
        Fixed(make()).build(GRID)
    assert caught.value.fix == "this is a fault of the plugin: tell its authors"


def test_a_good_graph_comes_back_as_it_is() -> None:
    graph = tiny_graph(GRID)
    assert Fixed(graph).build(GRID) is graph


def test_a_route_and_a_mesh_are_geometry_alone() -> None:
    graph = tiny_graph(GRID)
    route, mesh = graph.route("grid", "mesh"), graph.mesh()
    assert (route.source, route.target, route.edges) == (
        *map(graph.nodes.get, ("grid", "mesh")),
        graph.edges["grid", "mesh"],
    )
    assert (mesh.nodes, mesh.edges) == (graph.nodes["mesh"], graph.edges["mesh", "mesh"])
    assert type(route).__slots__ == ("source", "target", "edges")
    assert type(mesh).__slots__ == ("nodes", "edges", "name", "graph")
    assert isinstance(mesh.nodes, NodeSet)


def with_lonely_nodes() -> Graph:
    graph = tiny_graph(GRID)
    return Graph({**graph.nodes, "stations": NodeSet(np.zeros(2), np.zeros(2))}, graph.edges)


def with_idle_nodes(source: str, target: str) -> Graph:
    """The edges from `source` reach no node of `target` but the first."""
    graph = tiny_graph(GRID, levels=2)
    edges = EdgeSet.between(graph.nodes[source], graph.nodes[target], [0], [0])
    return Graph(graph.nodes, {**graph.edges, (source, target): edges})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (with_lonely_nodes, "built nodes `stations` that no edges join"),
        (lambda: with_idle_nodes("mesh", "mesh:1"), "left 5 nodes of `mesh:1` without an edge from `mesh`"),
        (lambda: with_idle_nodes("mesh:2", "mesh:1"), "left 5 nodes of `mesh:1` without an edge from `mesh:2`"),
    ],
)
def test_further_node_sets_that_no_processor_could_use_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ContractError, match=f"graph builder Fixed {re.escape(message)}"):
        Fixed(make()).build(GRID)


def test_further_node_sets_need_no_levels() -> None:
    graph = tiny_graph(GRID)
    stations = NodeSet(np.array([10.0, 20.0]), np.array([30.0, 40.0]))
    edges = EdgeSet.between(stations, graph.nodes["mesh"], [0, 1], [3, 3])
    further = Graph({**graph.nodes, "stations": stations}, {**graph.edges, ("stations", "mesh"): edges})
    assert Fixed(further).build(GRID) is further
    assert further.mesh().route("stations", "mesh").source is stations
    assert further.levels == ("mesh",)


def with_boundary(*boundary: int) -> Graph:
    graph = without_grid_node_5()
    edges = {**graph.edges, ("grid", "mesh"): tiny_graph(GRID).edges["grid", "mesh"]}
    marked = np.isin(np.arange(len(GRID)), boundary)
    return Graph({**graph.nodes, "grid": graph.nodes["grid"].with_attributes(boundary=marked)}, edges)


def test_nodes_of_the_boundary_need_not_be_reached() -> None:
    graph = Fixed(with_boundary(5, 6)).build(GRID)
    assert np.flatnonzero(boundary_nodes(graph, GRID)).tolist() == [5, 6]
    with pytest.raises(ContractError, match=r"left 0 grid nodes .*, 1 without an edge from it; the first is node 6 at"):
        Fixed(with_boundary(5)).build(GRID)


PARTS = tiny_parts(("b",))


def split(names: tuple[str, ...] = ("globe", "region"), swapped: bool = False) -> Graph:
    """A node set for each part, or those of the other one."""
    mesh = tiny_graph(GRID).nodes["mesh"]
    ranges = list(PARTS.ranges.values())[:: -1 if swapped else 1]
    nodes = {
        f"data:{name}": NodeSet(PARTS.latitudes[each], PARTS.longitudes[each])
        for name, each in zip(names, ranges, strict=False)
    }
    edges = {("mesh", "mesh"): EdgeSet.between(mesh, mesh, [0], [1])}
    for name, each in nodes.items():
        every = np.arange(len(each))
        edges[name, "mesh"] = EdgeSet.between(each, mesh, every, 0 * every)
        edges["mesh", name] = EdgeSet.between(mesh, each, 0 * every, every)
    return Graph({**nodes, "mesh": mesh}, edges)


def test_a_node_set_for_each_part_of_the_grid() -> None:
    graph = Fixed(split()).build(PARTS)
    assert graph.data == ("data:globe", "data:region")
    assert [(part.name, part.nodes, part.lacks) for part in data_nodes(graph, PARTS)] == [
        ("data:globe", slice(0, 48), ()),
        ("data:region", slice(48, 68), ("b",)),
    ]
    assert [part.name for part in data_nodes(tiny_graph(PARTS), PARTS)] == ["grid"]
    again = Graph.from_arrays(graph.to_arrays())
    assert (again.data, again.identity) == (graph.data, graph.identity)


@pytest.mark.parametrize(
    ("grid", "make", "message"),
    [
        (PARTS, lambda: split(("globe",)), "built the data nodes data:globe, and the grid's would be"),
        (PARTS, lambda: split(("globe", "b")), "built the data nodes data:b, data:globe, and the grid's would be"),
        (PARTS, lambda: split(swapped=True), "built 20 nodes `data:globe` for a part of 48"),
        (GRID, split, "and the grid's would be `grid` alone, for it has no parts"),
        (GRID, lambda: split(()), "built no nodes `grid`, and none `data:<name>`"),
    ],
)
def test_data_nodes_that_are_not_those_of_the_grid(grid: Grid, make: Callable[[], Graph], message: str) -> None:
    with pytest.raises(ContractError, match=re.escape(message)):
        Fixed(make()).build(grid)


@pytest.mark.carries_out("choose a narrower boundary")
def test_a_boundary_of_all_nodes_is_refused() -> None:
    with pytest.raises(DataError, match="the boundary takes up all 24 nodes of the grid, so none would be forecast"):
        Fixed(with_boundary(*range(24))).build(GRID)
    assert Fixed(with_boundary(5, 6)).build(GRID)
