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
        """The indices for a batch of so many, made once per batch size and device.

        The kernels ask for them once before their autograd function does, inside of which torch.compile can trace
        neither that they are made nor that they are kept.
        """
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


def _select(values: Tensor, index: Tensor) -> Tensor:
    """Rows of `[batch, row, channel]` by folded index, as many for each item of the batch."""
    batch, _, channels = values.shape
    return values.reshape(-1, channels).index_select(0, index).view(batch, len(index) // batch, channels)


def _sum(values: Tensor, index: Tensor, pointers: Tensor) -> Tensor:
    """Sums of the selected rows over CSR segments: `[batch, row, channel]` to `[batch, segment, channel]`."""
    batch, _, channels = values.shape
    segments = len(pointers) - 1
    if not len(index):
        return values.new_zeros(batch, segments // batch, channels)
    rows = values.reshape(-1, channels)
    summed = functional.embedding_bag(index, rows, pointers, mode="sum", include_last_offset=True)
    return summed.view(batch, segments // batch, channels)


def _sum_into_targets(values: Tensor, edges: EdgeIndex) -> Tensor:
    index = edges.folded(len(values))
    return _sum(values, index.order, index.pointers)


def _sum_into_sources(values: Tensor, edges: EdgeIndex) -> Tensor:
    index = edges.folded(len(values))
    return _sum(values, index.transpose, index.source_pointers)


class _GatherSources(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, edges: EdgeIndex) -> Tensor:
        ctx.edges = edges
        return _select(values, edges.folded(len(values)).source)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _sum_into_sources(grads[0], ctx.edges), None


class _GatherTargets(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, edges: EdgeIndex) -> Tensor:
        ctx.edges = edges
        return _select(values, edges.folded(len(values)).target)

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
        return _select(grads[0], ctx.edges.folded(len(grads[0])).target), None


class _JoinEdges(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, target: Tensor, source: Tensor, edge: Tensor, edges: EdgeIndex) -> Tensor:
        ctx.edges, ctx.edge_is_shared = edges, edge.ndim == 2
        index = edges.folded(len(target))
        joined = _select(source, index.source)
        joined += _select(target, index.target)
        joined += edge
        return joined

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        (grad,) = grads
        to_edge = grad.sum(0) if ctx.edge_is_shared else grad
        return _sum_into_targets(grad, ctx.edges), _sum_into_sources(grad, ctx.edges), to_edge, None


def gather_sources(values: Tensor, edges: EdgeIndex) -> Tensor:
    """The value of each edge's source: `[batch, source_node, channel]` to `[batch, edge, channel]`."""
    edges.folded(len(values))
    out: Tensor = _GatherSources.apply(values, edges)  # type: ignore[no-untyped-call]  # torch has no types for it
    return out


def gather_targets(values: Tensor, edges: EdgeIndex) -> Tensor:
    """The value of each edge's target: `[batch, target_node, channel]` to `[batch, edge, channel]`."""
    edges.folded(len(values))
    out: Tensor = _GatherTargets.apply(values, edges)  # type: ignore[no-untyped-call]  # torch has no types for it
    return out


def segment_sum(values: Tensor, edges: EdgeIndex) -> Tensor:
    """The sum over the edges into each target: `[batch, edge, channel]` to `[batch, target_node, channel]`."""
    edges.folded(len(values))
    out: Tensor = _SegmentSum.apply(values, edges)  # type: ignore[no-untyped-call]  # torch has no types for it
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
    edges.folded(len(target))
    out: Tensor = _JoinEdges.apply(target, source, edge, edges)  # type: ignore[no-untyped-call]  # torch has no types for it
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
