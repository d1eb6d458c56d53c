"""The contract of graph builders, as tests."""

__all__ = ["GraphBuilderContract"]

import unittest
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from wxml.data.grid import Grid
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError
from wxml.graphs.builder import GraphBuilder
from wxml.graphs.data_nodes import data_nodes
from wxml.graphs.graph import EdgeSet, Graph
from wxml.graphs.node_set import NodeSet
from wxml.testing.contract import Contract, NotClaimed, require
from wxml.testing.tiny_graphs import tiny_parts, tiny_region, wider_region
from wxml.testing.tiny_world import tiny_grid

SAME_PLACE = 1e-9
"""The distance in radians up to which two nodes count as one place."""
SAME_FEATURE = 1e-4


class GraphBuilderContract(Contract):
    """Checks of a GraphBuilder on those of `grids` that it serves; it may refuse others with a DataError.

    A builder may claim with `rotation_invariant` that its graphs turn with the grid: a turn by `turn` degrees about the
    polar axis brings the mesh onto itself, and a grid that is turned by as much gives the same graph, turned. The check
    takes random nodes, since on a regular grid several neighbours are equally near and any of them may be chosen.
    """

    interface: ClassVar[type[Any]] = GraphBuilder
    rotation_invariant: ClassVar[bool] = False
    """Whether the builder claims that its graphs turn with the grid."""
    turn: ClassVar[float] = 120.0
    """Degrees east; an icosahedron with triangles around the poles can be turned by a third of a circle."""

    def grids(self) -> Mapping[str, Grid]:
        """Return the grids to build on; override it for a builder that needs others."""
        regular = {"global regular": tiny_grid(), "regional regular": tiny_region(), "wider region": wider_region()}
        return regular | {"two grids": tiny_parts()} | self._scattered()

    def sample(self) -> Any:
        """Make a builder; core passes it nothing but the options."""
        return self.make()

    def rehearse(self) -> None:
        """Build one graph."""
        next(self._served(self.grids()), None)

    def test_it_serves_a_grid(self) -> None:
        """The builder serves at least one of the grids; it may refuse the others with a DataError."""
        require([name for name, _, _ in self._served(self.grids())], f"it serves none of {', '.join(self.grids())}")
        require(self.plugin.build is GraphBuilder.build, "`build` must not be overridden; fill `_build`")

    def test_grid_nodes_are_those_of_the_grid(self) -> None:
        """The data nodes, `grid` or those of each part of the grid, are at its places, in the same order."""
        for name, grid, graph in self._served(self.grids()):
            points = NodeSet.of_grid(grid).points
            for part in data_nodes(graph, grid):
                off = np.abs(graph.nodes[part.name].points - points[part.nodes]).max()
                require(off < SAME_PLACE, f"{name}: the node set `{part.name}` is not in the order of the grid's nodes")

    def test_every_grid_node_takes_part(self) -> None:
        """Every grid node has an edge to the mesh and, unless it is a boundary node, an edge from the mesh."""
        for name, _, graph in self._served(self.grids()):
            for data in graph.data:
                unread = np.diff(graph.edges[data, "mesh"].source_pointers) == 0
                unreached = (np.diff(graph.edges["mesh", data].pointers) == 0) & ~graph.nodes[data].boundary
                text = f"{unread.sum()} {data} nodes have no edge to the mesh, {unreached.sum()} have no edge from it"
                require(not unread.any() and not unreached.any(), f"{name}: {text}")

    def test_edges_are_sorted(self) -> None:
        """Edges are sorted by target and then by source, and their pointers and transpose fit."""
        for where, edges in self._edge_sets():
            order = np.lexsort((edges.source, edges.target))
            require(np.array_equal(order, np.arange(len(edges))), f"{where}: edges are not sorted by target and source")
            again = EdgeSet(edges.source, edges.target, edges.source_count, edges.target_count, edges.features)
            for name in ("pointers", "transpose", "source_pointers"):
                require(np.array_equal(getattr(edges, name), getattr(again, name)), f"{where}: wrong `{name}`")

    def test_indices_are_in_range(self) -> None:
        """`source` and `target` of edges are int64 numbers of nodes that exist."""
        for where, edges in self._edge_sets():
            for name, index, count in (
                ("source", edges.source, edges.source_count),
                ("target", edges.target, edges.target_count),
            ):
                require(index.dtype == np.int64, f"{where}: `{name}` must be int64, got {index.dtype}")
                fits = not index.size or (index.min() >= 0 and index.max() < count)
                require(fits, f"{where}: `{name}` must lie below {count}, got {index.min()} to {index.max()}")

    def test_features_are_finite(self) -> None:
        """Every edge has the same number of finite float32 features, and every node has a finite place."""
        for where, edges in self._edge_sets():
            features = edges.features
            fits = features.ndim == 2 and len(features) == len(edges) and features.dtype == np.float32
            require(fits, f"{where}: features must be float32 [{len(edges)}, n], got {features.dtype} {features.shape}")
            require(np.isfinite(features).all(), f"{where}: features are not finite")
        for name, _, graph in self._served(self.grids()):
            lost = [n for n, nodes in graph.nodes.items() if not np.isfinite(nodes.points).all()]
            require(not lost, f"{name}: the place of a node is not finite, of `{', '.join(lost)}`")

    def test_the_same_grid_gives_the_same_graph(self) -> None:
        """Two builders with the same options, and two builds by one of them, give the same graph bit for bit."""
        for name, grid, graph in self._served(self.grids()):
            builder = self.make()
            for what, again in (("a second builder", builder.build(grid)), ("a second build", builder.build(grid))):
                require(_bits(graph) == _bits(again), f"{name}: {what} gives another graph")

    def test_the_grid_is_not_modified(self) -> None:
        """The builder does not change the grid."""
        fresh = self.grids()
        for name, grid, _ in self._served(self.grids()):
            require(grid.identity == fresh[name].identity, f"{name}: the builder changed the grid")

    def test_the_graph_survives_a_file(self) -> None:
        """The graph can be restored from the arrays that a checkpoint keeps."""
        for name, _, graph in self._served(self.grids()):
            again = Graph.from_arrays({key: np.array(array) for key, array in graph.to_arrays().items()})
            require(_bits(graph) == _bits(again), f"{name}: from_arrays(to_arrays()) is another graph")

    def test_the_graph_turns_with_the_grid(self) -> None:
        """With `rotation_invariant`, a grid that is turned about the polar axis gives the same graph, turned."""
        if not self.rotation_invariant:
            raise NotClaimed("not claimed: `rotation_invariant` is not set")
        served = list(self._served(self._scattered()))
        if not served:
            raise unittest.SkipTest("it serves no grid of nodes at random")
        for name, grid, graph in served:
            turned = Grid.unstructured(grid.latitudes, grid.longitudes + self.turn)
            self._require_turned(name, graph, self.make().build(turned))

    def _require_turned(self, name: str, graph: Graph, turned: Graph) -> None:
        """Compare nodes and edges of the two graphs; the mesh nodes may be numbered in another order."""
        number = {node_set: self._numbers(graph.nodes[node_set], turned.nodes[node_set]) for node_set in graph.nodes}
        for node_set, new in number.items():
            require(
                new is not None,
                f"{name}: a turn by {self.turn:g}° does not bring the nodes `{node_set}` onto those of the other graph",
            )
        for (source, target), edges in graph.edges.items():
            found = turned.edges[source, target]
            expected = number[target][edges.target] * edges.source_count + number[source][edges.source]
            order = np.argsort(expected)
            same = np.array_equal(expected[order], found.target * found.source_count + found.source)
            require(same, f"{name}: edges {source} → {target} do not turn with the grid")
            off = float(np.abs(edges.features[order] - found.features).max(initial=0))
            require(off < SAME_FEATURE, f"{name}: features {source} → {target} differ by {off:.2g} after the turn")

    def _numbers(self, nodes: NodeSet, turned: NodeSet) -> Any:
        """Return for each node its number after the turn; None if the turn brings a node onto no other node."""
        if len(nodes) != len(turned):
            return None
        places = unit_vectors(nodes.latitudes, nodes.longitudes + self.turn)
        nearness = places @ turned.points.T
        nearest = np.argmax(nearness, axis=1)
        off = np.linalg.norm(places - turned.points[nearest], axis=1).max()
        return nearest if off < 1e-6 and len(np.unique(nearest)) == len(nodes) else None

    def _scattered(self) -> dict[str, Grid]:
        """Make two grids of random nodes, around the globe and in a region."""
        random = np.random.default_rng(0)
        height, around = random.uniform(-1, 1, 150), random.uniform(0, 360, 150)
        north, east = random.uniform(30, 60, 80), random.uniform(5, 55, 80)
        globe = Grid.unstructured(np.degrees(np.arcsin(height)), around)
        return {"global scattered": globe, "regional scattered": Grid.unstructured(north, east)}

    def _served(self, grids: Mapping[str, Grid]) -> Iterator[tuple[str, Grid, Graph]]:
        builder = self.make()
        for name, grid in grids.items():
            try:
                graph = builder.build(grid)
            except DataError:
                continue
            yield name, grid, graph

    def _edge_sets(self) -> Iterator[tuple[str, EdgeSet]]:
        for name, _, graph in self._served(self.grids()):
            for (source, target), edges in graph.edges.items():
                yield f"{name}, {source} → {target}", edges


def _bits(graph: Graph) -> dict[str, tuple[str, bytes]]:
    """The type and the bytes of every array."""
    return {name: (str(array.dtype), array.tobytes()) for name, array in graph.to_arrays().items()}
