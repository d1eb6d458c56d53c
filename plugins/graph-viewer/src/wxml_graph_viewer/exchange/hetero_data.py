"""Graphs as `HeteroData` of PyTorch Geometric, in the layout of anemoi-graphs, and back.

A file that `torch.save` writes of a `HeteroData` is a pickle, which only code can read, so wxml neither writes nor
reads one. On disk a graph is a safetensors file (`wxml graph build`, `wxml.graphs.files`), which holds numbers alone.
"""

__all__ = ["from_hetero_data", "to_hetero_data"]

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from wxml import EdgeSet, Graph, NodeSet
from wxml.data.sphere import wrapped
from wxml.errors import DataError

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

PLACES: Final = "x"
INDEX: Final = "edge_index"
FEATURES: Final = "edge_attr"
RELATION: Final = "to"


def to_hetero_data(graph: Graph) -> "HeteroData":
    """Give a graph as `HeteroData`.

    `data[name].x` holds latitudes and longitudes in radians, float64, shape `[node, 2]`; every attribute of the nodes
    has its own name. `data[source, "to", target]` has `edge_index`, shape `[2, edge]`, and `edge_attr`, shape
    `[edge, feature]`, sorted by target and then by source.
    """
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    for name, nodes in graph.nodes.items():
        places = np.radians(np.stack([nodes.latitudes, nodes.longitudes], axis=1))
        data[name][PLACES] = torch.from_numpy(places)
        for key, values in nodes.attributes.items():
            data[name][key] = torch.from_numpy(np.array(values))
    for (source, target), edges in graph.edges.items():
        store = data[source, RELATION, target]
        store[INDEX] = torch.from_numpy(np.stack([edges.source, edges.target]))
        store[FEATURES] = torch.from_numpy(np.array(edges.features))
    return data


def from_hetero_data(data: "HeteroData") -> Graph:
    """Make a graph of `HeteroData`, as `to_hetero_data` or anemoi-graphs made it.

    Edges may be in any order. Without `edge_attr` their features are those of `EdgeSet.between`. Of the other values of
    nodes those are taken as attributes that are one number, or a row of numbers, for each node.

    Raises:
        DataError: nodes lack `x`, edges lack `edge_index`, or they have other shapes.
        ContractError: a number of a node is that of no node.
    """
    nodes = {str(name): _nodes(str(name), data[name]) for name in data.node_types}
    edges = {}
    for source, relation, target in data.edge_types:
        if (source, target) in edges:
            raise DataError(
                f"two relations join `{source}` to `{target}`, the second is `{relation}`",
                fix="unite the edges in one relation, or give their nodes other names",
            )
        store = data[source, relation, target]
        edges[source, target] = _edges(f"{source} → {target}", store, nodes[source], nodes[target])
    return Graph(nodes, edges)


def _nodes(name: str, store: Any) -> NodeSet:
    if PLACES not in store or store[PLACES].ndim != 2 or store[PLACES].shape[1] != 2:
        found = list(store[PLACES].shape) if PLACES in store else "none"
        raise DataError(
            f"nodes `{name}` need `x`, latitudes and longitudes in radians of shape [node, 2], got {found}",
            fix="set data[name].x before",
        )
    north, east = np.degrees(_array(store[PLACES]).astype(np.float64)).T
    others = {key: _array(value) for key, value in store.items() if key != PLACES and hasattr(value, "detach")}
    kept = {
        key: values
        for key, values in others.items()
        if values.dtype.kind in "fiub" and values.ndim in (1, 2) and len(values) == len(north)
    }
    flat = {key: values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values for key, values in kept.items()}
    return NodeSet(np.ascontiguousarray(north), wrapped(east), flat)


def _edges(name: str, store: Any, source: NodeSet, target: NodeSet) -> EdgeSet:
    if INDEX not in store or store[INDEX].ndim != 2 or len(store[INDEX]) != 2:
        found = list(store[INDEX].shape) if INDEX in store else "none"
        raise DataError(
            f"edges {name} need `edge_index` of shape [2, edge], got {found}", fix="set it in the data before"
        )
    start, end = _array(store[INDEX]).astype(np.int64)
    if FEATURES not in store:
        return EdgeSet.between(source, target, start, end)
    features = _array(store[FEATURES]).astype(np.float32)
    if features.ndim != 2 or len(features) != len(start):
        raise DataError(
            f"edges {name} need `edge_attr` of shape [{len(start)}, feature], got {list(features.shape)}",
            fix="give one row for each edge, or leave it out",
        )
    order = np.lexsort((start, end))
    return EdgeSet(start[order], end[order], len(source), len(target), np.ascontiguousarray(features[order]))


def _array(tensor: Any) -> NDArray[Any]:
    values: NDArray[Any] = tensor.detach().cpu().numpy()
    return values
