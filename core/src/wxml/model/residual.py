"""Residual: the state to which the model adds its increments."""

__all__ = ["Interpolation", "NoResidual", "OrnsteinUhlenbeck", "Persistence", "StraightLine", "TruncatedState"]

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from wxml_kernels import EdgeIndex, gather_sources, segment_sum

from wxml.data.sphere import angular_distance
from wxml.data.statistics import Statistics
from wxml.errors import DataError
from wxml.graphs.graph import Route
from wxml.model.tensors import node_tensor


class Persistence(nn.Module):
    """The last input state, for every output step; zero for diagnostic variables, which are no input."""

    def __init__(self, diagnostics: int) -> None:
        super().__init__()
        self.diagnostics = diagnostics

    def forward(self, states: Tensor, forcings: Tensor | None = None) -> Tensor:
        """`[batch, time, node, prognostic]` to `[batch, 1, node, output variable]`."""
        return functional.pad(states[:, -1:], (0, self.diagnostics))


class OrnsteinUhlenbeck(nn.Module):
    """The last state drawn towards the mean: after k steps μ + ρᵏ (x − μ); zero for diagnostic variables.

    This is the best linear forecast of a process that forgets at a constant rate (Uhlenbeck & Ornstein 1930, *Phys.
    Rev.* 36, 823). Nothing is learned: μ and the variance σ² are those of the training period, and ρ = 1 − s² / 2σ² is
    the correlation of a state with the next one if s is the root mean square change between them, since s² = 2σ² (1 −
    ρ). A variable that changes at random from step to step (s² > 2σ²) has ρ = 0, one that never changes ρ = 1.
    """

    mean: Tensor
    kept: Tensor

    def __init__(self, statistics: Statistics, steps: Sequence[float], diagnostics: int) -> None:
        """Compute ρᵏ.

        Args:
            statistics: those of the model values of the prognostic variables.
            steps: k of each output, in time steps after the last state.
            diagnostics: the number of diagnostic variables.
        """
        super().__init__()
        deviation, change = (np.asarray(x, np.float64) for x in (statistics.std, statistics.tendency_std))
        lost = change**2 / np.where(deviation > 0, 2 * deviation**2, 1.0)
        correlation = np.where(deviation > 0, np.clip(1 - lost, 0.0, 1.0), 1.0)
        powers = correlation ** np.asarray(steps, np.float64)[:, None]
        self.register_buffer("mean", node_tensor(np.asarray(statistics.mean, np.float32)), persistent=False)
        self.register_buffer("kept", node_tensor(powers.astype(np.float32)[:, None]), persistent=False)
        self.diagnostics = diagnostics

    def forward(self, states: Tensor, forcings: Tensor | None = None) -> Tensor:
        """`[batch, time, node, prognostic]` to `[batch, output step, node, output variable]`."""
        drawn = self.mean + self.kept * (states[:, -1:] - self.mean)
        return functional.pad(drawn, (0, self.diagnostics))


class TruncatedState(nn.Module):
    """The large scales of the last state: a Gaussian mean carries it to the mesh, and another one back to the grid.

    The network forecasts all scales finer than the mesh, so they cannot pile up in a rollout. A constant field stays as
    it is.
    """

    def __init__(self, down: Route, up: Route, width: float, diagnostics: int) -> None:
        """The means go over the edges `down` and `up`; `width` is that of `Interpolation`.

        Raises:
            DataError: a grid node gets no value from a mesh node.
        """
        super().__init__()
        self.down = Interpolation(down, width)
        self.up = Interpolation(up, width, self.down.is_reached)
        self.persistence = Persistence(diagnostics)
        lost = int(np.sum(~self.up.is_reached))
        if lost:
            raise DataError(
                f"`model.residual: truncated` leaves {lost} of {len(up.target)} grid nodes without a value: no edge "
                "leads to them from a mesh node that reads the grid",
                fix="give the graph's encoder and decoder more neighbours, or choose `model.residual: persistence`",
            )

    def forward(self, states: Tensor, forcings: Tensor | None = None) -> Tensor:
        """`[batch, time, node, prognostic]` to `[batch, 1, node, output variable]`."""
        coarse = self.up(self.down(states[:, -1]))
        padded: Tensor = self.persistence(coarse[:, None])
        return padded


class StraightLine(nn.Module):
    """The straight line in time between the known states before and after; zero for diagnostic variables.

    With the states x_j at the shares k_j of the time from the first to the last one, and the share f of the output,
    it is Σ_j w_j x_j, where w_j falls from 1 at k_j to 0 at the states before and after.
    """

    knots: Tensor

    def __init__(self, knots: Sequence[float], diagnostics: int) -> None:
        """Keep the times of the states, from 0 to 1 and rising; f is the last of the forcings that the model reads."""
        super().__init__()
        self.register_buffer("knots", torch.tensor(knots, dtype=torch.float32), persistent=False)
        self.diagnostics = diagnostics

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        """`[batch, time, node, prognostic]` to `[batch, 1, node, output variable]`."""
        share = forcings[0, -1, 0, -1].float()
        rising = (share - self.knots[:-1]) / self.knots.diff()
        up = functional.pad(rising, (1, 0), value=1.0)
        down = functional.pad(1 - rising, (0, 1), value=1.0)
        weights = torch.minimum(up, down).clamp(0, 1).to(states.dtype)
        line = (weights[:, None, None] * states).sum(
            dim=1, keepdim=True
        )  # no product of matrices, which autocast rounds
        return functional.pad(line, (0, self.diagnostics))


class NoResidual(nn.Module):
    """No residual: the decoder's output is the state itself."""

    def forward(self, states: Tensor, forcings: Tensor | None = None) -> Tensor:
        """Return a zero, which broadcasts."""
        return states.new_zeros(1)


class Interpolation(nn.Module):
    """y_i = Σ_j w_ij x_j over the edges j → i, with w_ij ∝ exp(−d_ij² / 2σ²) and Σ_j w_ij = 1.

    Attributes:
        is_reached: True for targets that get a value, shape `[target_node]`; the others get 0.
    """

    weights: Tensor

    def __init__(self, route: Route, width: float, is_present: NDArray[np.bool_] | None = None) -> None:
        """Compute the weights from the geometry; nothing is learned.

        Args:
            route: the edges; their great-circle lengths are d.
            width: σ in units of the median length.
            is_present: True for sources that have a value, shape `[source_node]`; the others have no weight. None
                stands for all.
        """
        super().__init__()
        present = np.ones(len(route.source), bool) if is_present is None else is_present
        source, target = route.edges.source, route.edges.target
        length = angular_distance(route.source.points[source], route.target.points[target])
        deviation = width * (np.median(length) if len(length) else 1.0) or 1.0  # all nodes may coincide
        logarithm = np.where(present[source], -0.5 * (length / deviation) ** 2, -np.inf)
        greatest = np.full(len(route.target), -np.inf)
        np.maximum.at(greatest, target, logarithm)
        self.is_reached = np.isfinite(greatest)
        greatest[~self.is_reached] = 0
        weights = np.exp(logarithm - greatest[target])  # the nearest source weighs 1, however far it is
        total = np.bincount(target, weights, minlength=len(route.target))
        weights /= np.where(self.is_reached, total, 1)[target]
        self.edges = EdgeIndex.of(route.edges)
        self.register_buffer("weights", node_tensor(weights[:, None]), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """Map `values` from `[batch, source_node, variable]` to `[batch, target_node, variable]`."""
        return segment_sum(self.weights * gather_sources(values, self.edges), self.edges)
