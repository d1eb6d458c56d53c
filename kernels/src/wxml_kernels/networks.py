"""Small networks on edges and on rows, in one pass over ranges that fit the caches, forward and backward.

On a CPU a range goes through the whole network before the next one: the values between two layers stay in the cache,
and only those that the backward pass cannot make again cheaply are written to memory (`LayerStack`). The backward pass
walks over the same ranges. On other devices and under a compiler, the same sums are operations of torch on all edges or
rows at once.
"""

__all__ = ["edge_network", "row_network"]

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from wxml_kernels.edges import WORKING_SET, EdgeIndex, Range, join_edges, segment_sum, sum_range
from wxml_kernels.fused import EdgeBackend, runs_fused
from wxml_kernels.fused_edges import fused_network
from wxml_kernels.layer_stack import (
    LayerStack,
    SavedActivations,
    add_product,
    precisions,
    product_into,
    runs_in_ranges,
)
from wxml_kernels.memory_pool import empty_like, empty_rows, is_real

LIVE_TENSORS = 6
"""Number of `[edge, channel]` tensors alive at once; bytes per edge = this × channels × item size."""


class _Settings(NamedTuple):
    """The arguments of the autograd functions that are no tensors."""

    stack: LayerStack
    dtype: torch.dtype
    """The dtype of matrix products; sums, norms and the result have the dtype of the inputs."""
    training: bool
    """Whether a backward pass will follow."""
    recompute: bool
    residual: bool = False
    keeps_edges: bool = True

    @property
    def saves(self) -> bool:
        """Whether the forward pass saves its activations for the backward pass."""
        return self.training and not self.recompute


def edge_network(
    nodes: tuple[Tensor, Tensor],
    edge: Tensor,
    weight: Tensor,
    stack: LayerStack,
    edges: EdgeIndex,
    *,
    dtype: torch.dtype | None = None,
    keeps_edges: bool = True,
    recompute: bool = False,
    backend: EdgeBackend = "auto",
) -> tuple[Tensor, Tensor]:
    """Messages along edges and their sums into targets.

    For each edge j → i, with t and s the products of the first layer that are taken once per node (see `join_edges`):

        z_ij  = t_i + s_j + W e_ij
        e'_ij = e_ij + stack(z_ij)
        a_i   = Σ_j e'_ij

    >>> edges = EdgeIndex([0, 1, 1], [0, 0, 2], source_count=2, target_count=3)
    >>> t, s, e = torch.zeros(1, 3, 4), torch.ones(1, 2, 4), torch.zeros(3, 4)
    >>> stack = LayerStack("relu", (torch.eye(4),), (torch.zeros(4),))
    >>> received, updated = edge_network((t, s), e, torch.eye(4), stack, edges)
    >>> received[0, :, 0], list(updated.shape)
    (tensor([2., 0., 1.]), [1, 3, 4])

    Args:
        nodes: t and s, bias included; shapes `[batch, target_node, channel]` and `[batch, source_node, channel]`.
        edge: e, shape `[batch, edge, channel]` or, if it is the same for the whole batch, `[edge, channel]`.
        weight: W, shape `[channel, channel]`.
        stack: the layers after the first one.
        edges: the edges.
        dtype: of matrix products; None: that of autocast or else of `edge`. Sums, norms and results have the precision
            of `edge`, float32 at least.
        keeps_edges: False if nobody needs e': `edge` is returned in its place.
        recompute: the backward pass computes every z again, range by range, instead of reading saved ones: it then
            reads nothing but t, s and e, and takes a third more products.
        backend: `triton`: kernels on a GPU fuse what is in front of the products and behind them; `blocks`: code of
            this library on a CPU, operations of torch on all edges at once elsewhere; `auto`: `triton` on a GPU where
            a trial has shown that it works, else `blocks`.

    Returns:
        a, shape `[batch, target_node, channel]`, and e', shape `[batch, edge, channel]`.

    Raises:
        BackendError: `backend` is `triton`, and it cannot run on the device of the edges.
    """
    dtype, sums = precisions(edge, dtype)
    with torch.autocast(edge.device.type, enabled=False):
        t, s = (values.to(dtype) for values in nodes)
        if runs_fused(backend, t):
            return fused_network((t, s), edge.to(sums), weight, stack, edges, keeps_edges=keeps_edges)
        e = _of_each(edge.to(sums), len(t))
        if not runs_in_ranges(e):
            joined = join_edges(t, s, functional.linear(e.to(dtype), weight.to(dtype)), edges)
            updated = e + stack.products_in(dtype).composed(joined, sums)
            return segment_sum(updated, edges), updated
        tensors = (t, s, e, weight, *stack.parameters)
        training = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
        settings = _Settings(stack, dtype, training, recompute, keeps_edges=keeps_edges)
        received, updated = _EdgeNetwork.apply(settings, edges, *tensors)  # type: ignore[no-untyped-call]
    return received, updated if keeps_edges else e


