"""The layers of a small network after its first product, forward and backward on a few rows at a time.

With z₁ the sum that the first linear layer gives, act the activation and LN a layer norm (or nothing):

    z_{k+1} = W_k act(z_k) + b_k,    y = z_K,    out = LN(y)

Training keeps z_1 … z_K and, of LN, the mean and the inverse deviation of each row; act(z_k) is computed again in the
backward pass while the rows are in the cache, where it costs a fraction of writing it to memory and reading it back.
"""

__all__ = [
    "Activation",
    "Gradients",
    "Kept",
    "LayerStack",
    "accumulate",
    "goes_in_ranges",
    "precisions",
    "product_into",
]

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from wxml_kernels.reused_memory import empty_rows

Activation = Literal["gelu", "relu", "silu"]

_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "relu": functional.relu,
    "silu": functional.silu,
}
_BACKWARD: dict[Activation, Callable[[Tensor, Tensor], Tensor]] = {
    "gelu": torch.ops.aten.gelu_backward,
    "relu": lambda grad, before: torch.ops.aten.threshold_backward(grad, before, 0),
    "silu": torch.ops.aten.silu_backward,
}


def goes_in_ranges(values: Tensor) -> bool:
    """Whether the passes over ranges of rows serve: on a CPU, and not where a compiler would unroll their loops."""
    return values.device.type in ("cpu", "meta") and not torch.compiler.is_compiling()


def precisions(values: Tensor, products: torch.dtype | None) -> tuple[torch.dtype, torch.dtype]:
    """The dtype of matrix products (autocast's or that of the values unless told) and that of sums and norms."""
    device, sums = values.device.type, torch.promote_types(values.dtype, torch.float32)
    if products is None:
        products = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else sums
    return products, sums


