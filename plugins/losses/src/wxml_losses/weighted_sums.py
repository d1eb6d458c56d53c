"""Weighted sums over neighbours, in memory of the size of the nodes."""

__all__ = ["WeightedSums"]

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from wxml_kernels import EdgeIndex


class WeightedSums(nn.Module):
    """y_i = Σ_j w_ij x_j over the edges j → i of one set of nodes to itself.

    Attributes:
        edges: the edges, sorted by target.
        weights: w, shape `[edge]`.
        targets: the target of each edge in the order of the backward pass.
        transposed: the weights in that order.
    """

    weights: Tensor
    targets: Tensor
    transposed: Tensor

    def __init__(self, edges: EdgeIndex, weights: NDArray[np.float64]) -> None:
        """Keep the weights in torch's default type, as they are and in the order of the backward pass."""
        super().__init__()
        self.edges = edges
        order = edges.transpose
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.get_default_dtype()), persistent=False)
        self.register_buffer("targets", edges.target[order], persistent=False)
        self.register_buffer("transposed", self.weights[order], persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Map `[node, ...]` to `[node, ...]`."""
        flat = values.reshape(len(values), -1)
        forth = self.edges.source, self.edges.pointers, self.weights
        back = self.targets, self.edges.source_pointers, self.transposed
        found: Tensor = _WeightedSum.apply(flat, forth, back)  # type: ignore[no-untyped-call]
        return found.view_as(values)


class _WeightedSum(torch.autograd.Function):
    """Sums of weighted rows over CSR segments; the gradient is that over the segments of the transposed matrix."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, forth: tuple[Tensor, ...], back: tuple[Tensor, ...]) -> Tensor:
        ctx.back = back
        return _summed(values, *forth)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _summed(gradients[0].contiguous(), *ctx.back), None, None


def _summed(rows: Tensor, index: Tensor, pointers: Tensor, weights: Tensor) -> Tensor:
    return functional.embedding_bag(
        index, rows, pointers, mode="sum", include_last_offset=True, per_sample_weights=weights.to(rows.dtype)
    )
