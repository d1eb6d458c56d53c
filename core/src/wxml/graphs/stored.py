"""Makes a graph from the arrays of a file, each of which is checked first."""

__all__ = ["stored_graph"]

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.errors import ContractError
from wxml.files.failures import damaged
from wxml.graphs.graph import Graph, needed_edges

NUMBERS = ("iu", 1)
GRAPH = {
    "latitudes": ("f", 1),
    "longitudes": ("f", 1),
    "source": NUMBERS,
    "target": NUMBERS,
    "pointers": NUMBERS,
    "features": ("f", 2),
}
"""The arrays of a graph: the kinds of numbers, and how many axes."""
ATTRIBUTE = re.compile(r"nodes/[^/]+/attributes/[^/]+")


def stored_graph(arrays: Mapping[str, NDArray[Any]], count: int | None, name: str, *, prefix: str = "") -> Graph:
    """Make the graph from arrays that `Graph.to_arrays` or `to_small_arrays` gave once.

    Args:
        arrays: the arrays of a file, by name.
        count: how many nodes the grid has; None: any number.
        name: the name of the file in messages.
        prefix: what the names of the graph's arrays begin with, such as `graph/`; other arrays are left out.

    Raises:
        ArtefactError: an array is missing, has another type or shape, or a value that none can have; a node number is
            that of no node; or the graph is not one of a grid of `count` nodes.
    """
    inner = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
    for key, array in inner.items():
        if ATTRIBUTE.fullmatch(key):
            continue  # the node set says what fits it
        kinds, axes = GRAPH.get(key.rpartition("/")[2], ("", 0))
        found = f"it must be {'integers' if 'i' in kinds else 'numbers'} with {axes} axes, got {array.dtype}"
        is_right = array.dtype.kind in kinds and array.ndim == axes
        _require(is_right, f"{prefix}{key}", f"{found} of shape {list(array.shape)}", name)
        _require(bool(np.isfinite(array).all()), f"{prefix}{key}", "a value is not finite", name)
    try:
        graph = Graph.from_arrays(inner)
    except (ContractError, KeyError, IndexError, ValueError, TypeError) as error:
        reason = error.message if isinstance(error, ContractError) else f"{error}"
        raise damaged(f"the graph of `{name}`", reason) from error
    _check_sizes(graph, count, name, prefix)
    return graph


def _check_sizes(graph: Graph, count: int | None, name: str, prefix: str) -> None:
    """Check that the arrays of each node set and edge set have one length, and that the grid has `count` nodes."""
    for nodes in graph.nodes.values():
        same = len(nodes.latitudes) == len(nodes.longitudes)
        _require(same, f"{prefix}nodes", "a node set has more latitudes than longitudes, or fewer", name)
    for edges in graph.edges.values():
        same = len(edges.source) == len(edges.target) == len(edges.features)
        _require(same, f"{prefix}edges", "an edge set has more sources than targets or features, or fewer", name)
    _require(bool(graph.data), f"{prefix}nodes", "there are no nodes `grid` or `data:…`", name)
    missing = [f"{source} → {target}" for source, target in needed_edges(graph) if (source, target) not in graph.edges]
    _require(not missing, f"{prefix}edges", f"there are no edges {', '.join(missing)}", name)
    found = sum(len(graph.nodes[data]) for data in graph.data)
    where = " and ".join(f"{prefix}nodes/{data}" for data in graph.data)
    _require(count in (None, found), where, f"it has {found} nodes, and the grid has {count}", name)


def _require(is_right: bool, key: str, reason: str, name: str) -> None:
    if not is_right:
        raise damaged(f"tensor `{key}` of `{name}`", reason)
