"""What a model reads of edges: their lengths and directions, reckoned some edges at a time."""

__all__ = ["edge_features", "spread"]

import numpy as np
from numpy.typing import NDArray

from wxml.data.sphere import angular_distance, local_direction
from wxml.graphs.node_set import NodeSet

Numbers = NDArray[np.int64]
Values = NDArray[np.float64]

BLOCK = 1 << 14  # edges, or values, at a time: what lies in between fits into a cache


def edge_features(
    source_nodes: NodeSet, target_nodes: NodeSet, source: Numbers, target: Numbers
) -> NDArray[np.float32]:
    """Length, east and north of edges as `EdgeSet.between` says; shape `[edge, 3]`.

    Args:
        source_nodes: the nodes at which edges start.
        target_nodes: the nodes at which edges end.
        source: the number of the node at which each edge starts, shape `[edge]`.
        target: the number of the node at which each edge ends, shape `[edge]`.
    """
    length, direction = _geometry(source_nodes, target_nodes, source, target)
    features = np.empty((len(source), 3), np.float32)
    for columns, values in ((features[:, :1], length), (features[:, 1:], direction)):
        deviation = spread(values)
        np.divide(values, deviation if deviation > 1e-12 else 1.0, out=columns, casting="same_kind")
    return features


def spread(values: Values) -> float:
    """The standard deviation of all values, 0 of none: `values.std()` bit for bit, without a copy of them."""
    flat = values.reshape(-1)
    return float(np.sqrt(_squares(flat, flat.mean()) / flat.size)) if flat.size else 0.0


def _geometry(source_nodes: NodeSet, target_nodes: NodeSet, source: Numbers, target: Numbers) -> tuple[Values, Values]:
    """The lengths in radians, shape `[edge, 1]`, and the directions (east, north), shape `[edge, 2]`."""
    there, here, longitudes = source_nodes.points, target_nodes.points, target_nodes.longitudes
    length, direction = np.empty((len(source), 1)), np.empty((len(source), 2))
    for start in range(0, len(source), BLOCK):
        some = slice(start, start + BLOCK)
        starts, ends = there[source[some]], here[target[some]]
        length[some, 0] = angular_distance(starts, ends)
        direction[some] = local_direction(starts, ends, longitudes[target[some]])
    return length, direction


def _squares(values: Values, mean: np.float64) -> np.float64:
    """The sum of (x − mean)², halved down in the way of NumPy's pairwise summation."""
    if len(values) > BLOCK:
        half = len(values) // 2
        half -= half % 8
        return _squares(values[:half], mean) + _squares(values[half:], mean)
    differences = values - mean
    differences *= differences
    return np.float64(differences.sum())
