"""The contracts of mesh builders, edge builders, node attributes and edge features, for packages that bring one.

from wxml_graph_builders.testing import MeshBuilderContract

class TestSpiral(MeshBuilderContract):
    plugin = Spiral
    options = {"nodes": 300}
"""

__all__ = ["EdgeBuilderContract", "EdgeFeatureContract", "MeshBuilderContract", "NodeAttributeContract"]

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from wxml import Grid, GridPart, NodeSet
from wxml.errors import DataError
from wxml.testing import Contract, require, tiny_grid

from wxml_graph_builders.edge_builder import EdgeBuilder
from wxml_graph_builders.edge_feature import EdgeFeature
from wxml_graph_builders.mesh_builder import MeshBuilder
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes, Pairs
from wxml_graph_builders.meshes.triangles import Triangles
from wxml_graph_builders.node_attribute import NodeAttribute


def _grids() -> dict[str, Grid]:
    region = Grid.regular(np.linspace(60, 40, 9), np.linspace(355, 380, 11))
    return {"global": tiny_grid(), "regional": region}


def _two_grids() -> Grid:
    """Both of them behind each other, with names."""
    grids = _grids()
    latitudes = np.concatenate([grid.latitudes for grid in grids.values()])
    longitudes = np.concatenate([grid.longitudes for grid in grids.values()])
    parts = tuple(GridPart(name, len(grid)) for name, grid in grids.items())
    return replace(Grid.unstructured(latitudes, longitudes), parts=parts)


def _context(grid: Grid) -> BuildContext:
    nodes = NodeSet.of_grid(grid)
    return BuildContext(grid, {"grid": MeshNodes(nodes)})


class MeshBuilderContract(Contract):
    """Checks of a MeshBuilder on those of `grids` that it serves; it may refuse others with a DataError."""

    interface: ClassVar[type[Any]] = MeshBuilder

    def grids(self) -> Mapping[str, Grid]:
        """Return the grids to build on; override it for a builder that needs others."""
        return _grids()

    def rehearse(self) -> None:
        """Build the nodes once."""
        next(self._served(), None)

    def test_it_serves_a_grid(self) -> None:
        """The builder makes nodes for at least one of the grids; it may refuse the others with a DataError."""
        require(list(self._served()), f"it serves none of {', '.join(self.grids())}")
        require(self.plugin.build is MeshBuilder.build, "`build` must not be overridden; fill `_build`")

    def test_nodes_are_places_on_the_sphere(self) -> None:
        """Latitudes lie within −90 and 90 degrees, and no two nodes are at one place."""
        for name, grid, made in self._served():
            require(np.all(np.abs(made.nodes.latitudes) <= 90 + 1e-9), f"{name}: a latitude is beyond a pole")
            if len(made) > 1 and len(made) != len(grid):
                from scipy.spatial import cKDTree

                pairs = cKDTree(made.points).query_pairs(1e-9)
                require(not pairs, f"{name}: {len(pairs)} pairs of nodes are at one place")

    def test_levels_join_neighbours_both_ways(self) -> None:
        """Each edge of a level joins two different nodes, and the level has the edge back."""
        for name, _, made in self._served():
            for number, pairs in enumerate(made.levels):
                require(np.all(pairs[:, 0] != pairs[:, 1]), f"{name}: level {number} joins a node with itself")
                there, back = (set(map(tuple, some.tolist())) for some in (pairs, pairs[:, ::-1]))
                require(there == back, f"{name}: {len(there - back)} edges of level {number} have no edge back")

    def test_the_same_grid_gives_the_same_nodes(self) -> None:
        """Two builders with the same options give the same nodes and levels, bit for bit."""
        for name, grid, made in self._served():
            again = self.make().build(_context(grid))
            require(_bits(made) == _bits(again), f"{name}: a second builder makes other nodes")

    def test_an_area_only_leaves_nodes_out(self) -> None:
        """Told of an area, the builder makes the same nodes in it as without."""
        for name, grid, made in self._served():
            area = _Northern()
            there = made.points[area.holds(made.points)]
            if not len(there):
                continue
            within = self.make().build(BuildContext(grid, _context(grid).nodes, area)).points
            within = within[area.holds(within)]
            same = len(within) == len(there) and np.allclose(_sorted(within), _sorted(there), atol=1e-9)
            require(same, f"{name}: {len(within)} nodes in an area, {len(there)} of all nodes lie there")

    def _served(self) -> Iterator[tuple[str, Grid, MeshNodes]]:
        for name, grid in self.grids().items():
            try:
                made = self.make().build(_context(grid))
            except DataError:
                continue
            yield name, grid, made


