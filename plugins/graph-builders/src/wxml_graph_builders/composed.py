"""The GraphBuilder `composed`: any graph, from parts that are plugins."""

__all__ = ["Composed"]

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import EdgeSet, Graph, GraphBuilder, Grid, Kind, NodeSet, create
from wxml.errors import DataError, nearest
from wxml.graphs.edge_geometry import lengths
from wxml.graphs.edge_order import ordered

from wxml_graph_builders.areas import EARTH_RADIUS_KM
from wxml_graph_builders.attributes.masks import mask_of
from wxml_graph_builders.composed_options import DEFAULT_FEATURES, EdgeRule, FeatureRule, FinishOptions, NodeRule
from wxml_graph_builders.edge_builder import EdgeBuilder
from wxml_graph_builders.finishing import finished_nodes
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes, Pairs
from wxml_graph_builders.norms import normed, normed_per_target

Pair = tuple[str, str]
KEEP = FinishOptions()


class Composed(GraphBuilder):
    """Any graph: node sets by mesh builders, joined by edge builders, with attributes and features.

    The nodes of the data are there from the start, as `grid`, or as `data:NAME` for each of several grids; to give them
    attributes write `grid: {plugin: grid, attributes: …}`, or `data:NAME` in place of `grid`. A model needs a node set
    `mesh`, and edges from the data to it, within it, and back; coarser levels are `mesh:1`, `mesh:2` and so on.
    """

    def __init__(
        self,
        *,
        nodes: Annotated[
            dict[str, NodeRule],
            Kind("mesh-builder"),
            Field(
                min_length=1,
                description="name → node set, made in this order",
                examples=[{"mesh": {"plugin": "triangles", "refinement": 4}}],
            ),
        ],
        edges: Annotated[
            tuple[EdgeRule, ...],
            Kind("edge-builder"),
            Field(
                min_length=1,
                description="how the nodes are joined",
                examples=[
                    [
                        {"from": "grid", "to": "mesh", "plugin": "radius"},
                        {"from": "mesh", "to": "mesh", "plugin": "multi-scale"},
                        {"from": "mesh", "to": "grid", "plugin": "nearest"},
                    ]
                ],
            ),
        ],
        finish: Annotated[FinishOptions, Field(description="what is done in the end")] = KEEP,
    ) -> None:
        self.nodes = {"mesh" if name == "mesh:0" else name: rule for name, rule in nodes.items()}
        self.rules = edges
        self.finish = finish
        self.edge_builders: list[EdgeBuilder] = [
            create("edge-builder", rule.plugin, rule.options, where=f"graph.edges.{number}")
            for number, rule in enumerate(edges)
        ]

    def _build(self, grid: Grid) -> Graph:
        built = self._built_nodes(grid)
        held = [made.points for made in built.values()]  # so that all parts find them made
        pairs = self._joined(built)
        built, pairs = finished_nodes(built, pairs, self.finish)
        nodes = {name: made.nodes for name, made in built.items()}
        del built  # with the edges and cells that meshes know of
        _refuse_left_out(nodes, pairs)
        rules = self._features()
        held = [each.points for each in nodes.values()]
        edges = {pair: _edge_set(nodes, pair, pairs.pop(pair), rules[pair]) for pair in tuple(pairs)}
        del held
        used = {name for pair in edges for name in pair}
        return Graph({name: each for name, each in nodes.items() if name in used}, edges)

    def _built_nodes(self, grid: Grid) -> dict[str, MeshNodes]:
        """Each node set with its attributes, in the order of the config; those of the data come first."""
        parts = {f"data:{part.name}": grid.part(part.name) for part in grid.parts}
        built = {name: MeshNodes(NodeSet.of_grid(each)) for name, each in {"grid": grid, **parts}.items()}
        for name, rule in self.nodes.items():
            context = BuildContext(grid, built)
            options = _of_data(name, rule) if name in built else rule.options
            made = create("mesh-builder", rule.plugin, options, where=f"graph.nodes.{name}").build(context)
            built[name] = made
            for attribute, chosen in rule.attributes.items():
                where = f"graph.nodes.{name}.attributes.{attribute}"
                values = create("node-attribute", chosen.plugin, chosen.options, where=where).values(
                    built[name], BuildContext(grid, built)
                )
                if chosen.norm != "none":
                    columns = values.astype(np.float64).reshape(len(values), -1)
                    values = normed(columns, chosen.norm).reshape(values.shape)
                named = built[name].nodes.with_attributes(**{attribute: values})
                built[name] = replace(built[name], nodes=named)
        return built

    def _joined(self, built: Mapping[str, MeshNodes]) -> dict[Pair, Pairs]:
        """The edges of each pair: those of all its rules, each once, sorted by target and then by source."""
        found: dict[Pair, Pairs] = {}
        for number, (rule, builder) in enumerate(zip(self.rules, self.edge_builders, strict=True)):
            source, target = (_named(built, name, number) for name in (rule.source, rule.target))
            pair = (_level(rule.source), _level(rule.target))
            pairs = _masked(builder, source, target, rule)
            found[pair] = _united(found[pair], pairs) if pair in found else pairs
        return {pair: self._restricted(built, pair, found.pop(pair)) for pair in tuple(found)}

    def _restricted(self, built: Mapping[str, MeshNodes], pair: Pair, pairs: Pairs) -> Pairs:
        source, target = (built[name].nodes for name in pair)
        if self.finish.longest_km is not None:
            length = lengths(source, target, *pairs.T) * EARTH_RADIUS_KM
            pairs = _some(pairs, length <= self.finish.longest_km)
        if self.finish.remove_self_edges and pair[0] == pair[1]:
            pairs = _some(pairs, pairs[:, 0] != pairs[:, 1])
        return pairs

    def _features(self) -> dict[Pair, Sequence[FeatureRule]]:
        """The features of each pair: those that one of its rules gives, or the usual ones."""
        chosen: dict[Pair, Sequence[FeatureRule]] = {}
        for rule in self.rules:
            pair = (_level(rule.source), _level(rule.target))
            before = chosen.get(pair)
            if rule.features is not None and before not in (None, rule.features):
                raise DataError(
                    f"two rules for edges {pair[0]} → {pair[1]} name different features",
                    fix="name them in one of the rules",
                )
            chosen[pair] = rule.features or before  # type: ignore[assignment]
        return {pair: rules or DEFAULT_FEATURES for pair, rules in chosen.items()}


