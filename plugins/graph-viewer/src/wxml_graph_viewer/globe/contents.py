"""What the page is told of a graph: JSON values, and the arrays they point to."""

__all__ = ["contents"]

import json
from importlib.resources import files
from typing import Any, Final

import numpy as np
from wxml import Graph

from wxml_graph_viewer.chosen import Chosen, Pair
from wxml_graph_viewer.drawing.palette import palette
from wxml_graph_viewer.drawing.view import View
from wxml_graph_viewer.globe.packed import Packed
from wxml_graph_viewer.globe.thinning import Kept, thinned
from wxml_graph_viewer.inspecting.measures import EARTH, nearest_distances
from wxml_graph_viewer.values import node_values

UNIT: Final = 1e5
"""Places are told in units of 1e-5 degrees, a metre."""
Told = dict[str, Any]


def contents(graph: Graph, chosen: Chosen, view: View) -> tuple[Told, str]:
    """Tell a graph: what the page reads as JSON, and the arrays as base64.

    Args:
        graph: the graph.
        chosen: the sets that are seen when the page is opened; the others can be switched on.
        view: from where the globe is seen at first.
    """
    packed, kept = Packed(), thinned(graph)
    told = {
        "view": {"north": view.north, "east": view.east, "distance": view.distance},
        "palette": palette(),
        "land": json.loads(files("wxml_graph_viewer.bundled").joinpath("land.json").read_text(encoding="utf-8")),
        "nodes": [_nodes(packed, graph, name, kept) | {"visible": name in chosen.nodes} for name in graph.nodes],
        "edges": [_edges(packed, graph, pair, kept) | {"visible": pair in chosen.edges} for pair in graph.edges],
    }
    return told, packed.text()


def _nodes(packed: Packed, graph: Graph, name: str, kept: Kept) -> Told:
    nodes, numbers = graph.nodes[name], kept.nodes[name]
    distances = nearest_distances(nodes)
    spacing = float(np.median(distances)) / EARTH if distances.size else 0.1
    east = (nodes.longitudes[numbers] + 180) % 360 - 180
    return {
        "name": name,
        "count": len(nodes),
        "shown": len(numbers),
        "spacing": spacing * float(np.sqrt(len(nodes) / max(len(numbers), 1))),
        "north": packed.steps(np.rint(nodes.latitudes[numbers] * UNIT).astype(np.int64)),
        "east": packed.steps(np.rint(east * UNIT).astype(np.int64)),
        "numbers": None if len(numbers) == len(nodes) else packed.steps(numbers),
        "values": [
            {"name": label, "array": packed.levels(values[numbers])}
            for label, values in node_values(graph, name).items()
        ],
    }


def _edges(packed: Packed, graph: Graph, pair: Pair, kept: Kept) -> Told:
    edges, numbers, names = graph.edges[pair], kept.edges[pair], list(graph.nodes)
    return {
        "name": " → ".join(pair),
        "count": len(edges),
        "shown": len(numbers),
        "source": names.index(pair[0]),
        "target": names.index(pair[1]),
        "sources": packed.steps(np.searchsorted(kept.nodes[pair[0]], edges.source[numbers])),
        "targets": packed.steps(np.searchsorted(kept.nodes[pair[1]], edges.target[numbers])),
    }
