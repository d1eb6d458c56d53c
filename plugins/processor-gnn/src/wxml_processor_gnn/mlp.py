"""The small networks on nodes and edges."""

__all__ = ["ACTIVATIONS", "Activation", "apply_to_rows", "mlp"]

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

Activation = Literal["gelu", "relu", "silu"]

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU}

ROWS = 4096
"""What a network makes of so many rows stays in the cache, and in memory that is used again for the next ones."""


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


def apply_to_rows(network: nn.Module, values: Tensor) -> Tensor:
    """What a network that keeps the number of channels makes of `[..., channel]`; `values` may be overwritten.

    A forecast on a CPU goes through the rows range by range, in place: fresh memory for whole edge sets costs about as
    much time as the arithmetic. Training needs everything between the layers once more, for the gradients.
    """
    if torch.is_grad_enabled() or not values.is_cpu or torch.compiler.is_compiling():
        output: Tensor = network(values)
        return output
    for rows in torch.split(values.flatten(0, -2), ROWS):
        rows.copy_(network(rows))
    return values
