"""Products and sums within the heads of attention along edges, on blocks of T targets with D edges each.

H is the number of heads. Weights of edges, be they α or gradients of logits, have the shape `[T, D, H]`. Values of
nodes have the shape `[T, channel]`, the channels of one head after those of the other.
"""

__all__ = ["HeadProducts", "HeadProjection", "by_head"]

from collections.abc import Iterator
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

NARROW = 32
"""Channels below which the product of one head with W takes longer than that of several heads together."""


def by_head(weights: Tensor) -> Tensor:
    """`[T, D, H]` as `[T, H, D]`, so that the weights of a sum lie one after the other."""
    return weights.transpose(1, 2).contiguous()


class HeadProducts(NamedTuple):
    """Products and sums within heads, of nodes and the rows of a table `[node, channel]` that `others` names.

    A product is a gather, a product in place and a matrix-vector product. A weighted sum is one `embedding_bag`, which
    gathers, weights and sums in one pass: a third of the time of the three.
    """

    numbers: Tensor
    """0 … H-1, shape `[H, 1]`, int32."""
    ones: Tensor
    """Shape `[channel of a head]`."""
    gathered: Tensor
    """Memory for gathered rows, `[edges of a block, channel]`: touched once and then used again."""

    @classmethod
    def of(cls, heads: int, edges: int, weight: Tensor) -> Self:
        """For `heads` heads, blocks of at most `edges` edges, and the channels and precision of W."""
        numbers = torch.arange(heads, dtype=torch.int32, device=weight.device).unsqueeze(1)
        return cls(numbers, weight.new_ones(len(weight) // heads), weight.new_empty(edges, len(weight)))

    def products(self, nodes: Tensor, table: Tensor, others: Tensor) -> Tensor:
        """nodes_i · table_j in each head: `[T, channel]` and others `[T, D]` to `[T, D, H]`."""
        rows = self.gathered[: others.numel()]
        torch.index_select(table, 0, others.view(-1), out=rows)
        rows.view(*others.shape, -1).mul_(nodes.unsqueeze(1))
        return torch.mv(rows.view(-1, len(self.ones)), self.ones).view(*others.shape, len(self.numbers))

    def sums(self, weights: Tensor, table: Tensor, others: Tensor) -> Tensor:
        """Σ_j weights_ij table_j in each head: weights `[T, H, D]` and others `[T, D]` to `[T, channel]`."""
        rows = (others.unsqueeze(1) * len(self.numbers) + self.numbers).view(-1)
        bags = torch.arange(0, len(rows) + 1, others.shape[1], dtype=rows.dtype, device=rows.device)
        table, flat = table.view(-1, len(self.ones)), weights.view(-1)
        sums = functional.embedding_bag(
            rows, table, bags, mode="sum", per_sample_weights=flat, include_last_offset=True
        )
        return sums.view(len(others), -1)


class HeadProjection(NamedTuple):
    """W between channels and features, head by head, as products of `[T, channel]` and `[T, H · feature]`.

    Where one head is so narrow that its product would take longer, neighbouring heads are taken together, with their
    blocks of W along the diagonal of a matrix.
    """

    groups: tuple[Tensor, ...]
    """Shape `[channels of a group, heads of a group · feature]` each."""

    @classmethod
    def of(cls, heads: int, weight: Tensor) -> Self:
        """Of W, `[channel, feature]`."""
        width = len(weight) // heads
        together = next(n for n in range(1, heads + 1) if heads % n == 0 and (n * width >= NARROW or n == heads))
        blocks = weight.chunk(heads)
        return cls(tuple(torch.block_diag(*blocks[i : i + together]) for i in range(0, heads, together)))  # type: ignore[no-untyped-call]

    def project(self, nodes: Tensor) -> Tensor:
        """Wᵀ nodes_i, `[T, H · feature]`."""
        out = nodes.new_empty(len(nodes), len(self.groups) * self.groups[0].shape[1])
        for here, group, there in self._parts(nodes, out):
            torch.mm(here, group, out=there)
        return out

    def add_to(self, nodes: Tensor, sums: Tensor) -> Tensor:
        """nodes_i + W sums_i, in place, with nodes `[T, channel]` and sums `[T, H · feature]`."""
        for here, group, there in self._parts(nodes, sums):
            here.addmm_(there, group.t())
        return nodes

    def add_outer(self, nodes: Tensor, sums: Tensor) -> None:
        """W + Σ_i nodes_i ⊗ sums_i, in place; so a gradient is summed up."""
        for here, group, there in self._parts(nodes, sums):
            group.addmm_(here.t(), there)

    def _parts(self, nodes: Tensor, features: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Group by group: its columns of nodes `[T, channel]`, its matrix, its columns of `[T, H · feature]`."""
        channels, columns = self.groups[0].shape
        return zip(torch.split(nodes, channels, 1), self.groups, torch.split(features, columns, 1), strict=True)

    def weight(self, heads: int, features: int) -> Tensor:
        """W, `[channel, feature]`, from the diagonals."""
        together = heads // len(self.groups)
        channels, columns = (size // together for size in self.groups[0].shape)
        blocks = [group.view(together, channels, together, columns) for group in self.groups]
        return torch.cat([block[i, :, i, :features] for block in blocks for i in range(together)])
