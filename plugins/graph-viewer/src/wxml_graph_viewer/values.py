"""What the nodes of a graph can be coloured by: how many edges they have, and their attributes."""

__all__ = ["node_values"]

from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import Graph

from wxml_graph_viewer.inspecting.measures import degrees


def node_values(graph: Graph, name: str) -> dict[str, NDArray[Any]]:
    """The values of a node set by name, each of shape `[node]`.

    `edges in` and `edges out` count those of all edge sets; an attribute with several columns gives one value for each.
    """
    nodes = graph.nodes[name]
    out, into = np.zeros(len(nodes), np.int64), np.zeros(len(nodes), np.int64)
    for (source, target), edges in graph.edges.items():
        leaving, arriving = degrees(edges)
        out += leaving if source == name else 0
        into += arriving if target == name else 0
    found: dict[str, NDArray[Any]] = {"edges in": into, "edges out": out}
    for label, values in nodes.attributes.items():
        columns = {label: values} if values.ndim == 1 else {f"{label} {n}": one for n, one in enumerate(values.T)}
        found |= columns
    return found
