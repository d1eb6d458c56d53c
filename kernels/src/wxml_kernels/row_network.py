"""A small network on rows (nodes, edges) that takes several inputs without joining them, range after range of rows.

    z = Σ_k W_k x_k + b,    out = stack(z)    or, with a residual,    out = x_1 + stack(z)

which is MLP[x_1 ‖ x_2 ‖ …] without the concatenation. On a CPU it goes over ranges of rows that fit the caches, forward
and backward, as `wxml_kernels.edge_network` does over edges.
"""

__all__ = ["row_network"]

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from wxml_kernels.edges import WORKING_SET
from wxml_kernels.layer_stack import Kept, LayerStack, accumulate, goes_in_ranges, precisions, product_into
from wxml_kernels.reused_memory import empty_rows, is_real

LIVE_TENSORS = 6
"""Tensors of one range that the passes have in use at a time, by which the bytes of a row are told."""


class _Call(NamedTuple):
    """What a pass is about, other than tensors."""

    stack: LayerStack
    inputs: int
    """How many x_k there are."""
    residual: bool
    dtype: torch.dtype
    """Of the matrix products."""
    sums: torch.dtype
    """Of sums and norms."""
    training: bool
    recomputes: bool


class _Network:
    """Inputs and parameters in the precision of the products, and the forward pass of some rows."""

    def __init__(self, call: _Call, tensors: Sequence[Tensor]) -> None:
        self.call, self.inputs = call, tensors[: call.inputs]
        bias, *parameters = tensors[2 * call.inputs :]
        self.bias, self.weights = (
            bias.to(call.dtype),
            [w.to(call.dtype) for w in tensors[call.inputs : 2 * call.inputs]],
        )
        self.stack = call.stack.with_parameters(parameters).products_in(call.dtype)
        self.widths = self.stack.widths(len(bias))
        self.longest = max(1, WORKING_SET // (LIVE_TENSORS * max(self.widths) * call.sums.itemsize))

    def room(self) -> Kept:
        """For what the backward pass reads; where it reads nothing, for one range."""
        keeps = self.call.training and not self.call.recomputes
        rows = len(self.inputs[0]) if keeps else self.longest
        return Kept.empty(rows, self.widths, self.inputs[0], self.call.dtype)

    def ranges(self) -> Iterator[tuple[int, int]]:
        """First and last row of each; only the first range for tensors without values, which takes as much memory."""
        bounds = [*range(0, len(self.inputs[0]), self.longest), len(self.inputs[0])]
        return pairwise(bounds if is_real(self.inputs[0]) else bounds[:2])

    def forward(self, rows: slice, kept: Kept, out: Tensor | None = None) -> None:
        """Fill what is kept of some rows and, where there is one, their output."""
        z = kept.before[0].copy_(self.bias)
        for x, weight in zip(self.inputs, self.weights, strict=True):
            z.addmm_(x[rows].to(z.dtype), weight.t())
        new = self.stack.forward(kept, self.call.sums)
        if out is not None and self.call.residual:
            torch.add(self.inputs[0][rows], new, out=out)
        elif out is not None:
            out.copy_(new)


def row_network(
    inputs: Sequence[Tensor],
    weights: Sequence[Tensor],
    bias: Tensor,
    stack: LayerStack,
    *,
    dtype: torch.dtype | None = None,
    residual: bool = False,
    recomputes: bool = False,
) -> Tensor:
    """What the network makes of each row.

    Args:
        inputs: x_k, shape `[..., channel in]` each, with the same rows.
        weights: W_k, shape `[channel, channel in]` each.
        bias: b, shape `[channel]`.
        stack: the layers after the first one.
        dtype: of the matrix products; that of autocast, or of the inputs, unless told. Sums, norms and the result have
            the precision of the inputs, float32 at least.
        residual: whether the first input is added to the output.
        recomputes: whether the backward pass computes every z again, range by range, instead of keeping them: the
            gradients then read nothing but the inputs, and take a third more products.

    Returns:
        Shape `[..., channel out]`.
    """
    shape = inputs[0].shape[:-1]
    dtype, sums = precisions(inputs[0], dtype)
    with torch.autocast(inputs[0].device.type, enabled=False):
        rows = [values.to(sums).reshape(-1, values.shape[-1]) for values in inputs]
        tensors = (*rows, *weights, bias, *stack.parameters)
        training = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
        call = _Call(stack, len(inputs), residual, dtype, sums, training, recomputes)
        run = _RowNetwork.apply if goes_in_ranges(rows[0]) else _plain
        out: Tensor = run(call, *tensors)
    return out.view(*shape, out.shape[-1])


def _plain(call: _Call, *tensors: Tensor) -> Tensor:
    """In differentiable operations on all rows at once."""
    network = _Network(call, tensors)
    joined = torch.cat([x.to(call.dtype) for x in network.inputs], dim=-1)
    before = functional.linear(joined, torch.cat(network.weights, dim=1), network.bias)
    out = network.stack.plain(before, call.sums)
    return network.inputs[0] + out if call.residual else out


class _RowNetwork(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call, *tensors: Tensor) -> Tensor:
        network = _Network(call, tensors)
        kept, out = network.room(), empty_rows(len(tensors[0]), network.widths[-1], tensors[0])
        for first, last in network.ranges():
            network.forward(slice(first, last), kept.rows(first, last), out[first:last])
        if call.training:
            ctx.call = call
            ctx.save_for_backward(*tensors, *(() if call.recomputes else kept.tensors))
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        call: _Call = ctx.call
        saved = ctx.saved_tensors
        count = 2 * call.inputs + 1 + len(call.stack.parameters)
        network = _Network(call, saved[:count])
        kept = network.room() if call.recomputes else Kept.of(saved[count:])
        backward = _Backward(network, kept, saved[:count], ctx.needs_input_grad[1 : call.inputs + 1])
        return None, *backward(grad)


class _Backward:
    """The backward pass and what it sums."""

    def __init__(self, network: _Network, kept: Kept, tensors: Sequence[Tensor], needed: Sequence[bool]) -> None:
        self.network, self.kept = network, kept
        self.to_inputs = [
            empty_rows(len(x), x.shape[1], x) if wanted else None
            for x, wanted in zip(network.inputs, needed, strict=True)
        ]
        *self.to_weights, self.to_bias = (torch.zeros_like(w) for w in tensors[len(needed) : 2 * len(needed) + 1])
        self.sums = network.call.stack.with_parameters(tensors[2 * len(needed) + 1 :]).no_gradients()

    def __call__(self, of_out: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of inputs, weights, bias and the stack's parameters."""
        for first, last in self.network.ranges():
            rows, kept = slice(first, last), self.kept.rows(first, last)
            if self.network.call.recomputes:
                self.network.forward(rows, kept)
            of_z = self.network.stack.backward(of_out[rows], kept, self.sums)
            self.to_bias.add_(of_z.sum(0))
            for k in range(len(self.to_inputs)):
                self._step(k, rows, of_out, of_z)
        return *self.to_inputs, *self.to_weights, self.to_bias, *self.sums.tensors

    def _step(self, k: int, rows: slice, of_out: Tensor, of_z: Tensor) -> None:
        """From the gradient of z to those of one input and its weight."""
        accumulate(self.to_weights[k], of_z, self.network.inputs[k][rows].to(of_z.dtype))
        wanted = self.to_inputs[k]
        if wanted is not None:
            has_residual = self.network.call.residual and k == 0
            product_into(wanted[rows], of_z, self.network.weights[k], of_out[rows] if has_residual else None)
