"""Attention of each target over the edges into it, with features of the edges in the keys and in the values.

With queries q, keys k, values v in H heads of d channels and e_ij = W a_ij from the features a of the edges:

    α_ij = softmax_j( q_i · (k_j + e_ij) / √d )        for the edges j → i, in each head
    o_i  = Σ_j α_ij (v_j + e_ij)

(Shi et al. 2021, arXiv:2009.03509). Both uses of e are linear in a, so `[edge, channel]` is never made:

    q_i · e_ij = (Wᵀ q_i) · a_ij,        Σ_j α_ij e_ij = W Σ_j α_ij a_ij

On a CPU the edges go block by block (`DegreeOrder`), and all values that a block touches stay in the cache. With few
channels, the e of a block is made after all (`wxml_kernels.plain_attention`). On a GPU, `wxml_kernels.triton_attention`
computes the same. The backward pass reads queries, keys,
values and α. With g = ∂o, l the logits and s = 1 / √d:

    ∂α_ij = g_i · (v_j + e_ij)              ∂l_ij = s α_ij (∂α_ij - Σ_j α_ij ∂α_ij)
    ∂q_i = Σ_j ∂l_ij (k_j + e_ij)           ∂k_j = Σ_i ∂l_ij q_i            ∂v_j = Σ_i α_ij g_i
    ∂a_ij = ∂l_ij Wᵀ q_i + α_ij Wᵀ g_i      ∂W = Σ_i q_i ⊗ Σ_j ∂l_ij a_ij + g_i ⊗ Σ_j α_ij a_ij
"""

__all__ = ["edge_attention"]

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from wxml_kernels.degree_blocks import (
    AttentionEdges,
    Block,
    DegreeOrder,
    blocks_within,
    edges_of,
    memory_in_order,
)
from wxml_kernels.edges import gather_sources, gather_targets, segment_softmax, segment_sum
from wxml_kernels.fused import EdgeBackend, runs_fused
from wxml_kernels.fused_edges import fused_attention
from wxml_kernels.head_products import HeadProducts, HeadProjection
from wxml_kernels.layer_stack import runs_in_ranges
from wxml_kernels.memory_pool import empty_like, empty_rows
from wxml_kernels.plain_attention import PlainAttention, has_few_channels


def edge_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    edge_features: Tensor,
    edge_weight: Tensor,
    edges: AttentionEdges,
    heads: int,
    *,
    backend: EdgeBackend = "auto",
) -> Tensor:
    """Attention of each target over the edges into it; zero for a target without edges.

    In each head of d channels, with e_ij = W a_ij:

        o_i = Σ_j softmax_j( q_i · (k_j + e_ij) / √d ) (v_j + e_ij)        over the edges j → i

    A bias of e cancels in the softmax and adds itself to o: add it to the values.

    >>> edges = AttentionEdges([0, 1, 1], [0, 0, 2], source_count=2, target_count=3)
    >>> q, k, v = torch.zeros(1, 3, 2), torch.zeros(1, 2, 2), torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    >>> edge_attention(q, k, v, edges.arranged(torch.zeros(3, 5)), torch.zeros(2, 5), edges, heads=1)
    tensor([[[2., 3.],
             [0., 0.],
             [3., 4.]]])

    Args:
        query: q, shape `[batch, target_node, channel]`, the channels of one head after those of the other.
        key: k, shape `[batch, source_node, channel]`.
        value: v, shape `[batch, source_node, channel]`.
        edge_features: a, as `edges.arranged` gives them, shape `[edge, padded feature]`, or with the batch in front
            if items differ.
        edge_weight: W, shape `[channel, feature]`.
        edges: the edges.
        heads: H.
        backend: `triton`: fused kernels, on a GPU; `blocks`: code of this library on a CPU, operations of torch on all
            edges at once elsewhere; `auto`: `triton` on a GPU where a trial has shown that it works, else `blocks`.

    Returns:
        o, shape `[batch, target_node, channel]`, with the dtype of the query. The softmax has float32 precision at
        least; on a CPU everything has.

    Raises:
        BackendError: `backend` is `triton`, and it cannot run on the device of the query.
    """
    if runs_fused(backend, query):
        return fused_attention(query, key, value, edge_features, edge_weight, edges, heads)
    if not runs_in_ranges(query):
        features = edge_features[..., : edge_weight.shape[1]].index_select(-2, edges.by_target.places_of_edges)
        e = functional.linear(features, edge_weight)  # [..., edge, channel]
        k, v = gather_sources(key, edges) + e, gather_sources(value, edges) + e
        shape = (*k.shape[:2], heads, -1)
        products = (gather_targets(query, edges) * k).view(shape)
        logits = products.sum(-1, dtype=torch.promote_types(query.dtype, torch.float32)) * products.shape[-1] ** -0.5
        weights = segment_softmax(logits, edges).to(v.dtype)
        return segment_sum((weights.unsqueeze(-1) * v.view(shape)).flatten(-2), edges)
    precision = torch.promote_types(query.dtype, torch.float32)
    with torch.autocast(query.device.type, enabled=False):
        tensors = [values.to(precision).contiguous() for values in (query, key, value, edge_features, edge_weight)]
        training = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
        form = PlainAttention if has_few_channels(query) else _EdgeAttention
        out: Tensor = form.apply(edges, heads, training, *tensors)  # type: ignore[no-untyped-call]
    return out.to(query.dtype)


