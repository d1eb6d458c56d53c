"""Residual: what the model's increments are added to."""

__all__ = ["LastState", "NoResidual", "TruncatedState"]

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from wxml.errors import DataError
from wxml.graphs.graph import Route
from wxml.model.interpolation import Interpolation


class LastState(nn.Module):
    """The last state that the model read, for every output step; zero for diagnostic variables, which have none."""

    def __init__(self, diagnostics: int) -> None:
        super().__init__()
        self.diagnostics = diagnostics

    def forward(self, states: Tensor) -> Tensor:
        """`[batch, time, node, prognostic]` to `[batch, 1, node, output variable]`."""
        return functional.pad(states[:, -1:], (0, self.diagnostics))


class TruncatedState(nn.Module):
    """The large scales of the last state: down to the mesh and back up, each time by a Gaussian mean.

    What is finer than the mesh is left to the network, so that small scales cannot pile up in a rollout. Constants stay
    as they are.
    """

    def __init__(self, down: Route, up: Route, width: float, diagnostics: int) -> None:
        """See `Interpolation` for the width of the means.

        Raises:
            DataError: a grid node gets a value from no mesh node.
        """
        super().__init__()
        self.down = Interpolation(down, width)
        self.up = Interpolation(up, width, self.down.is_reached)
        self.last_state = LastState(diagnostics)
        lost = int(np.sum(~self.up.is_reached))
        if lost:
            raise DataError(
                f"`model.residual: truncated` leaves {lost} of {len(up.target)} grid nodes without a value: no edge "
                "leads to them from a mesh node that reads the grid",
                fix="give the graph's encoder and decoder more neighbours, or choose `model.residual: last-state`",
            )

    def forward(self, states: Tensor) -> Tensor:
        """`[batch, time, node, prognostic]` to `[batch, 1, node, output variable]`."""
        coarse = self.up(self.down(states[:, -1]))
        padded: Tensor = self.last_state(coarse[:, None])
        return padded


class NoResidual(nn.Module):
    """Nothing: the model's output is the state itself."""

    def forward(self, states: Tensor) -> Tensor:
        """A zero that broadcasts."""
        return states.new_zeros(1)
