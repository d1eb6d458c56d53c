"""Attention of each target over the edges into it, with features of the edges in the keys and in the values.

With queries q, keys k, values v in H heads of d channels and e_ij = W a_ij from the features a of the edges:

    α_ij = softmax_j( q_i · (k_j + e_ij) / √d )        for the edges j → i, in each head
    o_i  = Σ_j α_ij (v_j + e_ij)

(Shi et al. 2021, arXiv:2009.03509). Both uses of e are linear in a, so `[edge, channel]` is never made:

    q_i · e_ij = (Wᵀ q_i) · a_ij,        Σ_j α_ij e_ij = W Σ_j α_ij a_ij

On a CPU the edges go block by block (`DegreeOrder`), and all values that a block touches stay in the cache. The
backward pass reads queries, keys, values and α. With g = ∂o, l the logits and s = 1 / √d:

    ∂α_ij = g_i · (v_j + e_ij)              ∂l_ij = s α_ij (∂α_ij - Σ_j α_ij ∂α_ij)
    ∂q_i = Σ_j ∂l_ij (k_j + e_ij)           ∂k_j = Σ_i ∂l_ij q_i            ∂v_j = Σ_i α_ij g_i
    ∂a_ij = ∂l_ij Wᵀ q_i + α_ij Wᵀ g_i      ∂W = Σ_i q_i ⊗ Σ_j ∂l_ij a_ij + g_i ⊗ Σ_j α_ij a_ij
"""

__all__ = ["edge_attention"]

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from wxml_kernels.degree_blocks import AttentionEdges, Block, DegreeOrder
from wxml_kernels.edges import WORKING_SET, gather_sources, gather_targets, segment_softmax, segment_sum
from wxml_kernels.head_products import HeadProducts, HeadProjection, by_head
from wxml_kernels.layer_stack import runs_in_ranges
from wxml_kernels.memory_pool import empty_like, empty_rows, is_real