class _EdgeAttention(torch.autograd.Function):
    """`edge_attention` in blocks of T targets with D edges each; the letters are those of the module's formulas."""

    @staticmethod
    def forward(ctx: Any, edges: AttentionEdges, heads: int, training: bool, *tensors: Tensor) -> Tensor:
        q, k, v, features, weight = tensors
        order, blocks, scale = edges.by_target, _blocks(edges.by_target, weight), (q.shape[-1] // heads) ** -0.5
        within, w = HeadProducts(heads, blocks, weight), HeadProjection.of(heads, weight, features.shape[-1])
        out, ordered = empty_like(q), memory_in_order(order, q)
        batch, count = len(q) if training else 0, edges.edge_count
        alpha = empty_rows(batch * count, heads, q).view(batch, count, heads)
        for n in range(len(q)):
            for block in blocks:
                sources, a = edges_of(block, order, features if features.ndim == 2 else features[n])
                q_i = q[n].index_select(0, order.nodes[block.nodes]).mul_(scale)  # [T, channel]
                logits = within.products(q_i, k[n], sources)  # q_i · k_j, [T, D, H]
                logits.baddbmm_(a, w.project(q_i).transpose(1, 2))  # q_i · (k_j + e_ij)
                memory = alpha[n, block.edges].view_as(logits) if training else torch.empty_like(logits)
                weights = torch.softmax(logits, 1, out=memory).transpose(1, 2).contiguous()  # α, [T, H, D]
                o_i = within.sums(weights, v[n], sources)  # Σ_j α_ij v_j, [T, channel]
                ordered[block.nodes] = w.add_to(o_i, torch.bmm(weights, a))  # + W Σ_j α_ij a_ij
            torch.index_select(ordered, 0, order.places, out=out[n])
        ctx.edges, ctx.heads = edges, heads
        ctx.save_for_backward(*tensors, alpha)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        with torch.autocast(grad.device.type, enabled=False):
            return None, None, None, *_gradients(ctx, grad.contiguous())


def _gradients(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
    """The gradients of q, k, v, the features and W from g, that of o."""
    (q, k, v, features, weight, alpha), edges, heads = ctx.saved_tensors, ctx.edges, ctx.heads
    order, blocks, scale = edges.by_target, _blocks(edges.by_target, weight), (q.shape[-1] // heads) ** -0.5
    within, w = HeadProducts(heads, blocks, weight), HeadProjection.of(heads, weight, features.shape[-1])
    grad_w = HeadProjection.of(heads, torch.zeros_like(weight), features.shape[-1])
    grad_q, grad_k, grad_v = empty_like(q), empty_like(k), empty_like(v)
    grad_features = torch.zeros_like(features) if ctx.needs_input_grad[6] else None
    grad_logits = empty_rows(edges.edge_count, heads, alpha)  # of one item, [edge, H]
    for n in range(len(g)):
        ordered = memory_in_order(order, g)
        for block in blocks:
            sources, a = edges_of(block, order, features if features.ndim == 2 else features[n])
            nodes = order.nodes[block.nodes]
            q_i, g_i = q[n].index_select(0, nodes), g[n].index_select(0, nodes)  # [T, channel]
            w_g = w.project(g_i)  # Wᵀ g_i, [T, H, feature]
            weights = alpha[n, block.edges].view(-1, block.degree, heads)  # α, [T, D, H]
            grad_weights = within.products(g_i, v[n], sources)  # g_i · v_j, [T, D, H]
            grad_weights.baddbmm_(a, w_g.transpose(1, 2))  # ∂α = g_i · (v_j + e_ij)
            logits = grad_logits[block.edges].view_as(weights)  # ∂l, [T, D, H]
            torch.ops.aten._softmax_backward_data.out(grad_weights, weights, 1, weights.dtype, grad_input=logits)
            logits.mul_(scale)
            by_head, alpha_by_head = (values.transpose(1, 2).contiguous() for values in (logits, weights))  # [T, H, D]
            sums = torch.bmm(by_head, a)  # Σ_j ∂l_ij a_ij, [T, H, feature]
            ordered[block.nodes] = w.add_to(within.sums(by_head, k[n], sources), sums)  # ∂q, [T, channel]
            grad_w.add_outer(q_i, sums)
            grad_w.add_outer(g_i, torch.bmm(alpha_by_head, a))
            if grad_features is not None:  # ∂a, [T, D, feature]
                total = grad_features if features.ndim == 2 else grad_features[n]
                total[block.edges] += torch.bmm(logits, w.project(q_i)).baddbmm_(weights, w_g).flatten(0, 1)
        torch.index_select(ordered, 0, order.places, out=grad_q[n])
        del ordered  # its memory serves the sums into sources
        _sum_into_sources(edges, within, grad_logits, q[n], grad_k[n])
        _sum_into_sources(edges, within, alpha[n], g[n], grad_v[n])
    return grad_q, grad_k, grad_v, grad_features, grad_w.weight(heads, weight.shape[1])


def _sum_into_sources(edges: AttentionEdges, within: HeadProducts, weights: Tensor, table: Tensor, out: Tensor) -> None:
    """Write Σ_i weights_ij table_i over the edges out of each source into `out`, `[source_node, channel]`."""
    order, heads = edges.by_source, weights.shape[-1]
    ordered = memory_in_order(order, out)
    for block in _blocks(order, out.t()):
        here = weights.index_select(0, edges.into_target[block.edges])  # [T · D, H]
        here = here.view(-1, block.degree, heads).transpose(1, 2).contiguous()  # [T, H, D]
        targets = order.others[block.edges].view(-1, block.degree)  # [T, D]
        ordered[block.nodes] = within.sums(here, table, targets)  # [T, channel]
    torch.index_select(ordered, 0, order.places, out=out)


def _blocks(order: DegreeOrder, values: Tensor) -> list[Block]:
    """Blocks whose `[edge, channel]` fits the cache, for values `[channel, …]`."""
    return blocks_within(order, len(values) * values.itemsize, values)