def accumulate(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add leftᵀ right to `total`, in the precision of `total`."""
    if left.dtype == total.dtype:
        total.addmm_(left.t(), right)
    else:
        total.add_(left.t() @ right)


def product_into(out: Tensor, left: Tensor, right: Tensor, plus: Tensor | None = None) -> None:
    """Write left · right, and `plus` where there is one, into `out`, in the precision of `out`."""
    if left.dtype != out.dtype:
        product = left @ right
        out.copy_(product if plus is None else plus + product)
    elif plus is None:
        torch.mm(left, right, out=out)
    else:
        torch.addmm(plus, left, right, out=out)


class Kept(NamedTuple):
    """What the backward pass reads of the forward pass, row by row."""

    before: tuple[Tensor, ...]
    """z_1 … z_K, shape `[row, channel]` each, of which the last goes into the layer norm."""
    mean: Tensor
    """Of the last of them, shape `[row, 1]`, and so is `deviation`, the inverse standard deviation."""
    deviation: Tensor

    @classmethod
    def empty(cls, rows: int, widths: Sequence[int], like: Tensor, dtype: torch.dtype) -> Self:
        """Room for so many rows; z in `dtype`, mean and deviation in that of `like`."""
        before = tuple(empty_rows(rows, width, like, dtype) for width in widths)
        return cls(before, like.new_empty(rows, 1), like.new_empty(rows, 1))

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> Self:
        """From its parts in a row."""
        *before, mean, deviation = tensors
        return cls(tuple(before), mean, deviation)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Its parts in a row."""
        return *self.before, self.mean, self.deviation

    def rows(self, first: int, last: int) -> Self:
        """A view of some rows, or of as many others where there is no room for all of them at a time."""
        if last > len(self.mean):
            first, last = 0, last - first
        return type(self)(tuple(z[first:last] for z in self.before), self.mean[first:last], self.deviation[first:last])


class Gradients(NamedTuple):
    """Of the parameters, in the precision of the parameters; sums over the ranges of rows."""

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    norm: tuple[Tensor, ...]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All in a row, in the order of `LayerStack.parameters`."""
        return *self.weights, *self.biases, *self.norm


class LayerStack(NamedTuple):
    """The parameters of the layers after the first product."""

    activation: Activation
    weights: tuple[Tensor, ...]
    """W_k, shape `[channel out, channel in]` each."""
    biases: tuple[Tensor, ...]
    norm: tuple[Tensor, ...] = ()
    """Weight and bias of the layer norm, shape `[channel]` each; none without a norm."""
    epsilon: float = 1e-5
    """Of the layer norm."""

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """All in a row, for `with_parameters` to read."""
        return *self.weights, *self.biases, *self.norm

    def with_parameters(self, parameters: Sequence[Tensor]) -> Self:
        """The same layers with other parameters."""
        count = len(self.weights)
        weights, biases, norm = parameters[:count], parameters[count : 2 * count], parameters[2 * count :]
        return self._replace(weights=tuple(weights), biases=tuple(biases), norm=tuple(norm))

    def products_in(self, dtype: torch.dtype) -> Self:
        """The same layers with the matrix products in another precision; the norm stays as it is."""
        weights, biases = (tuple(p.to(dtype) for p in ps) for ps in (self.weights, self.biases))
        return self._replace(weights=weights, biases=biases)

    def widths(self, first: int) -> list[int]:
        """Channels of z_1, which are `first`, to z_K."""
        return [first, *(len(weight) for weight in self.weights)]

    def no_gradients(self) -> Gradients:
        """Zeros to start the sums with."""
        parts = (self.weights, self.biases, self.norm)
        return Gradients(*(tuple(torch.zeros_like(p) for p in part) for part in parts))

    def activate(self, before: Tensor) -> Tensor:
        """act(z)."""
        return _ACTIVATIONS[self.activation](before)

    def plain(self, first: Tensor, dtype: torch.dtype) -> Tensor:
        """The same as `forward` in differentiable operations of torch, for any device, any transform and any compiler.

        Args:
            first: z_1, shape `[..., channel]`.
            dtype: of the result and of the norm.
        """
        before = first
        for weight, bias in zip(self.weights, self.biases, strict=True):
            before = functional.linear(self.activate(before), weight, bias)
        before = before.to(dtype)
        if not self.norm:
            return before
        weight, bias = self.norm
        return functional.layer_norm(before, before.shape[-1:], weight, bias, self.epsilon)

    def forward(self, kept: Kept, dtype: torch.dtype) -> Tensor:
        """The output for the rows whose z_1 is in `kept`, whose other parts this fills; in `dtype`."""
        layers = zip(self.weights, self.biases, kept.before, kept.before[1:], strict=False)
        for weight, bias, before, after in layers:
            torch.addmm(bias, self.activate(before), weight.t(), out=after)
        last = kept.before[-1].to(dtype)
        if not self.norm:
            return last
        out, mean, deviation = torch.native_layer_norm(last, last.shape[-1:], self.norm[0], self.norm[1], self.epsilon)
        kept.mean.copy_(mean)
        kept.deviation.copy_(deviation)
        return out

    def backward(self, grad: Tensor, kept: Kept, sums: Gradients) -> Tensor:
        """From the gradient of the output to that of z_1; adds the parameters' gradients to `sums`."""
        grad = self._norm_backward(grad, kept, sums).to(kept.before[0].dtype)
        for layer in reversed(range(len(self.weights))):
            before = kept.before[layer]
            accumulate(sums.weights[layer], grad, self.activate(before))
            sums.biases[layer].add_(grad.sum(0))
            grad = _BACKWARD[self.activation](grad @ self.weights[layer], before)
        return grad

    def _norm_backward(self, grad: Tensor, kept: Kept, sums: Gradients) -> Tensor:
        if not self.norm:
            return grad
        last = kept.before[-1].to(grad.dtype)
        grad, *parameters = torch.ops.aten.native_layer_norm_backward(
            grad, last, last.shape[-1:], kept.mean, kept.deviation, *self.norm, [True, True, True]
        )
        for total, part in zip(sums.norm, parameters, strict=True):
            total.add_(part)
        return grad