def _of_each(edge: Tensor, batch: int) -> Tensor:
    """The edges of each item, `[batch, edge, channel]`; of one item it is a view, whose gradient need not be summed."""
    return edge.unsqueeze(0) if edge.ndim == 2 and batch == 1 else edge.expand(batch, *edge.shape[-2:])


def _ranges(edges: EdgeIndex, e: Tensor) -> tuple[Range, ...]:
    """The ranges of targets whose edges fit the caches, for e `[batch, edge, channel]`."""
    return edges.ranges(LIVE_TENSORS * e.shape[-1] * e.element_size())


def _steps(ranges: tuple[Range, ...], e: Tensor) -> Iterator[tuple[int, Range, tuple[int, int]]]:
    """Item, range, and the range's first and last row among the edges of all items.

    For a tensor without values the first range alone, which takes as much memory as all of them.
    """
    batch, count, _ = e.shape
    for item, part in product(range(batch), ranges if is_real(e) else ranges[:1]):
        yield item, part, (item * count + part.edges.start, item * count + part.edges.stop)


def _memory_for(settings: _Settings, ranges: tuple[Range, ...], e: Tensor) -> SavedActivations:
    """Memory for the activations of all edges, or of the longest range if nothing is saved."""
    longest = max((part.edges.stop - part.edges.start for part in ranges), default=0)
    rows = e.shape[0] * e.shape[1] if settings.saves else longest
    return SavedActivations.empty(rows, settings.stack.widths(e.shape[-1]), e, settings.dtype)


class _EdgeNetwork(torch.autograd.Function):
    """`edge_network` in ranges; t, s, e, W and z are those of its formula."""

    @staticmethod
    def forward(ctx: Any, settings: _Settings, edges: EdgeIndex, *tensors: Tensor) -> tuple[Tensor, Tensor | None]:
        t, s, e, weight, *parameters = tensors
        stack = settings.stack.with_parameters(parameters).products_in(settings.dtype)
        weight, ranges = weight.to(settings.dtype), _ranges(edges, e)
        memory = _memory_for(settings, ranges, e)
        received = e.new_empty(t.shape)  # [batch, target_node, channel]
        updated = empty_like(e) if settings.keeps_edges else None  # [batch, edge, channel]
        for item, part, rows in _steps(ranges, e):
            here, saved = e[item, part.edges], memory.rows(*rows)  # [edge of the range, channel]
            _first_layer(saved.pre_activations[0], (t[item], s[item], here), weight, edges, part)
            out = None if updated is None else updated[item, part.edges]
            new = torch.add(here, stack.forward(saved, e.dtype), out=out)  # e', [edge of the range, channel]
            received[item, part.targets] = sum_range(new, edges, part)
            del new  # its memory serves the next range
        if settings.training:
            ctx.settings, ctx.edges, ctx.count = settings, edges, len(tensors)
            nodes = (t, s) if settings.recompute else (None, None)
            ctx.save_for_backward(*nodes, e, *tensors[3:], *(memory.tensors if settings.saves else ()))
        return received, updated

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_received: Tensor, grad_updated: Tensor | None) -> tuple[Tensor | None, ...]:
        settings, edges = ctx.settings, ctx.edges
        saved_tensors = ctx.saved_tensors
        t, s, e, weight, *parameters = saved_tensors[: ctx.count]
        ranges = _ranges(edges, e)
        memory = SavedActivations.of(saved_tensors[ctx.count :]) if settings.saves else _memory_for(settings, ranges, e)
        stack = settings.stack.with_parameters(parameters)
        grad_stack, stack = stack.zeros(), stack.products_in(settings.dtype)
        grad_weight, weight = torch.zeros_like(weight), weight.to(settings.dtype)
        batch, _, channels = e.shape
        grad_t = e.new_empty(batch, edges.target_count, channels)
        grad_s = e.new_zeros(batch, edges.source_count, channels)
        grad_e = empty_like(e)
        for item, part, rows in _steps(ranges, e):
            here, saved = e[item, part.edges], memory.rows(*rows)  # [edge of the range, channel]
            if settings.recompute:
                _first_layer(saved.pre_activations[0], (t[item], s[item], here), weight, edges, part)
                stack.forward(saved, e.dtype)
            grad = grad_received[item].index_select(0, edges.target[part.edges])  # ∂e', [edge of the range, channel]
            if grad_updated is not None:
                grad.add_(grad_updated[item, part.edges])
            grad_z = stack.backward(grad, saved, grad_stack)  # [edge of the range, channel]
            add_product(grad_weight, grad_z, here.to(grad_z.dtype))  # ∂W = Σ ∂z ⊗ e
            product_into(grad_e[item, part.edges], grad_z, weight, grad)  # ∂e = ∂e' + Wᵀ ∂z
            grad_z = grad_z.to(grad.dtype)
            grad_t[item, part.targets] = sum_range(grad_z, edges, part)
            grad_s[item].index_add_(0, edges.source[part.edges], grad_z)
            del grad, grad_z  # their memory serves the next range
        return None, None, grad_t, grad_s, grad_e, grad_weight, *grad_stack.parameters