class EdgeBuilderContract(Contract):
    """Checks of an EdgeBuilder on those of `cases` that it serves; it may refuse others with a DataError."""

    interface: ClassVar[type[Any]] = EdgeBuilder

    def cases(self) -> Mapping[str, tuple[MeshNodes, MeshNodes]]:
        """Return pairs of node sets to join; override it for a builder that needs others."""
        contexts = {name: _context(grid) for name, grid in _grids().items()}
        mesh = Triangles(refinement=2).build(contexts["global"])
        grids = {name: context.nodes["grid"] for name, context in contexts.items()}
        return {
            "global grid to mesh": (grids["global"], mesh),
            "mesh to global grid": (mesh, grids["global"]),
            "regional grid to mesh": (grids["regional"], mesh),
            "mesh to mesh": (mesh, mesh),
        }

    def rehearse(self) -> None:
        """Join two node sets once."""
        next(self._served(), None)

    def test_it_serves_a_pair(self) -> None:
        """The builder joins at least one of the pairs; it may refuse the others with a DataError."""
        require(list(self._served()), f"it serves none of {', '.join(self.cases())}")
        require(self.plugin.edges is EdgeBuilder.edges, "`edges` must not be overridden; fill `_edges`")

    def test_it_joins_something(self) -> None:
        """There is at least one edge between node sets that it serves."""
        for name, _, pairs in self._served():
            require(len(pairs), f"{name}: there are no edges")

    def test_the_same_nodes_give_the_same_edges(self) -> None:
        """Two builders with the same options give the same edges."""
        for name, nodes, pairs in self._served():
            again = self.make().edges(*nodes)
            require(np.array_equal(pairs, again), f"{name}: a second builder makes other edges")

    def test_the_order_of_nodes_does_not_count(self) -> None:
        """Nodes in another order get the same edges, but for those at equal distances; nine of ten must agree."""
        for name, (source, target), pairs in self._served():
            if source.levels or target.levels:
                continue
            order = np.random.default_rng(0).permutation(len(source))
            moved = MeshNodes(source.nodes.take(order))
            ends = (moved, order) if source is target else (target, np.arange(len(target)))
            found = self.make().edges(moved, ends[0])
            back = {(int(order[start]), int(ends[1][end])) for start, end in found}
            shared = len(back & set(map(tuple, pairs.tolist())))
            require(shared >= 0.9 * max(len(back), len(pairs)), f"{name}: edges depend on the order of nodes")

    def _served(self) -> Iterator[tuple[str, tuple[MeshNodes, MeshNodes], Pairs]]:
        for name, nodes in self.cases().items():
            try:
                pairs = self.make().edges(*nodes)
            except DataError:
                continue
            yield name, nodes, pairs


