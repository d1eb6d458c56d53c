"""What `composed` does with node sets in the end: nodes without edges left out, and nodes put in another order."""

__all__ = ["NODE_ORDERS", "finished_nodes"]

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError
from wxml.graphs.edge_order import ordered

from wxml_graph_builders.composed_options import FinishOptions
from wxml_graph_builders.healpix import cells_of
from wxml_graph_builders.mesh_nodes import MeshNodes, Pairs

Pair = tuple[str, str]
Built = Mapping[str, MeshNodes]
Indices = NDArray[np.int64]

NSIDE: Final = 1 << 20  # cells of 6 m
NODE_ORDERS: Final[dict[str, Callable[[MeshNodes], Indices]]] = {
    "space-filling": lambda nodes: np.argsort(cells_of(NSIDE, nodes.points), kind="stable"),
    "north-to-south": lambda nodes: np.lexsort((nodes.nodes.longitudes, -nodes.nodes.latitudes)),
}
"""The numbers of the nodes in the order in which they shall be."""


def finished_nodes(
    built: Built, pairs: Mapping[Pair, Pairs], finish: FinishOptions
) -> tuple[dict[str, MeshNodes], dict[Pair, Pairs]]:
    """The node sets and edges without unconnected nodes, in the order that `finish` says.

    Raises:
        DataError: `finish` names the nodes of the data, or nodes that are not there.
    """
    nodes, edges = dict(built), dict(pairs)
    for option, names in (("remove_unconnected", finish.remove_unconnected), ("order", tuple(finish.order))):
        for name in names:
            _check_name(option, name, built)
    if finish.numbers is not None:
        for name in {*finish.remove_unconnected, *finish.order}:
            numbered = nodes[name].nodes.with_attributes(**{finish.numbers: np.arange(len(nodes[name]))})
            nodes[name] = replace(nodes[name], nodes=numbered)
    for name in finish.remove_unconnected:
        _take(nodes, edges, name, np.flatnonzero(_joined(name, len(nodes[name]), edges)))
    for name, order in finish.order.items():
        _take(nodes, edges, name, NODE_ORDERS[order](nodes[name]))
    return nodes, edges


def _check_name(option: str, name: str, built: Built) -> None:
    if name not in built or name == "grid" or name.startswith("data:"):
        raise DataError(
            f"`{option}` names node sets of `nodes` that are not the data's, got {name!r}",
            fix="name a mesh; the nodes of the data stay as they are, and one without edges is an error",
        )


def _joined(name: str, count: int, edges: Mapping[Pair, Pairs]) -> NDArray[np.bool_]:
    joined = np.zeros(count, bool)
    for pair, found in edges.items():
        for end in (0, 1):
            if pair[end] == name:
                joined[found[:, end]] = True
    return joined


def _take(nodes: dict[str, MeshNodes], edges: dict[Pair, Pairs], name: str, taken: Indices) -> None:
    """Keep some nodes of a set, in another order perhaps, and number the ends of their edges anew."""
    number = np.full(len(nodes[name]), -1)
    number[taken] = np.arange(len(taken))
    nodes[name] = MeshNodes(nodes[name].nodes.take(taken))  # levels and cells have served
    rising = bool(np.all(np.diff(taken) > 0))
    for pair, found in edges.items():
        if name not in pair:
            continue
        ends = [number[found[:, end]] if pair[end] == name else found[:, end] for end in (0, 1)]
        edges[pair] = np.stack(ends).T if rising else ordered(*ends).T