def _first_layer(
    z: Tensor, values: tuple[Tensor, Tensor, Tensor], weight: Tensor, edges: EdgeIndex, part: Range
) -> None:
    """Write t_i + s_j + W e_ij of a range into z, `[edge of the range, channel]`."""
    t, s, e = values
    torch.index_select(t, 0, edges.target[part.edges], out=z)
    z.add_(s.index_select(0, edges.source[part.edges]))
    z.addmm_(e.to(z.dtype), weight.t())


def row_network(
    inputs: Sequence[Tensor],
    weights: Sequence[Tensor],
    bias: Tensor,
    stack: LayerStack,
    *,
    dtype: torch.dtype | None = None,
    residual: bool = False,
    recompute: bool = False,
) -> Tensor:
    """A network on each row (node, edge) that takes several inputs without joining them.

        z = Σ_k W_k x_k + b,    out = stack(z)    or, with a residual,    out = x_1 + stack(z)

    This is MLP[x_1 ‖ x_2 ‖ …] without the concatenation.

    >>> x, y = torch.ones(5, 2), torch.ones(5, 3)
    >>> stack = LayerStack("relu", (torch.ones(1, 4),), (torch.zeros(1),))
    >>> row_network((x, y), (torch.ones(4, 2), torch.ones(4, 3)), torch.zeros(4), stack).flatten()
    tensor([20., 20., 20., 20., 20.])

    Args:
        inputs: x_k, shape `[..., channel in]` each, with the same rows.
        weights: W_k, shape `[channel, channel in]` each.
        bias: b, shape `[channel]`.
        stack: the layers after the first one.
        dtype: of matrix products; None: that of autocast or else of the inputs. Sums, norms and the result have the
            precision of the inputs, float32 at least.
        residual: whether the first input is added to the output.
        recompute: the backward pass computes every z again, range by range, instead of reading saved ones: it then
            reads nothing but the inputs, and takes a third more products.

    Returns:
        Shape `[..., channel out]`.
    """
    shape = inputs[0].shape[:-1]
    dtype, sums = precisions(inputs[0], dtype)
    with torch.autocast(inputs[0].device.type, enabled=False):
        xs = [values.to(sums).reshape(-1, values.shape[-1]) for values in inputs]  # [row, channel in]
        if not runs_in_ranges(xs[0]):
            joined, weight = torch.cat([x.to(dtype) for x in xs], dim=-1), torch.cat([w.to(dtype) for w in weights], 1)
            z = functional.linear(joined, weight, bias.to(dtype))
            out = stack.products_in(dtype).composed(z, sums)
            out = xs[0] + out if residual else out
        else:
            tensors = (*xs, *weights, bias, *stack.parameters)
            training = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
            settings = _Settings(stack, dtype, training, recompute, residual)
            out = _RowNetwork.apply(settings, len(xs), *tensors)  # type: ignore[no-untyped-call]
    return out.view(*shape, out.shape[-1])


