"""The nodes of one end of an edge set in the order of their degrees, so that the edges fall into dense blocks.

The edges at T nodes that have D edges each are an array `[T, D]`: what is a segment sum or a segment softmax on edges
of any kind is a plain sum or softmax over an axis there, and a node's own value is broadcast rather than gathered.
"""

__all__ = ["Block", "DegreeOrder"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from wxml_kernels.edges import index_tensor


class Block(NamedTuple):
    """Some nodes with the same number of edges each, as places in a `DegreeOrder`."""

    nodes: slice
    edges: slice
    degree: int


class DegreeOrder(nn.Module):
    """An order of nodes by degree and, node by node, of the edges at them. Buffers, not saved with the model."""

    nodes: Tensor
    """The number of the node at each place, shape `[node]`."""
    places: Tensor
    """The place of each node, shape `[node]`."""
    edges: Tensor
    """The number of the edge at each place, shape `[edge]`."""
    places_of_edges: Tensor
    """The place of each edge, shape `[edge]`."""
    others: Tensor
    """The node at the other end of that edge, shape `[edge]`, int32: kernels compute with it."""

    def __init__(self, edges: NDArray[np.int64], pointers: NDArray[np.int64], others: NDArray[np.int64]) -> None:
        """An order.

        Args:
            edges: the numbers of the edges, those at the first node first, shape `[edge]`.
            pointers: CSR pointers into `edges`, shape `[node + 1]`.
            others: the other end of each edge by its number, shape `[edge]`.
        """
        super().__init__()
        degrees = np.diff(pointers)
        nodes = np.argsort(degrees, kind="stable")  # equal degrees stay in the order of the mesh, close to each other
        starts = np.repeat(pointers[:-1][nodes], degrees[nodes])
        before = np.repeat(np.cumsum(degrees[nodes]) - degrees[nodes], degrees[nodes])
        edges = edges[starts + np.arange(len(edges)) - before]
        self.register_buffer("nodes", index_tensor(nodes), persistent=False)
        self.register_buffer("places", index_tensor(np.argsort(nodes)), persistent=False)
        self.register_buffer("edges", index_tensor(edges), persistent=False)
        self.register_buffer("places_of_edges", index_tensor(np.argsort(edges)), persistent=False)
        self.register_buffer("others", index_tensor(others[edges]).int(), persistent=False)
        values, counts = np.unique(degrees, return_counts=True)
        self._runs = list(zip(values.tolist(), counts.tolist(), strict=True))
        self.isolated = int(np.count_nonzero(degrees == 0))
        """How many nodes have no edges; they have the first places."""

    def blocks(self, most_edges: int) -> list[Block]:
        """All nodes that have edges, in blocks of so many edges or of one node."""
        found: list[Block] = []
        node, edge = self.isolated, 0
        for degree, count in self._runs:
            if not degree:
                continue
            step = max(1, most_edges // degree)
            for first in range(0, count, step):
                here = min(step, count - first)
                places = slice(node + first, node + first + here)
                found.append(Block(places, slice(edge + first * degree, edge + (first + here) * degree), degree))
            node, edge = node + count, edge + count * degree
        return found
