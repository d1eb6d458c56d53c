"""The layers of a small network after its first product, forward and backward on a few rows at a time.

With z₁ the sum that the first linear layer gives, act the activation and LN a layer norm (or nothing):

    z_{k+1} = W_k act(z_k) + b_k,    y = z_K,    out = LN(y)

Training saves z_1 … z_K and, for LN, the mean and the inverse deviation of each row. The backward pass computes
act(z_k) again while the rows are in the cache, which costs a fraction of writing it to memory and reading it back.
"""

__all__ = [
    "Activation",
    "LayerStack",
    "SavedActivations",
    "add_product",
    "precisions",
    "product_into",
    "runs_in_ranges",
]

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor
from torch.nn import functional

from wxml_kernels.memory_pool import empty_rows

Activation = Literal["gelu", "relu", "silu"]

_ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "relu": functional.relu,
    "silu": functional.silu,
}
_GRADIENTS: dict[Activation, Callable[[Tensor, Tensor], Tensor]] = {
    "gelu": torch.ops.aten.gelu_backward,
    "relu": lambda grad, z: torch.ops.aten.threshold_backward(grad, z, 0),
    "silu": torch.ops.aten.silu_backward,
}


def runs_in_ranges(values: Tensor) -> bool:
    """Whether a kernel walks over ranges of rows: on a CPU, unless a compiler would unroll the loop."""
    return values.device.type in ("cpu", "meta") and not torch.compiler.is_compiling()


def precisions(values: Tensor, products: torch.dtype | None) -> tuple[torch.dtype, torch.dtype]:
    """The dtype of matrix products, and that of sums and norms.

    Products have the dtype `products`; None means autocast's, or else that of `values`. Sums and norms have the dtype
    of `values`, float32 at least.
    """
    device, sums = values.device.type, torch.promote_types(values.dtype, torch.float32)
    if products is None:
        products = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else sums
    return products, sums


def add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Add leftᵀ right to `total`, in the precision of `total`."""
    if left.dtype == total.dtype:
        total.addmm_(left.t(), right)
    else:
        total.add_(left.t() @ right)


def product_into(out: Tensor, left: Tensor, right: Tensor, plus: Tensor | None = None) -> None:
    """Write left · right, plus `plus` if given, into `out`, in the precision of `out`."""
    if left.dtype != out.dtype:
        product = left @ right
        out.copy_(product if plus is None else plus + product)
    else:
        torch.mm(left, right, out=out)
        if plus is not None:  # while it is in the cache; `addmm` would copy it to memory first
            out.add_(plus)


class SavedActivations(NamedTuple):
    """The forward pass saves these values of each row for the backward pass."""

    pre_activations: tuple[Tensor, ...]
    """z_1 … z_K, shape `[row, channel]` each; z_K goes into the layer norm."""
    mean: Tensor
    """The mean of z_K in each row, shape `[row, 1]`."""
    inverse_deviation: Tensor
    """1 / √(variance + ε) of z_K in each row, shape `[row, 1]`."""

    @classmethod
    def empty(cls, rows: int, widths: Sequence[int], like: Tensor, dtype: torch.dtype) -> Self:
        """Memory for `rows` rows: z in `dtype`, mean and deviation in the dtype of `like`."""
        pre_activations = tuple(empty_rows(rows, width, like, dtype) for width in widths)
        return cls(pre_activations, like.new_empty(rows, 1), like.new_empty(rows, 1))

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> Self:
        """The inverse of `tensors`."""
        *pre_activations, mean, inverse_deviation = tensors
        return cls(tuple(pre_activations), mean, inverse_deviation)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All tensors in one tuple."""
        return *self.pre_activations, self.mean, self.inverse_deviation

    def rows(self, first: int, last: int) -> Self:
        """A view of rows `first` to `last`, or of as many rows at the start if there is memory for one range alone."""
        if last > len(self.mean):
            first, last = 0, last - first
        pre_activations = tuple(z[first:last] for z in self.pre_activations)
        return type(self)(pre_activations, self.mean[first:last], self.inverse_deviation[first:last])


