"""The kernels on edges for GPUs: what Triton computes, and the products of torch around it."""

__all__ = ["fused_attention", "fused_network"]

import torch
from torch import Tensor
from torch.nn import functional

from wxml_kernels.degree_blocks import AttentionEdges
from wxml_kernels.edges import EdgeIndex
from wxml_kernels.layer_stack import LayerStack


def fused_attention(
    query: Tensor, key: Tensor, value: Tensor, features: Tensor, weight: Tensor, edges: AttentionEdges, heads: int
) -> Tensor:
    """`edge_attention`, whose arguments these are; products with W run in the dtype of the query."""
    from wxml_kernels.triton_attention import attention_along_edges

    with torch.autocast(query.device.type, enabled=False):
        dtype = query.dtype
        q, k, v = (x.to(dtype).reshape(*x.shape[:-1], heads, -1) for x in (query, key, value))
        w = functional.pad(weight.to(dtype), (0, features.shape[-1] - weight.shape[1]))  # [channel, padded feature]
        w = w.view(heads, -1, w.shape[-1])  # [head, head channel, padded feature]
        p = torch.einsum("bnhd,hdf->bnhf", q, w)
        attended, sums = attention_along_edges(q, k, v, features, p, edges)
        of_edges = torch.einsum("bnhf,hdf->bnhd", sums.to(dtype), w)
        return (attended + of_edges).to(dtype).flatten(-2)


def fused_network(
    nodes: tuple[Tensor, Tensor],
    e: Tensor,
    weight: Tensor,
    stack: LayerStack,
    edges: EdgeIndex,
    *,
    keeps_edges: bool,
) -> tuple[Tensor, Tensor]:
    """`edge_network` of t and s in the dtype of products, and e in that of sums."""
    from wxml_kernels.triton_network import join, receive

    t, s = nodes
    stack = stack.products_in(t.dtype)
    joined = join(t, s, functional.linear(e.to(t.dtype), weight.to(t.dtype)), edges)
    y = stack._replace(norm=()).composed(joined, t.dtype)  # [batch, edge, channel]
    received, updated = receive(y, e, stack.norm, stack.epsilon, edges, keeps_edges=keeps_edges)
    return received, updated if keeps_edges else e.expand(len(t), *e.shape[-2:])
