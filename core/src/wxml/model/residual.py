"""Residual: what the model's increments are added to."""

__all__ = ["LastState", "NoResidual"]

import torch
from torch import Tensor, nn


class LastState(nn.Module):
    """The last state that the model read; zero for diagnostic variables, which have none."""

    def __init__(self, diagnostics: int) -> None:
        super().__init__()
        self.diagnostics = diagnostics

    def forward(self, states: Tensor) -> Tensor:
        """`[batch, time, node, prognostic]` to `[batch, node, output variable]`."""
        last = states[:, -1]
        return torch.cat([last, last.new_zeros(*last.shape[:-1], self.diagnostics)], dim=-1)


class NoResidual(nn.Module):
    """Nothing: the model's output is the state itself."""

    def forward(self, states: Tensor) -> Tensor:
        """A zero that broadcasts."""
        return states.new_zeros(1)
