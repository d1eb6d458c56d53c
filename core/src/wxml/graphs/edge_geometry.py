"""What a model reads of edges: their lengths and directions, reckoned some edges at a time."""

__all__ = ["directions", "edge_features", "lengths", "spread"]

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

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
    features = np.empty((len(source), 3), np.float32)
    ends = _Ends.of(source_nodes, target_nodes, source, target)
    for columns, measure in ((features[:, 0], _lengths), (features[:, 1:], _directions)):
        values = measure(ends)
        deviation = spread(values)
        np.divide(values, deviation if deviation > 1e-12 else 1.0, out=columns, casting="same_kind")
        del values  # before the next ones are made
    return features


def lengths(source_nodes: NodeSet, target_nodes: NodeSet, source: Numbers, target: Numbers) -> Values:
    """The great-circle length of each edge in radians, shape `[edge]`; arguments as of `edge_features`."""
    return _lengths(_Ends.of(source_nodes, target_nodes, source, target))


def directions(source_nodes: NodeSet, target_nodes: NodeSet, source: Numbers, target: Numbers) -> Values:
    """East and north of the direction in which each target sees its source, shape `[edge, 2]`.

    They are unit vectors, and zero where both nodes are at one place; arguments as of `edge_features`.
    """
    return _directions(_Ends.of(source_nodes, target_nodes, source, target))


def spread(values: Values) -> float:
    """The standard deviation of all values, 0 of none: `values.std()` bit for bit, without a copy of them."""
    flat = values.reshape(-1)
    return float(np.sqrt(_squares(flat, flat.mean()) / flat.size)) if flat.size else 0.0


@dataclass(frozen=True, slots=True)
class _Ends:
    """The places of the nodes, and the edges among them."""

    there: Values
    """Unit vectors of the nodes at which edges start."""
    here: Values
    """Unit vectors of the nodes at which they end."""
    longitudes: Values
    """Of the latter, in degrees."""
    source: Numbers
    target: Numbers

    @classmethod
    def of(cls, source_nodes: NodeSet, target_nodes: NodeSet, source: Numbers, target: Numbers) -> Self:
        there = source_nodes.points
        here = there if target_nodes is source_nodes else target_nodes.points
        return cls(there, here, target_nodes.longitudes, source, target)

    def blocks(self) -> Iterator[slice]:
        """Some edges at a time."""
        return (slice(start, start + BLOCK) for start in range(0, len(self.source), BLOCK))


def _lengths(ends: _Ends) -> Values:
    length = np.empty(len(ends.source))
    for some in ends.blocks():
        length[some] = angular_distance(ends.there[ends.source[some]], ends.here[ends.target[some]])
    return length


def _directions(ends: _Ends) -> Values:
    direction = np.empty((len(ends.source), 2))
    for some in ends.blocks():
        target = ends.target[some]
        direction[some] = local_direction(ends.there[ends.source[some]], ends.here[target], ends.longitudes[target])
    return direction


def _squares(values: Values, mean: np.float64) -> np.float64:
    """The sum of (x − mean)², halved down in the way of NumPy's pairwise summation."""
    if len(values) > BLOCK:
        half = len(values) // 2
        half -= half % 8
        return _squares(values[:half], mean) + _squares(values[half:], mean)
    differences = values - mean
    differences *= differences
    return np.float64(differences.sum())
