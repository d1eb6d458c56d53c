"""A matrix between features of edges and channels, of which each head reads its own rows."""

__all__ = ["HeadProjection"]

from collections.abc import Iterator
from typing import NamedTuple, Self

import torch
from torch import Tensor

NARROW = 32
"""Channels below which the product of one head with W takes longer than that of several together."""


class HeadProjection(NamedTuple):
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
