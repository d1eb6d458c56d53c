"""The network that a transformer applies to every node by itself: one hidden layer, plain or gated."""

__all__ = ["Activation", "FeedForward", "Mlp"]

from typing import Literal

from torch import Tensor, nn
from wxml_kernels.layer_stack import Activation, LayerStack
from wxml_kernels.row_network import row_network

Mlp = Literal["mlp", "glu", "swiglu", "geglu", "reglu"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU}
GATES: dict[str, type[nn.Module]] = {"glu": nn.Sigmoid, "swiglu": nn.SiLU, "geglu": nn.GELU, "reglu": nn.ReLU}


class FeedForward(nn.Module):
    """W_o a(W_v x + b_v) + b_o, or gated, W_o [g(W_g x + b_g) · (W_v x + b_v)] + b_o (Shazeer 2020, arXiv:2002.05202).

    Args:
        channels: C, of the input and of the output.
        ratio: width of the hidden layer over the channels, which is rounded to the nearest integer.
        mlp: `mlp` for the plain form with activation a. The gate g is a sigmoid for `glu`, SiLU for `swiglu`, GELU for
            `geglu` and ReLU for `reglu`; then `activation` has no part.
        activation: a of the plain form.
        dropout: probability with which a hidden value is zeroed in training.
    """

    def __init__(self, channels: int, ratio: float, *, mlp: Mlp, activation: Activation, dropout: float) -> None:
        super().__init__()
        gated, hidden = mlp != "mlp", int(channels * ratio + 0.5)
        self.plain = None if gated else activation
        self.value = nn.Linear(channels, hidden)
        self.gate = nn.Linear(channels, hidden) if gated else None
        self.activation = GATES[mlp]() if gated else ACTIVATIONS[activation]()
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, channels)

    def forward(self, values: Tensor) -> Tensor:
        """`[..., channel]` in and out."""
        if self.plain is not None and not (self.training and self.dropout.p):
            stack = LayerStack(self.plain, (self.out.weight,), (self.out.bias,))
            return row_network((values,), (self.value.weight,), self.value.bias, stack)
        hidden = self.value(values)
        hidden = self.activation(hidden) if self.gate is None else self.activation(self.gate(values)) * hidden
        mapped: Tensor = self.out(self.dropout(hidden))
        return mapped