def _row_ranges(x: Tensor, widths: Sequence[int]) -> tuple[int, list[tuple[int, int]]]:
    """The rows of a range, and the first and the last row of each.

    For a tensor without values the first range alone, which takes as much memory as all of them.
    """
    longest = max(1, WORKING_SET // (LIVE_TENSORS * max(widths) * x.element_size()))
    bounds = [*range(0, len(x), longest), len(x)]
    return longest, list(pairwise(bounds if is_real(x) else bounds[:2]))


class _RowNetwork(torch.autograd.Function):
    """`row_network` in ranges; x, W, b and z are those of its formula."""

    @staticmethod
    def forward(ctx: Any, settings: _Settings, count: int, *tensors: Tensor) -> Tensor:
        xs, (bias, *parameters) = tensors[:count], tensors[2 * count :]
        weights, stack = [w.to(settings.dtype) for w in tensors[count : 2 * count]], settings.stack
        stack = stack.with_parameters(parameters).products_in(settings.dtype)
        widths = stack.widths(len(bias))
        longest, ranges = _row_ranges(xs[0], widths)
        memory = SavedActivations.empty(len(xs[0]) if settings.saves else longest, widths, xs[0], settings.dtype)
        out = empty_rows(len(xs[0]), widths[-1], xs[0])  # [row, channel out]
        for first, last in ranges:
            rows, saved = slice(first, last), memory.rows(first, last)
            _first_sum(saved.pre_activations[0], [x[rows] for x in xs], weights, bias)
            new = stack.forward(saved, xs[0].dtype)  # [row of the range, channel out]
            if settings.residual:
                torch.add(xs[0][rows], new, out=out[rows])
            else:
                out[rows] = new
        if settings.training:
            ctx.settings, ctx.inputs, ctx.count = settings, count, len(tensors)
            ctx.save_for_backward(*tensors, *(memory.tensors if settings.saves else ()))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        settings, count = ctx.settings, ctx.inputs
        saved_tensors = ctx.saved_tensors
        tensors = saved_tensors[: ctx.count]
        xs, (bias, *parameters) = tensors[:count], tensors[2 * count :]
        widths = settings.stack.widths(len(bias))
        longest, ranges = _row_ranges(xs[0], widths)
        if settings.saves:
            memory = SavedActivations.of(saved_tensors[ctx.count :])
        else:
            memory = SavedActivations.empty(longest, widths, xs[0], settings.dtype)
        stack = settings.stack.with_parameters(parameters)
        grad_stack, stack = stack.zeros(), stack.products_in(settings.dtype)
        weights = [w.to(settings.dtype) for w in tensors[count : 2 * count]]
        *grad_weights, grad_bias = (torch.zeros_like(tensor) for tensor in tensors[count : 2 * count + 1])
        wanted = ctx.needs_input_grad[2 : count + 2]
        grad_xs = [empty_like(x) if is_wanted else None for x, is_wanted in zip(xs, wanted, strict=True)]
        for first, last in ranges:
            rows, saved = slice(first, last), memory.rows(first, last)
            if settings.recompute:
                _first_sum(saved.pre_activations[0], [x[rows] for x in xs], weights, bias)
                stack.forward(saved, xs[0].dtype)
            grad_z = stack.backward(grad[rows], saved, grad_stack)  # [row of the range, channel]
            grad_bias.add_(grad_z.sum(0))
            for k, (x, grad_x) in enumerate(zip(xs, grad_xs, strict=True)):
                add_product(grad_weights[k], grad_z, x[rows].to(grad_z.dtype))  # ∂W_k = Σ ∂z ⊗ x_k
                if grad_x is not None:  # ∂x_k = W_kᵀ ∂z, and ∂out for the residual
                    plus = grad[rows] if settings.residual and k == 0 else None
                    product_into(grad_x[rows], grad_z, weights[k], plus)
            del grad_z  # its memory serves the next range
        return None, None, *grad_xs, *grad_weights, grad_bias, *grad_stack.parameters


def _first_sum(z: Tensor, xs: Sequence[Tensor], weights: Sequence[Tensor], bias: Tensor) -> None:
    """Write Σ_k W_k x_k + b of a range into z, `[row of the range, channel]`."""
    torch.mm(xs[0].to(z.dtype), weights[0].t(), out=z)
    z.add_(bias)  # while z is in the cache
    for x, weight in zip(xs[1:], weights[1:], strict=True):
        z.addmm_(x.to(z.dtype), weight.t())
