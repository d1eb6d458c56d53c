"""Kernels on edges that are sorted by target: gather, segment-sum, segment-softmax, forward and backward.

Nothing is sorted and no index is built in a step: the order of the edges, their CSR pointers and the transpose
permutation come from the `EdgeSet`. The backward pass of a gather is a segment sum and the other way round, so both use
the same two primitives: `index_select`, and `embedding_bag` as a sum over CSR segments, which on a CPU is several times
faster than `index_add` on the same edges and needs no temporary.
"""

__all__ = ["EdgeIndex", "gather_sources", "gather_targets", "join_edges", "segment_softmax", "segment_sum"]

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from wxml.graph import EdgeSet
from wxml.model.tensors import index_tensor


class _Indices(NamedTuple):
    """Indices into arrays whose batch and node axes (or batch and edge axes) are folded into one."""

    source: Tensor
    target: Tensor
    order: Tensor
    """0, 1, 2, …: the edges as they are, sorted by target."""
    pointers: Tensor
    transpose: Tensor
    source_pointers: Tensor


class EdgeIndex(nn.Module):
    """The indices of an edge set as buffers, which move with the model and are not saved with it."""

    source: Tensor
    target: Tensor
    pointers: Tensor
    transpose: Tensor
    source_pointers: Tensor

    def __init__(self, edges: EdgeSet) -> None:
        super().__init__()
        self.source_count, self.target_count, self.edge_count = (
            edges.source_count,
            edges.target_count,
            len(edges),
        )
        for name in ("source", "target", "pointers", "transpose", "source_pointers"):
            self.register_buffer(name, index_tensor(getattr(edges, name)), persistent=False)
        self._folded: dict[tuple[int, torch.device], _Indices] = {}

    def folded(self, batch: int) -> _Indices:
        """The indices for a batch of so many, made once per batch size and device."""
        key = (batch, self.source.device)
        if key not in self._folded:
            self._folded[key] = self._fold(batch)
        return self._folded[key]

    def _fold(self, batch: int) -> _Indices:
        edges = batch * self.edge_count
        return _Indices(
            self._repeat(self.source, batch, self.source_count),
            self._repeat(self.target, batch, self.target_count),
            torch.arange(edges, device=self.source.device),
            self._repeat(self.pointers[:-1], batch, self.edge_count, last=edges),
            self._repeat(self.transpose, batch, self.edge_count),
            self._repeat(self.source_pointers[:-1], batch, self.edge_count, last=edges),
        )

    @staticmethod
    def _repeat(index: Tensor, batch: int, stride: int, last: int | None = None) -> Tensor:
        offsets = torch.arange(batch, device=index.device) * stride
        flat = (index + offsets[:, None]).reshape(-1)
        return flat if last is None else torch.cat([flat, flat.new_tensor([last])])


def _bag(values: Tensor, index: Tensor, pointers: Tensor) -> Tensor:
    """Sums of `values[index]` over CSR segments, `[row, channel]` to `[segment, channel]`."""
    if not len(index):
        return values.new_zeros(len(pointers) - 1, values.shape[-1])
    return functional.embedding_bag(index, values, pointers, mode="sum", include_last_offset=True)


def _fold(values: Tensor) -> Tensor:
    return values.reshape(-1, values.shape[-1])


class _GatherSources(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, edges: EdgeIndex) -> Tensor:
        ctx.edges = edges
        batch = len(values)
        index = edges.folded(batch).source
        return _fold(values).index_select(0, index).view(batch, edges.edge_count, -1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (grad,) = grads
        batch, index = len(grad), ctx.edges.folded(len(grad))
        summed = _bag(_fold(grad), index.transpose, index.source_pointers)
        return summed.view(batch, ctx.edges.source_count, -1), None


class _GatherTargets(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, edges: EdgeIndex) -> Tensor:
        ctx.edges = edges
        batch = len(values)
        return _fold(values).index_select(0, edges.folded(batch).target).view(batch, edges.edge_count, -1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _sum_into_targets(grads[0], ctx.edges), None


class _SegmentSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, edges: EdgeIndex) -> Tensor:
        ctx.edges = edges
        return _sum_into_targets(values, edges)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (grad,) = grads
        batch = len(grad)
        return _fold(grad).index_select(0, ctx.edges.folded(batch).target).view(batch, ctx.edges.edge_count, -1), None


class _JoinEdges(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, target: Tensor, source: Tensor, edge: Tensor, edges: EdgeIndex) -> Tensor:
        ctx.edges, ctx.edge_is_shared = edges, edge.ndim == 2
        batch = len(target)
        index = edges.folded(batch)
        joined = _fold(source).index_select(0, index.source)
        joined += _fold(target).index_select(0, index.target)
        return joined.view(batch, edges.edge_count, -1).add_(edge)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        (grad,) = grads
        batch, index = len(grad), ctx.edges.folded(len(grad))
        to_source = _bag(_fold(grad), index.transpose, index.source_pointers)
        to_edge = grad.sum(0) if ctx.edge_is_shared else grad
        return (
            _sum_into_targets(grad, ctx.edges),
            to_source.view(batch, ctx.edges.source_count, -1),
            to_edge,
            None,
        )


def _sum_into_targets(values: Tensor, edges: EdgeIndex) -> Tensor:
    index = edges.folded(len(values))
    return _bag(_fold(values), index.order, index.pointers).view(len(values), edges.target_count, -1)


def gather_sources(values: Tensor, edges: EdgeIndex) -> Tensor:
    """The value of each edge's source: `[batch, source_node, channel]` to `[batch, edge, channel]`."""
    out: Tensor = _GatherSources.apply(values, edges)
    return out


def gather_targets(values: Tensor, edges: EdgeIndex) -> Tensor:
    """The value of each edge's target: `[batch, target_node, channel]` to `[batch, edge, channel]`."""
    out: Tensor = _GatherTargets.apply(values, edges)
    return out


def segment_sum(values: Tensor, edges: EdgeIndex) -> Tensor:
    """The sum over the edges into each target: `[batch, edge, channel]` to `[batch, target_node, channel]`."""
    out: Tensor = _SegmentSum.apply(values, edges)
    return out


def join_edges(target: Tensor, source: Tensor, edge: Tensor, edges: EdgeIndex) -> Tensor:
    """`target[i] + source[j] + edge[ij]` for every edge j → i, in one tensor.

    With W[x_i ‖ x_j ‖ e] = W_i x_i + W_j x_j + W_e e this is the first layer of an edge network whose products over
    nodes are done once per node rather than once per edge.

    Args:
        target: shape `[batch, target_node, channel]`.
        source: shape `[batch, source_node, channel]`.
        edge: shape `[batch, edge, channel]`, or `[edge, channel]` where it is the same for the whole batch.
        edges: which edges.

    Returns:
        Shape `[batch, edge, channel]`.
    """
    out: Tensor = _JoinEdges.apply(target, source, edge, edges)
    return out


def segment_softmax(logits: Tensor, edges: EdgeIndex) -> Tensor:
    """The softmax over the edges into each target, `[batch, edge, head]` in and out.

    Each target's greatest logit is subtracted first, so that large logits neither overflow nor vanish.
    """
    index = edges.target[None, :, None].expand_as(logits)
    shape = (len(logits), edges.target_count, logits.shape[-1])
    greatest = logits.new_full(shape, -torch.inf).scatter_reduce(1, index, logits.detach(), "amax")
    weights = torch.exp(logits - gather_targets(greatest, edges))
    return weights / gather_targets(segment_sum(weights, edges), edges)
