"""Messages along edges, in one pass over ranges of edges: first layer, hidden layers, layer norm, residual and sum.

For each edge j → i, with t and s the products of the first layer that are taken once per node (see `join_edges`):

    z_ij  = t_i + s_j + W e_ij
    e'_ij = e_ij + stack(z_ij)
    a_i   = Σ_j e'_ij

On a CPU the pass takes neighbouring targets with all their edges, as many as fit the caches, through all of it before
the next ones: what lies between two layers stays in the cache, and only what the backward pass cannot make again
cheaply is written to memory (`LayerStack`). The backward pass walks over the same ranges. Elsewhere, and under a
compiler, the same sums are operations of torch on all edges at once.
"""

__all__ = ["edge_network"]

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from wxml_kernels.edges import EdgeIndex, Range, join_edges, segment_sum, sum_range
from wxml_kernels.layer_stack import Kept, LayerStack, accumulate, goes_in_ranges, precisions, product_into
from wxml_kernels.reused_memory import empty_rows, is_real

LIVE_TENSORS = 6
"""Tensors of one range that the passes have in use at a time, by which the bytes of an edge are told."""


class _Call(NamedTuple):
    """What a pass is about, other than tensors."""

    stack: LayerStack
    edges: EdgeIndex
    dtype: torch.dtype
    """Of the matrix products."""
    training: bool
    recomputes: bool
    keeps_edges: bool
    """Whether the updated edges are wanted, or only their sums."""

    def steps(self, edge: Tensor) -> Iterator["_Step"]:
        """Range after range, item after item; for tensors without values the first one, which takes as much memory."""
        ranges = self._ranges(edge)
        for item, part in product(range(len(edge)), ranges if is_real(edge) else ranges[:1]):
            yield _Step(item, part, self.edges)

    def room(self, edge: Tensor, stack: LayerStack) -> Kept:
        """For what the backward pass reads; where it reads nothing, for one range."""
        batch, count, channels = edge.shape
        longest = max((part.last_edge - part.first_edge for part in self._ranges(edge)), default=0)
        rows = batch * count if self.training and not self.recomputes else longest
        return Kept.empty(rows, stack.widths(channels), edge, self.dtype)

    def _ranges(self, edge: Tensor) -> tuple[Range, ...]:
        return self.edges.ranges(LIVE_TENSORS * edge.shape[-1] * edge.element_size())


class _Step(NamedTuple):
    """One range of one item of the batch."""

    item: int
    part: Range
    edges: EdgeIndex

    def of_edges(self, values: Tensor) -> Tensor:
        """A view of `[batch, edge, channel]`."""
        return values[self.item, self.part.first_edge : self.part.last_edge]

    def of_targets(self, values: Tensor) -> Tensor:
        """A view of `[batch, target_node, channel]`."""
        return values[self.item, self.part.first_target : self.part.last_target]

    def of_kept(self, kept: Kept) -> Kept:
        """A view of what is kept of the edges, items one after the other."""
        before = self.item * self.edges.edge_count
        return kept.rows(before + self.part.first_edge, before + self.part.last_edge)

    @property
    def source(self) -> Tensor:
        """The source of each edge."""
        return self.edges.source[self.part.first_edge : self.part.last_edge]

    @property
    def target(self) -> Tensor:
        """The target of each edge."""
        return self.edges.target[self.part.first_edge : self.part.last_edge]


def edge_network(
    nodes: tuple[Tensor, Tensor],
    edge: Tensor,
    weight: Tensor,
    stack: LayerStack,
    edges: EdgeIndex,
    *,
    dtype: torch.dtype | None = None,
    keeps_edges: bool = True,
    recomputes: bool = False,
) -> tuple[Tensor, Tensor]:
    """What every target receives, Σ_j e'_ij, and the updated edges e'.

    Args:
        nodes: t and s, the first layer's products of the targets and the sources, bias included; shapes
            `[batch, target_node, channel]` and `[batch, source_node, channel]`.
        edge: e, shape `[batch, edge, channel]` or, where it is the same for the whole batch, `[edge, channel]`.
        weight: W, shape `[channel, channel]`.
        stack: the layers after the first one.
        edges: which edges.
        dtype: of the matrix products; that of autocast, or of the edges, unless told. Sums, norms and results have the
            precision of the edges, float32 at least.
        keeps_edges: False where nobody needs e': the edges come back as they were.
        recomputes: whether the backward pass computes every z again, range by range, instead of keeping them: it then
            reads nothing but t, s and e, and takes a third more products.

    Returns:
        Shapes `[batch, target_node, channel]` and `[batch, edge, channel]`.
    """
    dtype, sums = precisions(edge, dtype)
    with torch.autocast(edge.device.type, enabled=False):
        to_target, to_source = (values.to(dtype) for values in nodes)
        edge = edge.to(sums).expand(len(to_target), *edge.shape[-2:])
        if not goes_in_ranges(edge):
            return _plain((to_target, to_source), edge, weight, stack.products_in(dtype), edges)
        inputs = (to_target, to_source, edge, weight, *stack.parameters)
        training = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)
        call = _Call(stack, edges, dtype, training, recomputes, keeps_edges)
        received, updated = _EdgeNetwork.apply(call, *inputs)  # type: ignore[no-untyped-call]
    return received, updated if keeps_edges else edge


