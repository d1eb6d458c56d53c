"""The arithmetic of edge attention on blocks of T targets with D edges each, forward and backward.

The formulas and what the letters mean: `wxml.model.edge_attention`. Weights of edges, be they α or gradients of logits,
have the shape `[T, D, H]` with H heads; of nodes, `[T, channel]`.
"""

__all__ = ["AttentionBlocks", "AttentionEdges", "Heads", "by_head"]

from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wxml.graph import EdgeSet
from wxml.model.degree_order import Block, DegreeOrder
from wxml.model.edges import WORKING_SET, EdgeIndex
from wxml.model.reused_memory import is_real

NARROW = 32
"""Channels below which the product of one head with W takes longer than that of several together."""


class AttentionEdges(EdgeIndex):
    """The indices of an edge set, and its nodes in the order of their degrees for the forward and the backward pass."""

    into_target: Tensor
    """Where the edge at each place of `by_source` is in `by_target`, shape `[edge]`."""

    def __init__(self, edges: EdgeSet) -> None:
        super().__init__(edges)
        self.by_target = DegreeOrder(np.arange(len(edges)), edges.pointers, edges.source)
        self.by_source = DegreeOrder(edges.transpose, edges.source_pointers, edges.target)
        into_target = self.by_target.places_of_edges[self.by_source.edges]
        self.register_buffer("into_target", into_target, persistent=False)


def by_head(weights: Tensor) -> Tensor:
    """`[T, D, H]` as `[T, H, D]`, so that the weights of a sum lie one after the other."""
    return weights.transpose(1, 2).contiguous()