def edge_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    edge_features: Tensor,
    edge_weight: Tensor,
    edges: AttentionEdges,
    heads: int,
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

    Returns:
        o, shape `[batch, target_node, channel]`, with the dtype of the query. The softmax has float32 precision at
        least; on a CPU everything has.
    """
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
        out: Tensor = _EdgeAttention.apply(edges, heads, training, *tensors)  # type: ignore[no-untyped-call]
    return out.to(query.dtype)


class _Item(NamedTuple):
    """Attention of one item of the batch, block by block."""

    edges: AttentionEdges
    heads: HeadProducts
    projection: HeadProjection
    features: Tensor
    """a, shape `[edge, feature]` in the order of `by_target`."""

    @classmethod
    def of(cls, edges: AttentionEdges, heads: int, features: Tensor, weight: Tensor) -> Self:
        """For W as `[channel, feature]`, without the padding of the features."""
        projection = HeadProjection.of(heads, functional.pad(weight, (0, features.shape[1] - weight.shape[1])))
        blocks = _blocks(edges.by_target, weight)
        most = max((block.edges.stop - block.edges.start for block in blocks), default=0)
        return cls(edges, HeadProducts.of(heads, most, weight), projection, features)

    def features_of(self, block: Block) -> Tensor:
        """a, `[T, D, feature]`."""
        return self.features[block.edges].view(-1, block.degree, self.features.shape[-1])

    def projected(self, nodes: Tensor) -> Tensor:
        """Wᵀ nodes_i in each head, `[T, H, feature]`."""
        return self.projection.project(nodes).view(len(nodes), len(self.heads.numbers), -1)

    def products(self, block: Block, nodes: Tensor, table: Tensor) -> Tensor:
        """nodes_i · (table_j + e_ij), `[T, D, H]`."""
        sources = self.edges.by_target.others[block.edges].view(-1, block.degree)  # [T, D]
        products = self.heads.products(nodes, table, sources)
        return products.baddbmm_(self.features_of(block), self.projected(nodes).transpose(1, 2))

    def sums(self, block: Block, weights: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
        """Σ_j weights_ij (table_j + e_ij), `[T, channel]`, and Σ_j weights_ij a_ij, `[T, H · feature]`."""
        sources = self.edges.by_target.others[block.edges].view(-1, block.degree)  # [T, D]
        ordered = by_head(weights)
        sums, feature_sums = self.heads.sums(ordered, table, sources), self.feature_sums(block, ordered)
        return self.projection.add_to(sums, feature_sums), feature_sums

    def feature_sums(self, block: Block, weights: Tensor) -> Tensor:
        """Σ_j weights_ij a_ij, `[T, H · feature]`, with weights `[T, H, D]`."""
        return torch.bmm(weights, self.features_of(block)).flatten(1)


def _blocks(order: DegreeOrder, values: Tensor) -> list[Block]:
    """Blocks whose `[edge, channel]` fits the cache, for values `[channel, …]`.

    For a tensor without values the largest block alone, which takes as much memory as all of them.
    """
    found = order.blocks(max(1, WORKING_SET // (len(values) * values.itemsize)))
    return found if is_real(values) else sorted(found, key=lambda block: block.edges.start - block.edges.stop)[:1]


def _in_order(order: DegreeOrder, like: Tensor) -> Tensor:
    """Memory for a result at each place of an order, `[node, channel]`; zero for nodes without edges."""
    result = empty_rows(len(order.nodes), like.shape[-1], like)
    result[: order.isolated].zero_()
    return result


class _EdgeAttention(torch.autograd.Function):
    """`edge_attention` in blocks of T targets with D edges each; the letters are those of the module's formulas."""

    @staticmethod
    def forward(ctx: Any, edges: AttentionEdges, heads: int, training: bool, *tensors: Tensor) -> Tensor:
        q, k, v, features, weight = tensors
        order, scale = edges.by_target, (q.shape[-1] // heads) ** -0.5
        out, ordered = empty_like(q), _in_order(order, q)
        batch, count = len(q) if training else 0, edges.edge_count
        alpha = empty_rows(batch * count, heads, q).view(batch, count, heads)
        for n in range(len(q)):
            item = _Item.of(edges, heads, features if features.ndim == 2 else features[n], weight)
            for block in _blocks(order, weight):
                here = q[n].index_select(0, order.nodes[block.nodes]).mul_(scale)  # [T, channel]
                logits = item.products(block, here, k[n])  # [T, D, H]
                memory = alpha[n, block.edges].view_as(logits) if training else torch.empty_like(logits)
                weights = torch.softmax(logits, 1, out=memory)  # α, [T, D, H]
                ordered[block.nodes] = item.sums(block, weights, v[n])[0]  # o, [T, channel]
            torch.index_select(ordered, 0, order.places, out=out[n])
        ctx.edges, ctx.heads = edges, heads
        ctx.save_for_backward(*tensors, alpha)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        with torch.autocast(grad.device.type, enabled=False):
            gradients = _gradients(ctx.edges, ctx.heads, ctx.saved_tensors, grad.contiguous(), ctx.needs_input_grad[6])
        return None, None, None, *gradients


def _gradients(
    edges: AttentionEdges, heads: int, saved: Sequence[Tensor], g: Tensor, wants_features: bool
) -> tuple[Tensor | None, ...]:
    """The gradients of q, k, v, the features and W from g, that of o."""
    q, k, v, features, weight, alpha = saved
    order, scale = edges.by_target, (q.shape[-1] // heads) ** -0.5
    grad_q, grad_k, grad_v = empty_like(q), empty_like(k), empty_like(v)
    grad_features = torch.zeros_like(features) if wants_features else None
    grad_w = HeadProjection.of(heads, weight.new_zeros(len(weight), features.shape[-1]))
    grad_logits = empty_rows(edges.edge_count, heads, alpha)  # of one item, [edge, H]
    for n in range(len(g)):
        item = _Item.of(edges, heads, features if features.ndim == 2 else features[n], weight)
        ordered = _in_order(order, g)
        for block in _blocks(order, weight):
            nodes = order.nodes[block.nodes]
            q_i, g_i = q[n].index_select(0, nodes), g[n].index_select(0, nodes)  # [T, channel]
            weights = alpha[n, block.edges].view(-1, block.degree, heads)  # α, [T, D, H]
            grad_weights = item.products(block, g_i, v[n])  # ∂α, [T, D, H]
            logits = grad_logits[block.edges].view_as(weights)  # ∂l, [T, D, H]
            torch.ops.aten._softmax_backward_data.out(grad_weights, weights, 1, weights.dtype, grad_input=logits)
            logits.mul_(scale)
            ordered[block.nodes], feature_sums = item.sums(block, logits, k[n])  # ∂q, [T, channel]; Σ_j ∂l_ij a_ij
            grad_w.add_outer(q_i, feature_sums)
            grad_w.add_outer(g_i, item.feature_sums(block, by_head(weights)))
            if grad_features is not None:  # ∂a, [T · D, feature]
                total = grad_features if features.ndim == 2 else grad_features[n]
                part = torch.bmm(logits, item.projected(q_i)).baddbmm_(weights, item.projected(g_i))
                total[block.edges] += part.flatten(0, 1)
        torch.index_select(ordered, 0, order.places, out=grad_q[n])
        _sum_into_sources(item, grad_logits, q[n], grad_k[n])
        _sum_into_sources(item, alpha[n], g[n], grad_v[n])
    return grad_q, grad_k, grad_v, grad_features, grad_w.weight(heads, weight.shape[1])


def _sum_into_sources(item: _Item, weights: Tensor, table: Tensor, out: Tensor) -> None:
    """Write Σ_i weights_ij table_i over the edges out of each source into `out`, `[source_node, channel]`."""
    order, heads = item.edges.by_source, weights.shape[-1]
    ordered = _in_order(order, out)
    for block in _blocks(order, item.heads.gathered.t()):
        here = weights.index_select(0, item.edges.into_target[block.edges])  # [T · D, H]
        here = by_head(here.view(-1, block.degree, heads))
        ordered[block.nodes] = item.heads.sums(here, table, order.others[block.edges].view(-1, block.degree))
    torch.index_select(ordered, 0, order.places, out=out)