def _plain(
    nodes: tuple[Tensor, Tensor], edge: Tensor, weight: Tensor, stack: LayerStack, edges: EdgeIndex
) -> tuple[Tensor, Tensor]:
    """In differentiable operations on all edges at once."""
    to_target, to_source = nodes
    to_edge = functional.linear(edge.to(to_target.dtype), weight.to(to_target.dtype))
    updated = edge + stack.plain(join_edges(to_target, to_source, to_edge, edges), edge.dtype)
    return segment_sum(updated, edges), updated


class _Network:
    """Inputs and parameters in the precision of the products, and the forward pass of one step."""

    def __init__(self, call: _Call, tensors: Sequence[Tensor]) -> None:
        self.call, (self.to_target, self.to_source, self.edge, weight, *parameters) = call, tensors
        self.weight = weight.to(call.dtype)
        self.stack = call.stack.with_parameters(parameters).products_in(call.dtype)

    def forward(self, step: _Step, kept: Kept) -> Tensor:
        """stack(z) of the edges of a step."""
        z = kept.before[0]
        torch.index_select(self.to_target[step.item], 0, step.target, out=z)
        z.add_(self.to_source[step.item].index_select(0, step.source))
        z.addmm_(step.of_edges(self.edge).to(z.dtype), self.weight.t())
        return self.stack.forward(kept, self.edge.dtype)


class _EdgeNetwork(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: Tensor) -> tuple[Tensor, Tensor | None]:
        network, (to_target, _, edge, *_) = _Network(call, tensors), tensors
        kept, received = call.room(edge, network.stack), edge.new_empty(to_target.shape)
        updated = _like(edge) if call.keeps_edges else None
        for step in call.steps(edge):
            out = None if updated is None else step.of_edges(updated)
            new = torch.add(step.of_edges(edge), network.forward(step, step.of_kept(kept)), out=out)
            step.of_targets(received).copy_(sum_range(new, call.edges, step.part))
        if call.training:
            ctx.call, ctx.inputs = call, len(tensors)
            nodes = (tensors[:2]) if call.recomputes else (None, None)
            ctx.save_for_backward(*nodes, *tensors[2:], *(() if call.recomputes else kept.tensors))
        return received, updated

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_received: Tensor, of_updated: Tensor | None) -> tuple[Tensor | None, ...]:
        call, saved = ctx.call, ctx.saved_tensors
        network = _Network(call, saved[: ctx.inputs])
        kept = call.room(network.edge, network.stack) if call.recomputes else Kept.of(saved[ctx.inputs :])
        return None, *_Backward(network, kept, saved[3 : ctx.inputs])(of_received, of_updated)


def _like(edge: Tensor) -> Tensor:
    """Fresh memory for as many values."""
    return empty_rows(edge.shape[:-1].numel(), edge.shape[-1], edge).view(edge.shape)


class _Backward:
    """The backward pass and what it sums."""

    def __init__(self, network: _Network, kept: Kept, parameters: Sequence[Tensor]) -> None:
        self.network, self.call, self.kept, edge = network, network.call, kept, network.edge
        weight, *others = parameters
        nodes = (self.call.edges.target_count, self.call.edges.source_count)
        self.to_target, self.to_source = (edge.new_zeros(len(edge), count, edge.shape[-1]) for count in nodes)
        self.to_edge, self.to_weight = _like(edge), torch.zeros_like(weight)
        self.sums = self.call.stack.with_parameters(others).no_gradients()

    def __call__(self, of_received: Tensor, of_updated: Tensor | None) -> tuple[Tensor, ...]:
        """The gradients of t, s, e, W and the stack's parameters."""
        for step in self.call.steps(self.network.edge):
            kept = step.of_kept(self.kept)
            if self.call.recomputes:
                self.network.forward(step, kept)
            grad = of_received[step.item].index_select(0, step.target)
            if of_updated is not None:
                grad.add_(step.of_edges(of_updated))
            self._step(step, grad, self.network.stack.backward(grad, kept, self.sums))
        return self.to_target, self.to_source, self.to_edge, self.to_weight, *self.sums.tensors

    def _step(self, step: _Step, of_updated: Tensor, of_z: Tensor) -> None:
        """From the gradients of e' and of z to those of the nodes, the edges and W."""
        accumulate(self.to_weight, of_z, step.of_edges(self.network.edge).to(of_z.dtype))
        product_into(step.of_edges(self.to_edge), of_z, self.network.weight, of_updated)
        of_z = of_z.to(of_updated.dtype)
        step.of_targets(self.to_target).copy_(sum_range(of_z, self.call.edges, step.part))
        self.to_source[step.item].index_add_(0, step.source, of_z)
