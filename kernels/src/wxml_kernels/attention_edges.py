"""The edges that attention goes along, in the orders that its kernels want."""

__all__ = ["AttentionEdges"]

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from wxml_kernels.degree_order import DegreeOrder
from wxml_kernels.edges import EdgeIndex, SortedEdges


class AttentionEdges(EdgeIndex):
    """The indices of an edge set, and its nodes in the order of their degrees for the forward and the backward pass."""

    into_target: Tensor
    """Where the edge at each place of `by_source` is in `by_target`, shape `[edge]`."""

    def __init__(self, edges: SortedEdges) -> None:
        super().__init__(edges)
        self.by_target = DegreeOrder(np.arange(len(edges.source)), edges.pointers, edges.source)
        self.by_source = DegreeOrder(edges.transpose, edges.source_pointers, edges.target)
        into_target = self.by_target.places_of_edges[self.by_source.edges]
        self.register_buffer("into_target", into_target, persistent=False)

    def arranged(self, features: Tensor) -> Tensor:
        """Features of the edges as attention wants them; once for all layers that read the same ones.

        Args:
            features: shape `[..., edge, feature]` in the order of the edge set.

        Returns:
            Shape `[..., edge, padded feature]` in the order of `by_target`. Zeros fill up to a multiple of four
            features, for which small products are twice as fast.
        """
        arranged: Tensor = _Permuted.apply(features, self.by_target.edges, self.by_target.places_of_edges)  # type: ignore[no-untyped-call]
        return functional.pad(arranged, (0, -features.shape[-1] % 4))


class _Permuted(torch.autograd.Function):
    """Rows in another order. The gradient is one more permutation, where that of `index_select` would be a sum."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        return rows.index_select(-2, order)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return grads[0].index_select(-2, places), None, None
