"""Products and sums within the heads of attention along edges, on blocks of T targets with D edges each.

H is the number of heads. Values of nodes have the shape `[T, channel]`, the channels of one head after those of the
other.
"""

__all__ = ["HeadProducts", "HeadProjection"]

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from wxml_kernels.degree_blocks import Block

NARROW = 32
"""Channels below which the product of one head with W takes longer than that of several heads together."""


class HeadProducts:
    """Products and sums in each head, of nodes and the rows of a table `[node, channel]` that `others` names.

    A product is a gather, a product in place and a matrix-vector product. A weighted sum is one `embedding_bag`, which
    gathers, weights and sums in one pass: a third of the time of the three.

    Args:
        heads: H.
        blocks: all blocks of edges that `products` will be called for.
        weight: W, `[channel, feature]`; the tables have its channels and its precision.
    """

    def __init__(self, heads: int, blocks: Sequence[Block], weight: Tensor) -> None:
        most = max((block.edges.stop - block.edges.start for block in blocks), default=0)
        self.numbers = torch.arange(heads, dtype=torch.int32, device=weight.device).unsqueeze(1)  # [H, 1]
        self.ones = weight.new_ones(len(weight) // heads)  # [channel of a head]
        self.gathered = weight.new_empty(most, len(weight))  # memory for rows: touched once and then used again

    def products(self, nodes: Tensor, table: Tensor, others: Tensor) -> Tensor:
        """nodes_i · table_j in each head: `[T, channel]` and others `[T, D]` to `[T, D, H]`."""
        rows = self.gathered[: others.numel()]
        torch.index_select(table, 0, others.view(-1), out=rows)  # [T · D, channel]
        rows.view(*others.shape, -1).mul_(nodes.unsqueeze(1))
        return torch.mv(rows.view(-1, len(self.ones)), self.ones).view(*others.shape, len(self.numbers))

    def sums(self, weights: Tensor, table: Tensor, others: Tensor) -> Tensor:
        """Σ_j weights_ij table_j in each head: weights `[T, H, D]` and others `[T, D]` to `[T, channel]`."""
        rows = (others.unsqueeze(1) * len(self.numbers) + self.numbers).view(-1)  # row j H + h of [node · H, …]
        bags = torch.arange(0, len(rows) + 1, others.shape[1], dtype=rows.dtype, device=rows.device)
        table, flat = table.view(-1, len(self.ones)), weights.view(-1)
        sums = functional.embedding_bag(
            rows, table, bags, mode="sum", per_sample_weights=flat, include_last_offset=True
        )
        return sums.view(len(others), -1)


class HeadProjection(NamedTuple):
    """W between channels and features, head by head, as products of `[T, channel]` and `[T, H, feature]`.

    If one head is so narrow that its product would take longer, neighbouring heads are taken together, with their
    blocks of W along the diagonal of a matrix.
    """

    groups: tuple[Tensor, ...]
    """Shape `[channels of a group, heads of a group · feature]` each."""
    features: int

    @classmethod
    def of(cls, heads: int, weight: Tensor, features: int) -> Self:
        """Make it from W, `[channel, feature]`, filled up with zeros to `features` columns."""
        width = len(weight) // heads
        together = next(n for n in range(1, heads + 1) if heads % n == 0 and (n * width >= NARROW or n == heads))
        blocks = functional.pad(weight, (0, features - weight.shape[1])).chunk(heads)
        groups = (torch.block_diag(*blocks[i : i + together]) for i in range(0, heads, together))  # type: ignore[no-untyped-call]
        return cls(tuple(groups), features)

    def project(self, nodes: Tensor) -> Tensor:
        """Wᵀ nodes_i in each head, `[T, H, feature]`."""
        out = nodes.new_empty(len(nodes), len(self.groups) * self.groups[0].shape[1])
        for here, group, there in self._parts(nodes, out):
            torch.mm(here, group, out=there)
        return out.view(len(nodes), -1, self.features)

    def add_to(self, nodes: Tensor, sums: Tensor) -> Tensor:
        """nodes_i + W sums_i, in place, with nodes `[T, channel]` and sums `[T, H, feature]`."""
        for here, group, there in self._parts(nodes, sums.flatten(1)):
            here.addmm_(there, group.t())
        return nodes

    def add_outer(self, nodes: Tensor, sums: Tensor) -> None:
        """W + Σ_i nodes_i ⊗ sums_i, in place, with sums `[T, H, feature]`: a gradient is summed up in this way."""
        for here, group, there in self._parts(nodes, sums.flatten(1)):
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
