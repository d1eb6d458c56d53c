"""The contract of graph builders: a good one passes, each broken one is found out."""

from dataclasses import replace

import numpy as np
import pytest
from wxml.errors import DataError
from wxml.graphs.builder import GraphBuilder
from wxml.graphs.graph import EdgeSet, Graph
from wxml.graphs.node_set import NodeSet
from wxml.testing import GraphBuilderContract, tiny_graph

LATITUDES = np.repeat([60.0, 0.0, -60.0], 3)


class Nearest(GraphBuilder):
    """Mesh nodes on a spiral, each joined to the nearest."""

    def __init__(self, *, mesh_nodes: int = 8) -> None:
        self.mesh_nodes = mesh_nodes

    def _build(self, grid):
        return tiny_graph(grid, self.mesh_nodes)


class TestNearest(GraphBuilderContract):
    plugin = Nearest
    options = {"mesh_nodes": 5}


class Triangles(GraphBuilder):
    """Three mesh nodes on each of three latitudes, 120° apart, so that a third of a circle changes nothing."""

    def _build(self, grid):
        nodes = {"grid": NodeSet.of_grid(grid), "mesh": NodeSet(LATITUDES, np.tile([10.0, 130.0, 250.0], 3))}
        near = np.argmax(nodes["grid"].points @ nodes["mesh"].points.T, axis=1)
        rows = np.arange(len(grid))
        ring = np.arange(9)
        around = 3 * (ring // 3) + (ring + 1) % 3
        edges = {
            ("grid", "mesh"): EdgeSet.between(nodes["grid"], nodes["mesh"], rows, near),
            ("mesh", "grid"): EdgeSet.between(nodes["mesh"], nodes["grid"], near, rows),
            ("mesh", "mesh"): EdgeSet.between(nodes["mesh"], nodes["mesh"], ring, around),
        }
        return Graph(nodes, edges)


class TestTriangles(GraphBuilderContract):
    plugin = Triangles
    rotation_invariant = True


def altered(graph: Graph, pair: tuple[str, str], edges: EdgeSet) -> Graph:
    return Graph(graph.nodes, {**graph.edges, pair: edges})


class Unsorted(Nearest):
    def _build(self, grid):
        graph = super()._build(grid)
        edges = graph.edges["mesh", "mesh"]
        for array in (edges.source, edges.target):
            array[:] = array[::-1].copy()
        return graph


class WrongPointers(Nearest):
    def _build(self, grid):
        graph = super()._build(grid)
        graph.edges["mesh", "mesh"].source_pointers[1] += 1
        return graph


class BeyondTheNodes(Nearest):
    def _build(self, grid):
        graph = super()._build(grid)
        graph.edges["mesh", "mesh"].source[-1] = 99
        return graph


class Noisy(Nearest):
    def _build(self, grid):
        graph = super()._build(grid)
        edges = graph.edges["mesh", "mesh"]
        noise = np.random.default_rng().normal(size=edges.features.shape).astype(np.float32)
        return altered(graph, ("mesh", "mesh"), replace_features(edges, edges.features + noise))


def replace_features(edges: EdgeSet, features: np.ndarray) -> EdgeSet:
    return EdgeSet(edges.source, edges.target, edges.source_count, edges.target_count, features)


class LeavesOut(Nearest):
    def _build(self, grid):
        graph = super()._build(grid)
        edges = graph.edges["grid", "mesh"]
        kept = edges.source != 3
        parts = edges.source[kept], edges.target[kept], edges.source_count, edges.target_count, edges.features[kept]
        return altered(graph, ("grid", "mesh"), EdgeSet(*parts))


class Backwards(Nearest):
    def _build(self, grid):
        return tiny_graph(replace(grid, latitudes=grid.latitudes[::-1]), self.mesh_nodes)


class NotANumber(Nearest):
    def _build(self, grid):
        graph = super()._build(grid)
        edges = graph.edges["mesh", "mesh"]
        return altered(graph, ("mesh", "mesh"), replace_features(edges, edges.features * np.float32(np.nan)))


class DoubleFeatures(Nearest):
    def _build(self, grid):
        graph = super()._build(grid)
        edges = graph.edges["mesh", "mesh"]
        return altered(graph, ("mesh", "mesh"), replace_features(edges, edges.features.astype(np.float64)))


class MovesTheGrid(Nearest):
    def _build(self, grid):
        grid.latitudes[0] += 1.0
        return super()._build(grid)


class OddNames(Nearest):
    def _build(self, grid):
        graph = super()._build(grid)
        return Graph({**graph.nodes, "mesh/fine": graph.nodes["mesh"]}, graph.edges)


class ServesNone(Nearest):
    def _build(self, grid):
        raise DataError("no", fix="none")


class Crashes(Nearest):
    def _build(self, grid):
        return tiny_graph(grid, 8 // grid.is_global)


class OwnBuild(Nearest):
    def build(self, grid):
        return self._build(grid)


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Unsorted, "edges_are_sorted", "mesh → mesh: edges are not sorted by target and source"),
        (WrongPointers, "edges_are_sorted", "wrong `source_pointers`"),
        (BeyondTheNodes, "indices_are_in_range", "`source` must lie below 8, got 0 to 99"),
        (Noisy, "the_same_grid_gives_the_same_graph", "gives another graph"),
        (LeavesOut, "every_grid_node_takes_part", "left 1 grid nodes without an edge to the mesh"),
        (Backwards, "grid_nodes_are_those_of_the_grid", "not in the order of the grid's nodes"),
        (NotANumber, "features_are_finite", "features are not finite"),
        (DoubleFeatures, "features_are_finite", "features must be float32"),
        (MovesTheGrid, "the_grid_is_not_modified", "the builder changed the grid"),
        (OddNames, "the_graph_survives_a_file", "the name of a node set must have letters"),
        (ServesNone, "it_serves_a_grid", "it serves none of global regular, regional regular"),
        (Crashes, "it_serves_a_grid", "zero"),
        (OwnBuild, "it_serves_a_grid", "`build` must not be overridden"),
    ],
)
def test_a_broken_builder_is_found_out(find_out, plugin, check, message) -> None:
    find_out(GraphBuilderContract, plugin, check, message)


def test_a_claim_that_does_not_hold_is_found_out(find_out) -> None:
    check = "the_graph_turns_with_the_grid"
    find_out(
        GraphBuilderContract, Nearest, check, "a turn by 120° does not bring the nodes `mesh`", rotation_invariant=True
    )
    find_out(GraphBuilderContract, Triangles, check, "a turn by 90° does not bring", rotation_invariant=True, turn=90.0)


class LongitudeMatters(Triangles):
    def _build(self, grid):
        graph = super()._build(grid)
        edges = graph.edges["mesh", "grid"]
        east = (graph.nodes["grid"].longitudes[edges.target] < 180).astype(np.float32)
        return altered(graph, ("mesh", "grid"), replace_features(edges, edges.features + east[:, None]))


class Drops(Triangles):
    def _build(self, grid):
        graph = super()._build(grid)
        edges = graph.edges["mesh", "mesh"]
        parts = edges.source[1:], edges.target[1:], 9, 9, edges.features[1:]
        return altered(graph, ("mesh", "mesh"), EdgeSet(*parts))


@pytest.mark.parametrize(
    ("plugin", "message"),
    [(LongitudeMatters, "features mesh → grid differ"), (Drops, "edges mesh → mesh do not turn with the grid")],
)
def test_edges_that_do_not_turn_are_found_out(find_out, plugin, message) -> None:
    find_out(GraphBuilderContract, plugin, "the_graph_turns_with_the_grid", message, rotation_invariant=True)
