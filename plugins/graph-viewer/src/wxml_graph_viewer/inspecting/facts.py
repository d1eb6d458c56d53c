"""What a graph is: facts as JSON values."""

__all__ = ["Facts", "describe"]

from typing import Any

import numpy as np
from wxml import EdgeSet, Graph, NodeSet
from wxml.data.sphere import spans_globe

from wxml_graph_viewer.inspecting.measures import degrees, edge_lengths, nearest_distances, spread
from wxml_graph_viewer.inspecting.warnings import Suspect, warnings_of
from wxml_graph_viewer.opening import Opened

Facts = dict[str, Any]
PARTS = ("source", "target", "features", "pointers", "transpose", "source_pointers")


def describe(opened: Opened) -> Facts:
    """The facts of a graph: `nodes` and `edges` by name, `memory` in bytes, and `warnings`."""
    graph = opened.graph
    distances = {name: nearest_distances(nodes) for name, nodes in graph.nodes.items()}
    lengths = {pair: edge_lengths(graph, *pair) for pair in graph.edges}
    return {
        "path": str(opened.path),
        "identity": graph.identity,
        "made_of": dict(opened.record) if opened.record.get("artefact") == "graph" else {},
        "nodes": {name: _nodes(graph, name) | {"spacing_km": spread(distances[name])} for name in graph.nodes},
        "edges": {
            " → ".join(pair): _edges(edges) | {"length_km": spread(lengths[pair])}
            for pair, edges in graph.edges.items()
        },
        "memory": sum(map(_node_bytes, graph.nodes.values())) + sum(map(_edge_bytes, graph.edges.values())),
        "warnings": warnings_of(Suspect(graph, distances, lengths)),
    }


def _nodes(graph: Graph, name: str) -> Facts:
    nodes = graph.nodes[name]
    alone = np.ones(len(nodes), bool)
    for (source, target), edges in graph.edges.items():
        out, into = degrees(edges)
        alone &= (out == 0) if source == name else True
        alone &= (into == 0) if target == name else True
    west, east = _span(nodes)
    return {
        "count": len(nodes),
        "is_global": spans_globe(nodes.latitudes, nodes.longitudes),
        "south": float(nodes.latitudes.min()) if len(nodes) else None,
        "north": float(nodes.latitudes.max()) if len(nodes) else None,
        "west": west,
        "east": east,
        "isolated": int(alone.sum()),
        "attributes": {key: _attribute(values) for key, values in nodes.attributes.items()},
        "memory": _node_bytes(nodes),
    }


def _span(nodes: NodeSet) -> tuple[float | None, float | None]:
    """West and east end: the circle without its widest gap between two neighbouring longitudes."""
    if not len(nodes):
        return None, None
    around = np.unique(nodes.longitudes % 360)
    gaps = np.diff(around, append=around[0] + 360)
    widest = int(np.argmax(gaps))
    west, east = float(around[(widest + 1) % len(around)]), float(around[widest])
    return (west + 180) % 360 - 180, (east + 180) % 360 - 180


def _attribute(values: np.ndarray[Any, Any]) -> Facts:
    numbers = values.astype(np.float64)
    return {"shape": list(values.shape), "type": str(values.dtype), **spread(numbers), "sum": float(numbers.sum())}


def _edges(edges: EdgeSet) -> Facts:
    out, into = degrees(edges)
    return {
        "count": len(edges),
        "features": edges.features.shape[1],
        "edges_out": spread(out),
        "edges_in": spread(into),
        "unread": int(np.sum(out == 0)),
        "unreached": int(np.sum(into == 0)),
        "memory": _edge_bytes(edges),
    }


def _node_bytes(nodes: NodeSet) -> int:
    return sum(array.nbytes for array in (nodes.latitudes, nodes.longitudes, *nodes.attributes.values()))


def _edge_bytes(edges: EdgeSet) -> int:
    return sum(getattr(edges, part).nbytes for part in PARTS)
