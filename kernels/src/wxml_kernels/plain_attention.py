"""Attention along edges with few channels: keys and values of the edges are made, a block of edges at a time.

The formulas are those of `wxml_kernels.graph_attention`; for an edge, with k_ij = k_j + W a_ij and v_ij = v_j + W a_ij:

    α_ij = softmax_j( q_i · k_ij / √d )        o_i = Σ_j α_ij v_ij
    ∂k_ij = ∂l_ij q_i        ∂v_ij = α_ij g_i        ∂a_ij = Wᵀ (∂k_ij + ∂v_ij)        ∂W = Σ_ij (∂k_ij + ∂v_ij) ⊗ a_ij

Each edge costs some passes over its channels here, and there passes over `feature` numbers and over the rows of each
head; so this is the faster form where there are few channels. Sums over the channels of a head, and the reverse, are
products with a matrix of zeros and ones.
"""

__all__ = ["PlainAttention", "has_few_channels"]

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from wxml_kernels.degree_blocks import AttentionEdges, Block, blocks_within, edges_of, memory_in_order
from wxml_kernels.memory_pool import empty_like, empty_rows

FEW = 128
"""Most channels for which this form is the faster one; `benchmarks/attention_forms.py` measures both."""
LIVE_TENSORS = 6
"""The bytes of a block of edges, in `[edge, channel]` tensors; half and twice as long blocks take 1 to 8 % longer."""


def has_few_channels(values: Tensor) -> bool:
    """Whether this form is the faster one for values `[..., channel]`."""
    return values.shape[-1] <= FEW


class _Block:
    """The values `[T · D, channel]` of one block of edges after the other, on memory that is touched once.

    Args:
        blocks: all blocks.
        heads: H.
        weight: W, `[channel, feature]`.
        features: of the edges; with so many columns, of which the last ones may be zeros.
    """

    def __init__(self, blocks: list[Block], heads: int, weight: Tensor, features: Tensor) -> None:
        most = max((block.edges.stop - block.edges.start for block in blocks), default=0)
        channels = len(weight)
        self.weight = functional.pad(weight, (0, features.shape[-1] - weight.shape[1]))  # [channel, padded feature]
        self.in_head = torch.eye(heads, dtype=weight.dtype, device=weight.device).repeat_interleave(
            channels // heads, dim=0
        )  # [channel, H]: 1 where a channel is of a head
        self._memory = [weight.new_empty(most, channels) for _ in range(2)]

    def joined(self, which: int, table: Tensor, others: Tensor, a: Tensor) -> Tensor:
        """table_j + W a_ij, from table `[node, channel]`, in memory number `which`."""
        rows = self._memory[which][: others.numel()]
        torch.index_select(table, 0, others.view(-1), out=rows)
        return rows.addmm_(a.flatten(0, 1), self.weight.t())

    def summed(self, rows: Tensor) -> Tensor:
        """Sums over the channels of each head, `[T · D, channel]` to `[T · D, H]`."""
        return rows @ self.in_head

    def spread(self, which: int, by_head: Tensor) -> Tensor:
        """The value of its head for each channel, `[T · D, H]` to `[T · D, channel]`, in memory number `which`."""
        return torch.mm(by_head, self.in_head.t(), out=self._memory[which][: len(by_head)])


def _times(rows: Tensor, nodes: Tensor) -> Tensor:
    """Multiply rows `[T · D, channel]` in place by those of their targets, `[T, channel]`."""
    rows.view(len(nodes), -1, rows.shape[-1]).mul_(nodes.unsqueeze(1))
    return rows


def _sum_of_targets(rows: Tensor, degree: int) -> Tensor:
    """Sums over the edges of each target, `[T · D, channel]` to `[T, channel]`."""
    return rows.view(-1, degree, rows.shape[-1]).sum(1)


def _blocks(edges: AttentionEdges, weight: Tensor) -> list[Block]:
    return blocks_within(edges.by_target, LIVE_TENSORS * len(weight) * weight.itemsize, weight)


