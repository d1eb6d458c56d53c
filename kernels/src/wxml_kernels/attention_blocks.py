"""The arithmetic of edge attention on blocks of T targets with D edges each, forward and backward.

The formulas and what the letters mean: `wxml_kernels.edge_attention`. Weights of edges, be they α or gradients of
logits, have the shape `[T, D, H]` with H heads; of nodes, `[T, channel]`.
"""

__all__ = ["AttentionBlocks", "Heads", "by_head"]

from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from wxml_kernels.attention_edges import AttentionEdges
from wxml_kernels.degree_order import Block, DegreeOrder
from wxml_kernels.edges import WORKING_SET
from wxml_kernels.head_projection import HeadProjection
from wxml_kernels.reused_memory import is_real


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


class AttentionBlocks(NamedTuple):
    """Attention of one item of the batch."""

    edges: AttentionEdges
    heads: Heads
    projection: HeadProjection
    features: Tensor
    """a, as `AttentionEdges.arranged` gives them, `[edge, feature]`."""
    scale: float
    """1 / √d."""

    @classmethod
    def of(cls, edges: AttentionEdges, count: int, weight: Tensor, features: Tensor) -> Self:
        """For H heads and W as `[channel, feature]` of the features that are padded or of the others alone."""
        projection = HeadProjection.of(count, functional.pad(weight, (0, features.shape[1] - weight.shape[1])))
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
    found = order.blocks(max(1, WORKING_SET // (len(values) * values.itemsize)))
    return found if is_real(values) else sorted(found, key=lambda block: block.edges.start - block.edges.stop)[:1]
