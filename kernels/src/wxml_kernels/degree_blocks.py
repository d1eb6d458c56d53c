"""Edges in dense blocks: the nodes of one end of an edge set in the order of their degrees.

The edges at T nodes that have D edges each are an array `[T, D]`. A segment sum or a segment softmax is a plain sum or
softmax over an axis there, and a node's own value is broadcast rather than gathered.
"""

__all__ = ["AttentionEdges", "Block", "DegreeOrder", "blocks_within", "edges_of", "memory_in_order"]

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional

from wxml_kernels.edges import WORKING_SET, EdgeIndex, csr_pointers
from wxml_kernels.memory_pool import empty_rows, is_real


class Block(NamedTuple):
    """Nodes with the same number of edges each, as places in a `DegreeOrder`."""

    nodes: slice
    edges: slice
    degree: int


class DegreeOrder(nn.Module):
    """The nodes by degree and, node by node, the edges at them; buffers that are not saved with the model.

    Args:
        edges: the numbers of the edges, those at the first node first, shape `[edge]`.
        pointers: CSR pointers into `edges`, shape `[node + 1]`.
        others: the other end of each edge by its number, shape `[edge]`.
    """

    nodes: Tensor
    """The number of the node at each place, shape `[node]`."""
    places: Tensor
    """The place of each node, shape `[node]`."""
    edges: Tensor
    """The number of the edge at each place, shape `[edge]`."""
    places_of_edges: Tensor
    """The place of each edge, shape `[edge]`."""
    others: Tensor
    """The node at the other end of the edge at each place, shape `[edge]`, int32: kernels compute with it."""
    spans: Tensor
    """The place of the first edge of each node, and the place behind its last one; shape `[node, 2]`, int32."""

    def __init__(self, edges: NDArray[np.int64], pointers: NDArray[np.int64], others: NDArray[np.int64]) -> None:
        super().__init__()
        degrees = np.diff(pointers)
        nodes = np.argsort(degrees, kind="stable")  # nodes of equal degree keep their order, close to each other
        starts = np.repeat(pointers[:-1][nodes], degrees[nodes])
        before = np.repeat(np.cumsum(degrees[nodes]) - degrees[nodes], degrees[nodes])
        edges = edges[starts + np.arange(len(edges)) - before]
        first = np.empty_like(degrees)
        first[nodes] = np.cumsum(degrees[nodes]) - degrees[nodes]
        for name, index in (
            ("nodes", nodes),
            ("places", np.argsort(nodes)),
            ("edges", edges),
            ("places_of_edges", np.argsort(edges)),
            ("others", others[edges].astype(np.int32)),
            ("spans", np.stack([first, first + degrees], axis=1).astype(np.int32)),
        ):
            self.register_buffer(name, torch.tensor(index), persistent=False)
        values, counts = np.unique(degrees, return_counts=True)
        self._runs = list(zip(values.tolist(), counts.tolist(), strict=True))
        self.isolated = int(np.count_nonzero(degrees == 0))
        """The number of nodes without edges; they have the first places."""

    def blocks(self, most_edges: int) -> list[Block]:
        """All nodes that have edges, in blocks of at most `most_edges` edges or of one node."""
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


class AttentionEdges(EdgeIndex):
    """The edges of a graph for `edge_attention`: an `EdgeIndex` with dense blocks of edges by target and by source.

    >>> edges = AttentionEdges([0, 1, 1], [0, 0, 2], source_count=2, target_count=3)
    >>> edges.by_target.nodes
    tensor([1, 2, 0])
    """

    into_target: Tensor
    """The place in `by_target` of the edge at each place of `by_source`, shape `[edge]`."""

    def __init__(self, source: ArrayLike, target: ArrayLike, source_count: int, target_count: int) -> None:
        super().__init__(source, target, source_count, target_count)
        sources, targets = np.asarray(source, np.int64), np.asarray(target, np.int64)
        transpose, source_pointers = np.argsort(sources, kind="stable"), csr_pointers(sources, source_count)
        self.by_target = DegreeOrder(np.arange(len(sources)), csr_pointers(targets, target_count), sources)
        self.by_source = DegreeOrder(transpose, source_pointers, targets)
        into_target = self.by_target.places_of_edges[self.by_source.edges]
        self.register_buffer("into_target", into_target, persistent=False)

    def arranged(self, features: Tensor) -> Tensor:
        """Features of the edges in the order of `edge_attention`; arrange them once for all layers that read them.

        Args:
            features: shape `[..., edge, feature]` in the order of the edges.

        Returns:
            Shape `[..., edge, padded feature]` in the order of `by_target`. Zeros fill up to a multiple of four
            features, for which small products are twice as fast.
        """
        arranged: Tensor = _Permuted.apply(features, self.by_target.edges, self.by_target.places_of_edges)  # type: ignore[no-untyped-call]
        return functional.pad(arranged, (0, -features.shape[-1] % 4))


class _Permuted(torch.autograd.Function):
    """Rows in another order. The gradient is the inverse permutation; `index_select` would take a sum for it."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        return rows.index_select(-2, order)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return grads[0].index_select(-2, places), None, None


def blocks_within(order: DegreeOrder, bytes_per_edge: int, like: Tensor) -> list[Block]:
    """Blocks whose edges fit the cache.

    For a tensor without values the largest block alone, which takes as much memory as all of them.
    """
    found = order.blocks(max(1, WORKING_SET // bytes_per_edge))
    return found if is_real(like) else sorted(found, key=lambda block: block.edges.start - block.edges.stop)[:1]


def edges_of(block: Block, order: DegreeOrder, features: Tensor) -> tuple[Tensor, Tensor]:
    """The other end of each edge of a block, `[T, D]`, and its features, `[T, D, feature]`."""
    others, a = order.others[block.edges], features[block.edges]
    return others.view(-1, block.degree), a.view(-1, block.degree, a.shape[-1])


def memory_in_order(order: DegreeOrder, like: Tensor) -> Tensor:
    """Memory for a result at each place of an order, `[node, channel]`; zero for nodes without edges."""
    result = empty_rows(len(order.nodes), like.shape[-1], like)
    result[: order.isolated].zero_()
    return result
