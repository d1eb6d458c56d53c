"""The two ends of a network on edges as Triton kernels, for GPUs; `wxml_kernels.fused` says when they run.

Between them stand the products and activations of the network, which are those of torch. With y its last product, LN
a layer norm or nothing, and the edges j → i:

    z_ij = t_i + s_j + w_ij                                             `join`
    e'_ij = e_ij + LN(y_ij),    a_i = Σ_j e'_ij                         `receive`

One program has one target (or, for ∂s, one source) and adds up alone what belongs to it: no atomic operation, so
results repeat. The gradients of LN's weight and bias are sums over the targets of a program, then over the programs.
"""

__all__ = ["join", "receive"]

import torch
import triton
import triton.language as tl
from torch import Tensor

from wxml_kernels.edges import EdgeIndex

PROGRAMS = 1024
"""At most so many programs share the targets in the backward pass of `receive`; each has its own sums for LN."""


@triton.jit
def _join(
    t, s, w, z, source, target, targets, sources, edges, items,
    C: tl.constexpr, CP: tl.constexpr, SUM: tl.constexpr,
):  # fmt: skip
    e, n = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    c = tl.arange(0, CP)
    i, j = tl.load(target + e), tl.load(source + e)
    total = tl.load(t + (n * targets + i) * C + c, mask=c < C, other=0.0).to(SUM)
    total += tl.load(s + (n * sources + j) * C + c, mask=c < C, other=0.0)
    total += tl.load(w + (n * items + e) * C + c, mask=c < C, other=0.0)
    tl.store(z + (n * edges + e) * C + c, total, mask=c < C)


@triton.jit
def _sum_at(
    values, out, order, pointers, nodes, edges,
    C: tl.constexpr, CP: tl.constexpr, SUM: tl.constexpr, ORDERED: tl.constexpr,
):  # fmt: skip
    i, n = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    c = tl.arange(0, CP)
    total = tl.zeros([CP], dtype=SUM)
    for place in range(tl.load(pointers + i), tl.load(pointers + i + 1)):
        e = tl.load(order + place) if ORDERED else place
        total += tl.load(values + (n * edges + e) * C + c, mask=c < C, other=0.0)
    tl.store(out + (n * nodes + i) * C + c, total, mask=c < C)


@triton.jit
def _receive(
    y, e, weight, bias, updated, received, mean, deviation, pointers, nodes, edges, items,
    C: tl.constexpr, CP: tl.constexpr, SUM: tl.constexpr,
    EPSILON: tl.constexpr, NORM: tl.constexpr, KEEPS: tl.constexpr,
):  # fmt: skip
    i, n = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    c = tl.arange(0, CP)
    total = tl.zeros([CP], dtype=SUM)
    if NORM:
        gain = tl.load(weight + c, mask=c < C, other=0.0).to(SUM)
        shift = tl.load(bias + c, mask=c < C, other=0.0).to(SUM)
    for edge in range(tl.load(pointers + i), tl.load(pointers + i + 1)):
        row = n * edges + edge
        new = tl.load(y + row * C + c, mask=c < C, other=0.0).to(SUM)
        if NORM:
            centre = tl.sum(new, 0) / C
            new = tl.where(c < C, new - centre, 0.0)
            inverse = 1.0 / tl.sqrt(tl.sum(new * new, 0) / C + EPSILON)
            new = new * inverse * gain + shift
            tl.store(mean + row, centre)
            tl.store(deviation + row, inverse)
        new += tl.load(e + (n * items + edge) * C + c, mask=c < C, other=0.0)
        if KEEPS:
            tl.store(updated + row * C + c, new, mask=c < C)
        total += new
    tl.store(received + (n * nodes + i) * C + c, total, mask=c < C)


@triton.jit
def _receive_backward(
    y, weight, mean, deviation, grad_updated, grad_received, pointers,
    grad_y, grad_e, grad_weight, grad_bias, nodes, edges, targets, programs,
    C: tl.constexpr, CP: tl.constexpr, SUM: tl.constexpr, NORM: tl.constexpr, KEEPS: tl.constexpr,
):  # fmt: skip
    program = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, CP)
    grad_gain = tl.zeros([CP], dtype=SUM)
    grad_shift = tl.zeros([CP], dtype=SUM)
    if NORM:
        gain = tl.load(weight + c, mask=c < C, other=0.0).to(SUM)
    for at in range(program, targets, programs):
        n, i = at // nodes, at % nodes
        above = tl.load(grad_received + at * C + c, mask=c < C, other=0.0).to(SUM)
        for edge in range(tl.load(pointers + i), tl.load(pointers + i + 1)):
            row = n * edges + edge
            grad = above
            if KEEPS:
                grad += tl.load(grad_updated + row * C + c, mask=c < C, other=0.0)
            tl.store(grad_e + row * C + c, grad, mask=c < C)
            if NORM:
                inverse = tl.load(deviation + row)
                unit = tl.load(y + row * C + c, mask=c < C, other=0.0).to(SUM)
                unit = tl.where(c < C, (unit - tl.load(mean + row)) * inverse, 0.0)
                grad_gain += grad * unit
                grad_shift += grad
                grad = grad * gain
                grad = inverse * (grad - tl.sum(grad, 0) / C - unit * (tl.sum(grad * unit, 0) / C))
            tl.store(grad_y + row * C + c, grad, mask=c < C)
    if NORM:
        tl.store(grad_weight + program * C + c, grad_gain, mask=c < C)
        tl.store(grad_bias + program * C + c, grad_shift, mask=c < C)