class Heads(NamedTuple):
    """Products and sums within heads. Tables are `[node, channel]`, others the row of a table for each edge, `[T, D]`.

    A product of nodes with their others is a gather, a product in place and a matrix-vector product. A weighted sum is
    one `embedding_bag`, which gathers, weights and sums in one pass: a third of the time of the three.
    """

    numbers: Tensor
    """0 … H-1, shape `[H, 1]`, int32."""
    ones: Tensor
    """Shape `[channel of a head]`."""
    room: Tensor
    """For what is gathered, `[edges of a block, channel]`: memory that is touched already."""

    @classmethod
    def of(cls, count: int, edges: int, weight: Tensor) -> Self:
        """For H heads, blocks of at most so many edges, and channels and precision of W."""
        numbers = torch.arange(count, dtype=torch.int32, device=weight.device).unsqueeze(1)
        return cls(numbers, weight.new_ones(len(weight) // count), weight.new_empty(edges, len(weight)))

    def products(self, nodes: Tensor, table: Tensor, others: Tensor) -> Tensor:
        """nodes_i · table_j in each head, `[T, D, H]`."""
        rows = self.room[: others.numel()]
        torch.index_select(table, 0, others.view(-1), out=rows)
        rows.view(*others.shape, -1).mul_(nodes.unsqueeze(1))
        return torch.mv(rows.view(-1, len(self.ones)), self.ones).view(*others.shape, len(self.numbers))

    def sums(self, weights: Tensor, table: Tensor, others: Tensor) -> Tensor:
        """Σ_j weights_ij table_j in each head, `[T, channel]`, with weights `[T, H, D]`."""
        rows = (others.unsqueeze(1) * len(self.numbers) + self.numbers).view(-1)
        bags = torch.arange(0, len(rows) + 1, others.shape[1], dtype=rows.dtype, device=rows.device)
        table, flat = table.view(-1, len(self.ones)), weights.view(-1)
        sums = functional.embedding_bag(
            rows, table, bags, mode="sum", per_sample_weights=flat, include_last_offset=True
        )
        return sums.view(len(others), -1)


class Projection(NamedTuple):
    """W between channels and features, head by head, as products of `[T, channel]` and `[T, H · feature]`.

    Neighbouring heads are taken together, their blocks of W along the diagonal of a matrix, where a head alone is so
    narrow that its product would take longer.
    """

    groups: tuple[Tensor, ...]
    """Shape `[channels of a group, heads of a group · feature]` each."""

    @classmethod
    def of(cls, heads: int, weight: Tensor) -> Self:
        """Of W, `[channel, feature]`."""
        width = len(weight) // heads
        together = next(n for n in range(1, heads + 1) if heads % n == 0 and (n * width >= NARROW or n == heads))
        blocks = weight.chunk(heads)
        return cls(tuple(torch.block_diag(*blocks[i : i + together]) for i in range(0, heads, together)))

    def project(self, nodes: Tensor) -> Tensor:
        """Wᵀ nodes_i, `[T, H · feature]`."""
        inputs, outputs = self.groups[0].shape
        out = nodes.new_empty(len(nodes), outputs * len(self.groups))
        for part, group, to in zip(nodes.split(inputs, 1), self.groups, out.split(outputs, 1), strict=True):
            torch.mm(part, group, out=to)
        return out

    def add_to(self, nodes: Tensor, sums: Tensor) -> Tensor:
        """nodes_i + W sums_i, in place, with nodes `[T, channel]` and sums `[T, H · feature]`."""
        inputs, outputs = self.groups[0].shape
        for to, group, part in zip(nodes.split(inputs, 1), self.groups, sums.split(outputs, 1), strict=True):
            to.addmm_(part, group.t())
        return nodes

    def add_outer(self, nodes: Tensor, sums: Tensor) -> None:
        """self + Σ_i nodes_i ⊗ sums_i, in place: the gradient of W."""
        inputs, outputs = self.groups[0].shape
        for part, group, other in zip(nodes.split(inputs, 1), self.groups, sums.split(outputs, 1), strict=True):
            group.addmm_(part.t(), other)

    def weight(self, heads: int, features: int) -> Tensor:
        """W, `[channel, feature]`, from the diagonals."""
        together = heads // len(self.groups)
        blocks = [group.unflatten(0, (together, -1)).unflatten(2, (together, -1)) for group in self.groups]
        return torch.cat([block[i, :, i, :features] for block in blocks for i in range(together)])


class AttentionBlocks(NamedTuple):
    """Attention of one item of the batch."""

    edges: AttentionEdges
    heads: Heads
    projection: Projection
    features: Tensor
    """a, at each place of `edges.by_target`, `[edge, feature]`. Padded to a multiple of four features, for which small
    products are twice as fast."""
    scale: float
    """1 / √d."""

    @classmethod
    def of(cls, edges: AttentionEdges, count: int, weight: Tensor, features: Tensor) -> Self:
        """For H heads, W as `[channel, feature]` and a as `[edge, feature]` in the order of the edges."""
        padding = (0, -weight.shape[1] % 4)
        features = functional.pad(features.index_select(0, edges.by_target.edges), padding)
        projection = Projection.of(count, functional.pad(weight, padding))
        most = max((block.edges.stop - block.edges.start for block in _blocks(edges.by_target, weight)), default=0)
        return cls(edges, Heads.of(count, most, weight), projection, features, (len(weight) // count) ** -0.5)

    def blocks(self, order: DegreeOrder) -> list[Block]:
        """The blocks of an order."""
        return _blocks(order, self.heads.room.t())

    def others(self, block: Block) -> Tensor:
        """The source of each edge, `[T, D]`."""
        return self.edges.by_target.others[block.edges].view(-1, block.degree)

    def features_of(self, block: Block) -> Tensor:
        """a, `[T, D, feature]`."""
        return self.features[block.edges].view(-1, block.degree, self.features.shape[-1])

    def projected(self, nodes: Tensor) -> Tensor:
        """Wᵀ nodes_i in each head, `[T, H, feature]`."""
        return self.projection.project(nodes).view(len(nodes), len(self.heads.numbers), -1)

    def products(self, block: Block, nodes: Tensor, table: Tensor) -> Tensor:
        """nodes_i · (table_j + e_ij), `[T, D, H]`."""
        products = self.heads.products(nodes, table, self.others(block))
        return products.baddbmm_(self.features_of(block), self.projected(nodes).transpose(1, 2))

    def sums(self, block: Block, weights: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
        """Σ_j weights_ij (table_j + e_ij), `[T, channel]`, and Σ_j weights_ij a_ij, `[T, H · feature]`."""
        ordered = by_head(weights)
        sums, of_features = self.heads.sums(ordered, table, self.others(block)), self.feature_sums(block, ordered)
        return self.projection.add_to(sums, of_features), of_features

    def feature_sums(self, block: Block, weights: Tensor) -> Tensor:
        """Σ_j weights_ij a_ij, `[T, H · feature]`, with weights `[T, H, D]`."""
        return torch.bmm(weights, self.features_of(block)).flatten(1)


def _blocks(order: DegreeOrder, values: Tensor) -> list[Block]:
    """With `[edge, channel]` of a block in the cache. Where tensors have no values, the largest one: as much memory."""
    found = order.blocks(max(1, WORKING_SET // (2 * len(values) * values.itemsize)))
    return found if is_real(values) else sorted(found, key=lambda block: block.edges.start - block.edges.stop)[:1]