class NodeAttributeContract(Contract):
    """Checks of a NodeAttribute on those of `cases` that it serves; it may refuse others with a DataError."""

    interface: ClassVar[type[Any]] = NodeAttribute

    def cases(self) -> Mapping[str, tuple[MeshNodes, BuildContext]]:
        """Return nodes and what there is beside them; the nodes have the masks `north` and `east`."""
        found = {}
        for name, grid in {**_grids(), "two grids": _two_grids()}.items():
            nodes = NodeSet.of_grid(grid)
            masks = {"north": nodes.latitudes > 45, "east": nodes.longitudes < 180}
            made = MeshNodes(nodes.with_attributes(**masks))
            found[name] = (made, BuildContext(grid, {"grid": made}))
        return found

    def rehearse(self) -> None:
        """Compute the values once."""
        next(self._served(), None)

    def test_it_serves_nodes(self) -> None:
        """The attribute has values for at least one of the cases; it may refuse the others with a DataError."""
        require(list(self._served()), f"it serves none of {', '.join(self.cases())}")
        require(self.plugin.values is NodeAttribute.values, "`values` must not be overridden; fill `_values`")

    def test_the_same_nodes_give_the_same_values(self) -> None:
        """Two plugins with the same options give the same values, bit for bit."""
        for name, (nodes, context), values in self._served():
            again = self.make().values(nodes, context)
            same = values.dtype == again.dtype and values.tobytes() == again.tobytes()
            require(same, f"{name}: a second plugin gives other values")

    def _served(self) -> Iterator[tuple[str, tuple[MeshNodes, BuildContext], np.ndarray[Any, Any]]]:
        for name, case in self.cases().items():
            try:
                values = self.make().values(*case)
            except DataError:
                continue
            yield name, case, values


class EdgeFeatureContract(Contract):
    """Checks of an EdgeFeature on edges between a grid and a mesh, which have the attribute `height`."""

    interface: ClassVar[type[Any]] = EdgeFeature

    def cases(self) -> Mapping[str, tuple[NodeSet, NodeSet, Pairs]]:
        """Return node sets and the edges between them; three into each target, and a node on a pole among them."""
        grid = Grid.regular(np.linspace(90, -90, 7), np.arange(0, 360, 40))
        mesh = Triangles(refinement=1).build(_context(grid)).nodes
        sets = [
            nodes.with_attributes(height=np.sin(np.radians(nodes.latitudes))) for nodes in (mesh, NodeSet.of_grid(grid))
        ]
        nearness = sets[1].points @ sets[0].points.T
        start = np.sort(np.argsort(-nearness, axis=1, kind="stable")[:, :3], axis=1).ravel()
        pairs = np.stack([start, np.repeat(np.arange(len(sets[1])), 3)], axis=1)
        return {"mesh to grid": (sets[0], sets[1], pairs)}

    def rehearse(self) -> None:
        """Compute the values once."""
        for case in self.cases().values():
            self.make().values(*case)

    def test_every_edge_has_values(self) -> None:
        """There is one row of finite numbers for each edge, poles included."""
        require(self.plugin.values is EdgeFeature.values, "`values` must not be overridden; fill `_values`")
        for name, case in self.cases().items():
            values = self.make().values(*case)
            require(len(values) == len(case[2]) and values.shape[1] > 0, f"{name}: got shape {values.shape}")

    def test_no_edges_have_no_values(self) -> None:
        """Without edges the result has no rows, and as many columns as else."""
        for name, (source, target, pairs) in self.cases().items():
            columns = self.make().values(source, target, pairs).shape[1]
            empty = self.make().values(source, target, pairs[:0])
            require(empty.shape == (0, columns), f"{name}: no edges give shape {empty.shape}, not (0, {columns})")

    def test_a_value_belongs_to_its_edge(self) -> None:
        """The values of the edges into one target are the same without the edges into others."""
        for name, (source, target, pairs) in self.cases().items():
            whole = self.make().values(source, target, pairs)
            part = pairs[:, 1] < len(target) // 2
            half = self.make().values(source, target, pairs[part])
            require(np.allclose(whole[part], half, atol=1e-12), f"{name}: values depend on edges into other targets")


class _Northern:
    """The area north of 20°N."""

    def holds(self, points: np.ndarray[Any, Any], slack: float = 0.0) -> np.ndarray[Any, np.dtype[np.bool_]]:
        return np.asarray(np.arcsin(np.clip(points[:, 2], -1, 1)) >= np.radians(20.0) - slack)


def _sorted(points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return points[np.lexsort(np.round(points, 7).T)]


def _bits(made: MeshNodes) -> tuple[bytes, ...]:
    return tuple(array.tobytes() for array in (made.nodes.latitudes, made.nodes.longitudes, *made.levels))