class PlainAttention(torch.autograd.Function):
    """`edge_attention` in blocks of T targets with D edges each."""

    @staticmethod
    def forward(ctx: Any, edges: AttentionEdges, heads: int, training: bool, *tensors: Tensor) -> Tensor:
        """The attended values of q, k, v, the features and W, and for a training α for the backward pass."""
        q, k, v, features, weight = tensors
        order, blocks, scale = edges.by_target, _blocks(edges, weight), (q.shape[-1] // heads) ** -0.5
        within = _Block(blocks, heads, weight, features)
        out, ordered = empty_like(q), memory_in_order(order, q)
        batch, count = len(q) if training else 0, edges.edge_count
        alpha = empty_rows(batch * count, heads, q).view(batch, count, heads)
        for n in range(len(q)):
            for block in blocks:
                sources, a = edges_of(block, order, features if features.ndim == 2 else features[n])
                q_i = q[n].index_select(0, order.nodes[block.nodes]).mul_(scale)  # [T, channel]
                logits = within.summed(_times(within.joined(0, k[n], sources, a), q_i))  # [T · D, H]
                weights = alpha[n, block.edges] if training else torch.empty_like(logits)  # α
                shape = (-1, block.degree, heads)
                torch.softmax(logits.view(shape), 1, out=weights.view(shape))
                values = within.joined(0, v[n], sources, a).mul_(within.spread(1, weights))
                ordered[block.nodes] = _sum_of_targets(values, block.degree)
            torch.index_select(ordered, 0, order.places, out=out[n])
        ctx.edges, ctx.heads = edges, heads
        ctx.save_for_backward(*tensors, alpha)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of the tensors from that of the attended values."""
        with torch.autocast(grad.device.type, enabled=False):
            return None, None, None, *_gradients(ctx, grad.contiguous())


def _gradients(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    """The gradients of q, k, v, the features and W from g, that of o."""
    (q, k, v, features, weight, alpha), edges, heads = ctx.saved_tensors, ctx.edges, ctx.heads
    order, blocks, scale = edges.by_target, _blocks(edges, weight), (q.shape[-1] // heads) ** -0.5
    within = _Block(blocks, heads, weight, features)
    grad_w, grad_q = torch.zeros_like(within.weight), empty_like(q)
    grad_k, grad_v = empty_like(k).zero_(), empty_like(v).zero_()
    grad_features = torch.zeros_like(features) if ctx.needs_input_grad[6] else None
    for n in range(len(g)):
        ordered = memory_in_order(order, g)
        for block in blocks:
            sources, a = edges_of(block, order, features if features.ndim == 2 else features[n])
            nodes, into, shape = order.nodes[block.nodes], sources.view(-1).long(), (-1, block.degree, heads)
            q_i, g_i = q[n].index_select(0, nodes), g[n].index_select(0, nodes)  # [T, channel]
            weights = alpha[n, block.edges]  # α, [T · D, H]
            grad_weights = within.summed(_times(within.joined(0, v[n], sources, a), g_i)).view(shape)  # ∂α
            logits = torch._softmax_backward_data(grad_weights, weights.view(shape), 1, weights.dtype)  # ∂l / s
            here = within.spread(1, logits.mul_(scale).flatten(0, 1))  # ∂l for each channel, [T · D, channel]
            keys = within.joined(0, k[n], sources, a).mul_(here)
            ordered[block.nodes] = _sum_of_targets(keys, block.degree)  # ∂q
            grad_edges = _times(here, q_i)  # ∂k_ij
            grad_k[n].index_add_(0, into, grad_edges)
            grad_values = _times(within.spread(0, weights), g_i)  # ∂v_ij
            grad_v[n].index_add_(0, into, grad_values)
            grad_edges += grad_values
            grad_w.addmm_(grad_edges.t(), a.flatten(0, 1))
            if grad_features is not None:  # ∂a
                total = grad_features if features.ndim == 2 else grad_features[n]
                total[block.edges].addmm_(grad_edges, within.weight)
        torch.index_select(ordered, 0, order.places, out=grad_q[n])
    return grad_q, grad_k, grad_v, grad_features, grad_w[:, : weight.shape[1]]