class LayerStack(NamedTuple):
    """The parameters of the layers after the first product: out = LN(W_K act(… W_1 act(z_1) + b_1 …) + b_K).

    >>> import torch
    >>> weights, biases = (torch.randn(2, 8), torch.randn(4, 2)), (torch.zeros(2), torch.zeros(4))
    >>> stack = LayerStack("silu", weights, biases, norm=(torch.ones(4), torch.zeros(4)))
    >>> stack.widths(8)
    [8, 2, 4]
    """

    activation: Activation
    weights: tuple[Tensor, ...]
    """W_k, shape `[channel out, channel in]` each."""
    biases: tuple[Tensor, ...]
    """b_k, shape `[channel out]` each."""
    norm: tuple[Tensor, ...] = ()
    """Weight and bias of the layer norm, shape `[channel]` each; empty without a norm."""
    epsilon: float = 1e-5
    """ε of the layer norm."""

    @property
    def parameters(self) -> tuple[Tensor, ...]:
        """All tensors in one tuple; `with_parameters` is the inverse."""
        return *self.weights, *self.biases, *self.norm

    def with_parameters(self, parameters: Sequence[Tensor]) -> Self:
        """The same layers with other parameters."""
        count = len(self.weights)
        weights, biases, norm = parameters[:count], parameters[count : 2 * count], parameters[2 * count :]
        return self._replace(weights=tuple(weights), biases=tuple(biases), norm=tuple(norm))

    def products_in(self, dtype: torch.dtype) -> Self:
        """The same layers with matrix products in `dtype`; the norm keeps its own."""
        weights, biases = (tuple(p.to(dtype) for p in ps) for ps in (self.weights, self.biases))
        return self._replace(weights=weights, biases=biases)

    def widths(self, first: int) -> list[int]:
        """The channels of z_1 (`first`) to z_K."""
        return [first, *(len(weight) for weight in self.weights)]

    def composed(self, z: Tensor, dtype: torch.dtype) -> Tensor:
        """The output in differentiable operations of torch, for any device, transform and compiler.

        Args:
            z: z_1, shape `[..., channel]`.
            dtype: of the norm and the result.
        """
        for weight, bias in zip(self.weights, self.biases, strict=True):
            z = functional.linear(_ACTIVATIONS[self.activation](z), weight, bias)
        z = z.to(dtype)
        if not self.norm:
            return z
        weight, bias = self.norm
        return functional.layer_norm(z, z.shape[-1:], weight, bias, self.epsilon)

    def forward(self, saved: SavedActivations, dtype: torch.dtype) -> Tensor:
        """The output in `dtype` for the rows whose z_1 is in `saved`; fills the rest of `saved`."""
        z = saved.pre_activations
        for k, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            torch.mm(_ACTIVATIONS[self.activation](z[k]), weight.t(), out=z[k + 1]).add_(bias)  # [row, channel out]
        last = z[-1].to(dtype)
        if not self.norm:
            return last
        out, mean, deviation = torch.native_layer_norm(last, last.shape[-1:], self.norm[0], self.norm[1], self.epsilon)
        saved.mean.copy_(mean)
        saved.inverse_deviation.copy_(deviation)
        return out

    def backward(self, grad: Tensor, saved: SavedActivations, grads: "LayerStack") -> Tensor:
        """The gradient of z_1 from `grad`, that of the output; adds the gradients of the parameters to `grads`."""
        z = saved.pre_activations
        if self.norm:
            last, statistics = z[-1].to(grad.dtype), (saved.mean, saved.inverse_deviation)
            grad, *grad_norm = torch.ops.aten.native_layer_norm_backward(
                grad, last, last.shape[-1:], *statistics, *self.norm, [True, True, True]
            )
            for total, part in zip(grads.norm, grad_norm, strict=True):
                total.add_(part)
        grad = grad.to(z[0].dtype)
        for k in reversed(range(len(self.weights))):
            add_product(grads.weights[k], grad, _ACTIVATIONS[self.activation](z[k]))  # ∂W_k += gradᵀ act(z_k)
            grads.biases[k].add_(grad.sum(0))
            grad = _GRADIENTS[self.activation](grad @ self.weights[k], z[k])  # [row, channel in]
        return grad

    def zeros(self) -> Self:
        """Zeros in the shape of the parameters, to sum up their gradients."""
        return self.with_parameters([torch.zeros_like(parameter) for parameter in self.parameters])
