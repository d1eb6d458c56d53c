"""Attention of each target over the edges into it, with features of the edges in the keys and in the values.

With queries q, keys k, values v in H heads of d channels and e_ij = W a_ij from the features a of the edges:

    α_ij = softmax_j( q_i · (k_j + e_ij) / √d )        for the edges j → i, in each head
    o_i  = Σ_j α_ij (v_j + e_ij)

(Shi et al. 2021, arXiv:2009.03509). A bias of e cancels in the softmax and adds itself to o, so whoever has one adds it
to the values. Both uses of e are linear in a, and `[edge, channel]` is never made:

    q_i · e_ij = (Wᵀ q_i) · a_ij,        Σ_j α_ij e_ij = W Σ_j α_ij a_ij

On a CPU the edges go block by block (`wxml_kernels.attention_blocks`), forward and backward, with what a block touches
in the cache. Kept for the backward pass are queries, keys, values and α.
"""

__all__ = ["AttentionEdges", "edge_attention"]

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from wxml_kernels.attention_blocks import AttentionBlocks, by_head
from wxml_kernels.attention_edges import AttentionEdges
from wxml_kernels.degree_order import DegreeOrder
from wxml_kernels.edges import EdgeIndex, gather_sources, gather_targets, segment_softmax, segment_sum
from wxml_kernels.head_projection import HeadProjection
from wxml_kernels.layer_stack import goes_in_ranges
from wxml_kernels.reused_memory import empty_rows


def edge_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    edge_features: Tensor,
    edge_weight: Tensor,
    edges: AttentionEdges,
    heads: int,
) -> Tensor:
    """What each target receives over the edges into it; zero without any.

    The softmax has float32 precision at least, and so has everything on a CPU; the result has that of the query.

    Args:
        query: q, shape `[batch, target_node, channel]`, heads one after the other.
        key: k, shape `[batch, source_node, channel]`.
        value: v, likewise.
        edge_features: a, as `edges.arranged` gives them, shape `[edge, padded feature]`, or with the batch in front
            where items differ.
        edge_weight: W, shape `[channel, feature]`.
        edges: which edges.
        heads: H.

    Returns:
        o, shape `[batch, target_node, channel]`.
    """
    if not goes_in_ranges(query):
        features = edge_features[..., : edge_weight.shape[1]].index_select(-2, edges.by_target.places_of_edges)
        return _composed(query, key, value, functional.linear(features, edge_weight), edges, heads)
    precision = torch.promote_types(query.dtype, torch.float32)
    with torch.autocast(query.device.type, enabled=False):
        tensors = [values.to(precision).contiguous() for values in (query, key, value, edge_features, edge_weight)]
        call = _Call(edges, heads, torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors))
        out: Tensor = _EdgeAttention.apply(call, *tensors)  # type: ignore[no-untyped-call]
    return out.to(query.dtype)


def _composed(query: Tensor, key: Tensor, value: Tensor, projected: Tensor, edges: EdgeIndex, heads: int) -> Tensor:
    """The same in differentiable operations, for other devices, and for compilers, which fuse them."""
    key, value = gather_sources(key, edges) + projected, gather_sources(value, edges) + projected
    shape = (*key.shape[:2], heads, -1)
    products = (gather_targets(query, edges) * key).view(shape)
    logits = products.sum(-1, dtype=torch.promote_types(query.dtype, torch.float32)) * products.shape[-1] ** -0.5
    weights = segment_softmax(logits, edges).to(value.dtype)
    return segment_sum((weights.unsqueeze(-1) * value.view(shape)).flatten(-2), edges)


class _Call(NamedTuple):
    """What a pass is about, other than tensors."""

    edges: AttentionEdges
    heads: int
    training: bool

    def item(self, number: int, features: Tensor, weight: Tensor) -> AttentionBlocks:
        """Attention of one item of the batch."""
        features = features if features.ndim == 2 else features[number]
        return AttentionBlocks.of(self.edges, self.heads, weight, features)


def _empty(shape: Sequence[int], like: Tensor) -> Tensor:
    """Room for `[batch, row, channel]`."""
    batch, rows, channels = shape
    return empty_rows(batch * rows, channels, like).view(batch, rows, channels)


def _ordered(order: DegreeOrder, like: Tensor) -> Tensor:
    """Room for a result at each place of an order, `[node, channel]`; zero where nodes have no edges."""
    room = empty_rows(len(order.nodes), like.shape[-1], like)
    room[: order.isolated].zero_()
    return room


