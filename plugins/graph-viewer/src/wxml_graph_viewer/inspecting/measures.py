"""Spacings, degrees, lengths and pieces of node sets and edge sets."""

__all__ = ["EARTH", "crossings", "degrees", "edge_lengths", "nearest_distances", "pieces", "same_places", "spread"]

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from wxml import EdgeSet, Graph, NodeSet
from wxml.data.sphere import angular_distance

EARTH: Final = 6371.0
"""The radius of the sphere in km."""
SAME: Final = 1e-8
"""Radians, 6 cm: nodes that are nearer are at one place."""


def nearest_distances(nodes: NodeSet) -> NDArray[np.float64]:
    """The distance of each node to the nearest other one in km, shape `[node]`; empty for fewer than two nodes."""
    from scipy.spatial import cKDTree

    if len(nodes) < 2:
        return np.zeros(0)
    chords = np.asarray(cKDTree(nodes.points).query(nodes.points, k=2)[0])[:, 1]
    return np.asarray(EARTH * 2 * np.arcsin(np.clip(chords / 2, 0, 1)))


def same_places(distances: NDArray[np.float64]) -> NDArray[np.int64]:
    """The numbers of the nodes that have another one at their place, from `nearest_distances`."""
    return np.flatnonzero(distances < SAME * EARTH)


def edge_lengths(graph: Graph, source: str, target: str) -> NDArray[np.float64]:
    """The great-circle lengths of the edges of a pair in km, shape `[edge]`."""
    edges = graph.edges[source, target]
    there, here = graph.nodes[source].points[edges.source], graph.nodes[target].points[edges.target]
    return EARTH * angular_distance(there, here)


def degrees(edges: EdgeSet) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many edges leave each source node, and how many reach each target node."""
    return np.diff(edges.source_pointers), np.diff(edges.pointers)


def pieces(edges: EdgeSet) -> int:
    """Into how many pieces the edges among one node set leave its nodes; 1: each can be reached from each."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(edges), np.int8)
    matrix = coo_array((ones, (edges.source, edges.target)), shape=(edges.source_count, edges.target_count))
    count, _ = connected_components(matrix, directed=False)
    return int(count)


def crossings(graph: Graph, source: str, target: str, meridians: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many edges of a pair cross each of some meridians (degrees east), shape `[meridian]`.

    An edge that ends on a meridian crosses it if the rest of it lies to the west.
    """
    edges = graph.edges[source, target]
    start, end = graph.nodes[source].longitudes[edges.source], graph.nodes[target].longitudes[edges.target]
    counts = np.zeros(len(meridians), np.int64)
    for number, meridian in enumerate(meridians):
        first, last = ((values - meridian + 180) % 360 - 180 for values in (start, end))
        near = np.abs(first - last) < 180  # else it crosses the meridian on the other side of the sphere
        counts[number] = np.count_nonzero(near & ((first < 0) != (last < 0)))
    return counts


def spread(values: NDArray[Any]) -> dict[str, float]:
    """The least, the median and the greatest value; nothing for no values."""
    if not values.size:
        return {}
    return {"min": float(values.min()), "median": float(np.median(values)), "max": float(values.max())}