def _sizes(values: Tensor) -> dict[str, object]:
    """The constants that every kernel is compiled for."""
    channels = values.shape[-1]
    padded = triton.next_power_of_2(channels)
    return {"C": channels, "CP": padded, "num_warps": max(1, min(8, padded // 256))}


def _sum_type(values: Tensor) -> tl.dtype:
    return tl.float64 if values.dtype == torch.float64 else tl.float32


def join(t: Tensor, s: Tensor, w: Tensor, edges: EdgeIndex) -> Tensor:
    """t_i + s_j + w_ij for every edge j → i, differentiable once.

    Args:
        t: shape `[batch, target_node, channel]`.
        s: shape `[batch, source_node, channel]`, with the dtype of t.
        w: shape `[batch, edge, channel]` or `[edge, channel]`, likewise.
        edges: the edges.

    Returns:
        Shape `[batch, edge, channel]`, dtype of t.
    """
    indices = (edges.source, edges.target, edges.pointers, edges.transpose, edges.source_pointers)
    joined: Tensor = _joined(t.contiguous(), s.contiguous(), w.contiguous(), *indices)
    return joined


@torch.library.custom_op("wxml_kernels::triton_join", mutates_args=())
def _joined(
    t: Tensor, s: Tensor, w: Tensor,
    source: Tensor, target: Tensor, pointers: Tensor, transpose: Tensor, source_pointers: Tensor,
) -> Tensor:  # fmt: skip
    z = t.new_empty(len(t), len(source), t.shape[-1])
    if z.numel():
        counts = (t.shape[1], s.shape[1], len(source), len(source) if w.ndim == 3 else 0)
        with torch.cuda.device_of(t):  # Triton launches on the current device
            _join[(len(source), len(t))](t, s, w, z, source, target, *counts, **_sizes(t), SUM=_sum_type(t))
    return z


@_joined.register_fake
def _(
    t: Tensor, s: Tensor, w: Tensor,
    source: Tensor, target: Tensor, pointers: Tensor, transpose: Tensor, source_pointers: Tensor,
) -> Tensor:  # fmt: skip
    return t.new_empty(len(t), len(source), t.shape[-1])


@torch.library.custom_op("wxml_kernels::triton_sum_at", mutates_args=())
def _summed(values: Tensor, order: Tensor | None, pointers: Tensor) -> Tensor:
    batch, edges, channels = values.shape
    nodes = len(pointers) - 1
    out = values.new_empty(batch, nodes, channels)
    if out.numel():
        sizes = {**_sizes(values), "SUM": _sum_type(values), "ORDERED": order is not None}
        with torch.cuda.device_of(values):  # Triton launches on the current device
            _sum_at[(nodes, batch)](values, out, order, pointers, nodes, edges, **sizes)
    return out


@_summed.register_fake
def _(values: Tensor, order: Tensor | None, pointers: Tensor) -> Tensor:
    return values.new_empty(len(values), len(pointers) - 1, values.shape[-1])


def _save_join(ctx, inputs, output) -> None:
    _, _, w, _, _, pointers, transpose, source_pointers = inputs
    ctx.shared = w.ndim == 2
    ctx.save_for_backward(pointers, transpose, source_pointers)


def _join_backward(ctx, grad):
    pointers, transpose, source_pointers = ctx.saved_tensors
    grad = grad.contiguous()
    of_targets, of_sources = _summed(grad, None, pointers), _summed(grad, transpose, source_pointers)
    return of_targets, of_sources, grad.sum(0) if ctx.shared else grad, *[None] * 5


_joined.register_autograd(_join_backward, setup_context=_save_join)


def receive(
    y: Tensor, e: Tensor, norm: tuple[Tensor, ...], epsilon: float, edges: EdgeIndex, *, keeps_edges: bool
) -> tuple[Tensor, Tensor]:
    """The sums a and the edges e' of the module's formula, differentiable once.

    Args:
        y: shape `[batch, edge, channel]`.
        e: shape `[batch, edge, channel]` or `[edge, channel]`, in float32 or float64.
        norm: weight and bias of LN, shape `[channel]` each; empty without LN.
        epsilon: that of LN.
        edges: the edges.
        keeps_edges: whether e' is wanted; if not, nothing stands in its place.

    Returns:
        a, shape `[batch, target_node, channel]`, and e', shape `[batch, edge, channel]` or empty, in the dtype of e.
    """
    weight, bias = norm or (None, None)
    tensors = (y.contiguous(), e.contiguous(), weight, bias, edges.pointers)
    received, updated, _, _ = _received(*tensors, epsilon, keeps_edges)
    return received, updated


@torch.library.custom_op("wxml_kernels::triton_receive", mutates_args=())
def _received(
    y: Tensor, e: Tensor, weight: Tensor | None, bias: Tensor | None, pointers: Tensor, epsilon: float, keeps: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    made = _receive_outputs(y, e, weight, pointers, keeps)
    received, updated, mean, deviation = made
    if received.numel():
        sizes = {**_sizes(e), "SUM": _sum_type(e), "NORM": weight is not None, "KEEPS": keeps}
        nodes, edges = received.shape[1], y.shape[1]
        arguments = (y, e, weight, bias, updated, received, mean, deviation, pointers)
        counts = (nodes, edges, edges if e.ndim == 3 else 0)
        with torch.cuda.device_of(y):  # Triton launches on the current device
            _receive[(nodes, len(y))](*arguments, *counts, EPSILON=epsilon, **sizes)
    return made


def _receive_outputs(
    y: Tensor, e: Tensor, weight: Tensor | None, pointers: Tensor, keeps: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Memory for a, e', and the mean and inverse deviation of each row of y."""
    batch, count, channels = y.shape
    received = e.new_empty(batch, len(pointers) - 1, channels)
    updated = e.new_empty(batch, count if keeps else 0, channels)
    rows = 0 if weight is None else count
    return received, updated, e.new_empty(batch, rows), e.new_empty(batch, rows)


@_received.register_fake
def _(
    y: Tensor, e: Tensor, weight: Tensor | None, bias: Tensor | None, pointers: Tensor, epsilon: float, keeps: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return _receive_outputs(y, e, weight, pointers, keeps)


@torch.library.custom_op("wxml_kernels::triton_receive_backward", mutates_args=())
def _receive_gradients(
    grad_received: Tensor, grad_updated: Tensor,
    y: Tensor, weight: Tensor | None, mean: Tensor, deviation: Tensor, pointers: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    made = _gradient_outputs(grad_received, y, weight, pointers)
    grad_y, grad_e, *sums = made
    batch, edges, _ = y.shape
    nodes = len(pointers) - 1
    if y.numel():
        programs = _programs(batch, nodes)
        keeps = grad_updated.shape[1] == edges
        sizes = {**_sizes(y), "SUM": _sum_type(grad_e), "NORM": weight is not None, "KEEPS": keeps}
        arguments = (y, weight, mean, deviation, grad_updated, grad_received, pointers, grad_y, grad_e, *sums)
        with torch.cuda.device_of(y):  # Triton launches on the current device
            _receive_backward[(programs,)](*arguments, nodes, edges, batch * nodes, programs, **sizes)
    return made


def _programs(batch: int, nodes: int) -> int:
    return min(PROGRAMS, batch * nodes)


def _gradient_outputs(
    grad_received: Tensor, y: Tensor, weight: Tensor | None, pointers: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Memory for the gradients of y and e, and for the parts of those of LN's weight and bias."""
    parts = 0 if weight is None or not y.numel() else _programs(len(y), len(pointers) - 1)
    of_weight, of_bias = (grad_received.new_empty(parts, y.shape[-1]) for _ in range(2))
    return torch.empty_like(y), grad_received.new_empty(y.shape), of_weight, of_bias


@_receive_gradients.register_fake
def _(
    grad_received: Tensor, grad_updated: Tensor,
    y: Tensor, weight: Tensor | None, mean: Tensor, deviation: Tensor, pointers: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    return _gradient_outputs(grad_received, y, weight, pointers)


def _save_receive(ctx, inputs, output) -> None:
    y, e, weight, _, pointers, _, _ = inputs
    _, _, mean, deviation = output
    ctx.shared = e.ndim == 2
    ctx.save_for_backward(y, weight, mean, deviation, pointers)


def _backward_of_receive(ctx, grad_received, grad_updated, _mean, _deviation):
    y, weight, mean, deviation, pointers = ctx.saved_tensors
    above = (grad_received.contiguous(), grad_updated.contiguous())
    grad_y, grad_e, parts, more = _receive_gradients(*above, y, weight, mean, deviation, pointers)
    of_norm = (None, None) if weight is None else (parts.sum(0), more.sum(0))
    return grad_y, grad_e.sum(0) if ctx.shared else grad_e, *of_norm, None, None, None


_received.register_autograd(_backward_of_receive, setup_context=_save_receive)