class _EdgeAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: Tensor) -> Tensor:
        query, key, value, features, weight = tensors
        order = call.edges.by_target
        out, ordered = _empty(query.shape, query), _ordered(order, query)
        kept = _empty((len(query) if call.training else 0, call.edges.edge_count, call.heads), query)
        for number in range(len(query)):
            item = call.item(number, features, weight)
            for block in item.blocks(order):
                here = query[number].index_select(0, order.nodes[block.nodes]).mul_(item.scale)
                logits = item.products(block, here, key[number])
                room = kept[number, block.edges].view_as(logits) if call.training else torch.empty_like(logits)
                weights = torch.softmax(logits, 1, out=room)
                ordered[block.nodes] = item.sums(block, weights, value[number])[0]
            torch.index_select(ordered, 0, order.places, out=out[number])
        ctx.call = call
        ctx.save_for_backward(*tensors, kept)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        backward = _Backward(ctx.call, ctx.saved_tensors, grad.contiguous(), ctx.needs_input_grad[4])
        with torch.autocast(grad.device.type, enabled=False):
            for number in range(len(grad)):
                backward.add(number)
        return None, *backward.results()


class _Backward:
    """The backward pass and what it gives.

    With g the gradient of o, l the logits and s = 1 / √d:

    ∂α_ij = g_i · (v_j + e_ij),    ∂l_ij = s α_ij (∂α_ij - Σ_j α_ij ∂α_ij),
    ∂q_i = Σ_j ∂l_ij (k_j + e_ij),    ∂k_j = Σ_i ∂l_ij q_i,    ∂v_j = Σ_i α_ij g_i,
    ∂a_ij = ∂l_ij Wᵀ q_i + α_ij Wᵀ g_i,    ∂W = Σ_i q_i ⊗ Σ_j ∂l_ij a_ij + g_i ⊗ Σ_j α_ij a_ij.
    """

    def __init__(self, call: _Call, saved: Sequence[Tensor], grad: Tensor, of_features: bool) -> None:
        self.call, self.grad = call, grad
        self.query, self.key, self.value, self.features, self.weight, self.kept = saved
        self.to_query, self.to_key, self.to_value = (_empty(x.shape, x) for x in (self.query, self.key, self.value))
        self.to_features = torch.zeros_like(self.features) if of_features else None
        self.to_projection = HeadProjection.of(
            call.heads, self.weight.new_zeros(len(self.weight), self.features.shape[-1])
        )
        self.logits = empty_rows(call.edges.edge_count, call.heads, self.kept)

    def results(self) -> tuple[Tensor | None, ...]:
        """The gradients of query, key, value, features and W."""
        to_weight = self.to_projection.weight(self.call.heads, self.weight.shape[1])
        return self.to_query, self.to_key, self.to_value, self.to_features, to_weight

    def add(self, number: int) -> None:
        """One item of the batch."""
        item = self.call.item(number, self.features, self.weight)
        self._targets(number, item)
        self._sources(item, self.logits, self.query[number], self.to_key[number])
        self._sources(item, self.kept[number], self.grad[number], self.to_value[number])

    def _targets(self, number: int, item: AttentionBlocks) -> None:
        """What is summed over the edges into each target: the gradients of queries, and those of W and of edges."""
        order = self.call.edges.by_target
        ordered = _ordered(order, self.grad)
        for block in item.blocks(order):
            here = order.nodes[block.nodes]
            nodes = self.query[number].index_select(0, here), self.grad[number].index_select(0, here)
            weights = self.kept[number, block.edges].view(-1, block.degree, self.call.heads)
            of_weights = item.products(block, nodes[1], self.value[number])
            logits = self.logits[block.edges].view_as(weights)
            torch.ops.aten._softmax_backward_data.out(of_weights, weights, 1, weights.dtype, grad_input=logits)
            logits.mul_(item.scale)
            ordered[block.nodes], of_features = item.sums(block, logits, self.key[number])
            self.to_projection.add_outer(nodes[0], of_features)
            self.to_projection.add_outer(nodes[1], item.feature_sums(block, by_head(weights)))
            if self.to_features is not None:
                total = self.to_features if self.to_features.ndim == 2 else self.to_features[number]
                total[block.edges] += self._of_edges(item, nodes, (logits, weights))
        torch.index_select(ordered, 0, order.places, out=self.to_query[number])

    def _of_edges(self, item: AttentionBlocks, nodes: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
        """Σ over heads of weights_ij Wᵀ nodes_i for queries and for g, `[edge, feature]`, with weights `[T, D, H]`."""
        of_edges = torch.bmm(weights[0], item.projected(nodes[0]))
        of_edges.baddbmm_(weights[1], item.projected(nodes[1]))
        return of_edges.flatten(0, 1)

    def _sources(self, item: AttentionBlocks, weights: Tensor, table: Tensor, out: Tensor) -> None:
        """Σ_i weights_ij table_i over the edges out of each source, `[source_node, channel]`."""
        order = self.call.edges.by_source
        ordered = _ordered(order, out)
        for block in item.blocks(order):
            here = weights.index_select(0, self.call.edges.into_target[block.edges])
            here = by_head(here.view(-1, block.degree, self.call.heads))
            ordered[block.nodes] = item.heads.sums(here, table, order.others[block.edges].view(-1, block.degree))
        torch.index_select(ordered, 0, order.places, out=out)
