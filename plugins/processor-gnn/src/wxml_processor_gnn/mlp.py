"""The small networks on nodes and edges."""

__all__ = ["ACTIVATIONS", "Activation", "mlp"]

from itertools import pairwise
from typing import Literal

from torch import nn

Activation = Literal["gelu", "relu", "silu"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU}


def mlp(
    inputs: int, hidden: int, outputs: int, *, hidden_layers: int, activation: Activation, norm: bool = True
) -> nn.Sequential:
    """Linear, activation, …, Linear: so many hidden layers, perhaps none, and a layer norm at the end if `norm`."""
    widths = [inputs] + [hidden] * hidden_layers
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), ACTIVATIONS[activation]()]
    layers.append(nn.Linear(widths[-1], outputs))
    return nn.Sequential(*layers, *([nn.LayerNorm(outputs)] if norm else []))