def _of_data(name: str, rule: NodeRule) -> dict[str, Any]:
    """The options by which a rule takes the nodes `name` of the data as they are.

    Raises:
        DataError: it makes other nodes.
    """
    named = rule.options.get("nodes", name)
    if rule.plugin.rpartition(":")[2] != "grid" or named != name:
        got = f"plugin: {rule.plugin}" if named == name else f"nodes: {named}"
        raise DataError(
            f"the nodes `{name}` are those of the data, got `{got}` for them",
            fix=f"write `{name}: {{plugin: grid}}`, or give the node set another name",
        )
    return {**rule.options, "nodes": name}


def _level(name: str) -> str:
    return "mesh" if name == "mesh:0" else name


def _named(built: Mapping[str, MeshNodes], name: str, number: int) -> MeshNodes:
    if _level(name) not in built:
        raise DataError(
            f"`edges[{number}]` joins the nodes {name!r}, and there are none of that name: {nearest(name, built)}",
            fix="name a node set of `nodes`, or one of the data",
        )
    return built[_level(name)]


def _masked(builder: EdgeBuilder, source: MeshNodes, target: MeshNodes, rule: EdgeRule) -> Pairs:
    """The edges between the nodes that the masks leave, in the numbers of all nodes."""
    numbers, parts = [], []
    for nodes, mask in ((source, rule.source_mask), (target, rule.target_mask)):
        kept = None if mask is None else mask_of(nodes, mask)
        if kept is not None and not kept.any():
            raise DataError(
                f"no node has the attribute `{mask}`, so edges {rule.source} → {rule.target} join nothing",
                fix="choose another mask, or leave it out",
            )
        numbers.append(None if kept is None else np.flatnonzero(kept))
        parts.append(nodes if kept is None else nodes.subset(kept))
    if source is target and rule.source_mask == rule.target_mask:
        parts[1] = parts[0]
    pairs = builder.edges(*parts)
    for end, number in enumerate(numbers):
        if number is not None:
            pairs[:, end] = number[pairs[:, end]]  # rising numbers keep the order
    return pairs


def _united(first: Pairs, second: Pairs) -> Pairs:
    """The pairs of both, each once, sorted by target and then by source."""
    return ordered(*(np.concatenate([first[:, end], second[:, end]]) for end in (0, 1))).T


def _some(pairs: Pairs, kept: NDArray[np.bool_]) -> Pairs:
    """Those of the pairs that are kept, each column in one piece."""
    return pairs.T[:, kept].T


def _refuse_left_out(sets: Mapping[str, NodeSet], pairs: Mapping[Pair, Pairs]) -> None:
    """Refuse a graph in which the mesh does not read a node of the data, or does not reach one that is forecast."""
    for (source, target), found in pairs.items():
        for name, end, other in ((source, 0, target), (target, 1, source)):
            if other != "mesh" or not (name == "grid" or name.startswith("data:")):
                continue
            nodes = sets[name]
            left = np.bincount(found[:, end], minlength=len(nodes)) == 0
            left &= ~nodes.boundary if end else True
            if left.any():
                first = int(np.argmax(left))
                way = "read no node of the mesh" if end else "are read by no node of the mesh"
                raise DataError(
                    f"{left.sum()} of {len(nodes)} nodes `{name}` {way}, the first is node {first} at "
                    f"{nodes.latitudes[first]:.3f}°N {nodes.longitudes[first]:.3f}°E",
                    fix=f"add a rule for edges {source} → {target}, such as "
                    f"`plugin: {'nearest' if end else 'reversed-nearest'}`",
                )


def _edge_set(sets: Mapping[str, NodeSet], pair: Pair, pairs: Pairs, rules: Sequence[FeatureRule]) -> EdgeSet:
    source, target = (sets[name] for name in pair)
    where = f"graph.edges {pair[0]} → {pair[1]}"
    columns = [_feature(rule, source, target, pairs, where) for rule in rules]
    features = columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)
    starts, ends = (np.ascontiguousarray(pairs[:, end]) for end in (0, 1))
    return EdgeSet(starts, ends, len(source), len(target), np.ascontiguousarray(features))


def _feature(rule: FeatureRule, source: NodeSet, target: NodeSet, pairs: Pairs, where: str) -> NDArray[np.float32]:
    """The values of one feature over their norm; shape `[edge, k]`."""
    values = create("edge-feature", rule.plugin, rule.options, where=where).values(source, target, pairs)
    if rule.per == "target":
        return normed_per_target(values, rule.norm, pairs[:, 1]).astype(np.float32)
    return normed(values, rule.norm, np.float32)
