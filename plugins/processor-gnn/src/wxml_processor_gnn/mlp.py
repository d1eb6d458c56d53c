"""The small networks on nodes and edges."""

__all__ = [
    "ACTIVATIONS",
    "PRODUCTS",
    "Activation",
    "ActivationOption",
    "BackendOption",
    "HiddenLayers",
    "Mlp",
    "MlpOptions",
    "PrecisionOption",
    "Recompute",
]

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn
from wxml import ConditionalLayerNorm
from wxml_kernels import Activation, EdgeBackend, LayerStack, row_network

HiddenLayers = Annotated[int, Field(gt=0, le=100, description="hidden layers of every network")]
ActivationOption = Annotated[Activation, Field(description="nonlinearity of every network")]
PrecisionOption = Annotated[
    Literal["float32", "bfloat16"], Field(description="of matrix products; sums and norms: float32")
]
BackendOption = Annotated[
    EdgeBackend,
    Field(description="of edges: auto, blocks, triton (fused kernels on a GPU); the numbers are the same"),
]
Recompute = Annotated[bool, Field(description="keep no activations inside the networks for the gradients")]

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU}
PRODUCTS: dict[str, torch.dtype | None] = {"float32": None, "bfloat16": torch.bfloat16}
"""The dtype of matrix products by the name of the precision; None: that of the weights, or of autocast."""


class MlpOptions(NamedTuple):
    """The options that all networks of a plugin share."""

    hidden_layers: int
    activation: Activation
    products: torch.dtype | None = None
    """The dtype of the matrix products; None: that of the weights, or of autocast."""
    recompute: bool = False
    """The backward pass computes the values between the layers again; nothing is saved for it."""
    backend: EdgeBackend = "auto"
    """How networks on edges are computed."""


class Mlp(nn.Sequential):
    """Linear, activation, …, Linear, with `options.hidden_layers` hidden layers and `norm`, if given, at the end.

    The layers are those of `torch.nn`, and so are their names and weights; `wxml_kernels.row_network` computes them.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, options: MlpOptions, norm: nn.Module | None) -> None:
        widths = [inputs] + [hidden] * options.hidden_layers
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), ACTIVATIONS[options.activation]()]
        layers.append(nn.Linear(widths[-1], outputs))
        super().__init__(*layers, *([] if norm is None else [norm]))
        self.options = options

    @property
    def first(self) -> nn.Linear:
        """The first layer, whose products can be taken input by input."""
        return cast("nn.Linear", self[0])

    @property
    def stack(self) -> LayerStack:
        """The layers after the first product, up to a layer norm that takes no condition."""
        linears = [layer for layer in self if isinstance(layer, nn.Linear)][1:]
        weights, biases = (tuple(getattr(linear, name) for linear in linears) for name in ("weight", "bias"))
        stack = LayerStack(self.options.activation, weights, biases)
        norm = self[-1]
        return (
            stack._replace(norm=(norm.weight, norm.bias), epsilon=norm.eps) if isinstance(norm, nn.LayerNorm) else stack
        )

    def forward(self, *inputs: Tensor, residual: bool = False, condition: Tensor | None = None) -> Tensor:
        """MLP[x ‖ y ‖ …] of each row, to which a residual adds x; the concatenation is never made.

        Args:
            inputs: x, y, …, shape `[..., channel in]` each.
            residual: whether x is added.
            condition: for a norm that takes one, shape `[..., condition channel]`.
        """
        weights = torch.split(self.first.weight, [values.shape[-1] for values in inputs], dim=1)
        return self._rows(inputs, weights, residual, condition)

    def of_twice(self, values: Tensor) -> Tensor:
        """The residual form x + MLP[x ‖ x]; since W[x ‖ x] = (W_1 + W_2) x, this takes one product for the two."""
        once, again = self.first.weight.chunk(2, dim=1)
        return self._rows((values,), (once + again,), True, None)

    def _rows(
        self, inputs: Sequence[Tensor], weights: Sequence[Tensor], residual: bool, condition: Tensor | None
    ) -> Tensor:
        norm, options = self[-1], self.options
        first, dtype, again = self.first.bias, options.products, options.recompute
        if not isinstance(norm, ConditionalLayerNorm):
            return row_network(inputs, weights, first, self.stack, dtype=dtype, residual=residual, recompute=again)
        normed: Tensor = norm(row_network(inputs, weights, first, self.stack, dtype=dtype, recompute=again), condition)
        return inputs[0] + normed if residual else normed
