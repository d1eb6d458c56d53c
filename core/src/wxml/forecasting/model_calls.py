"""Calls of the model for several forecasts, each alone or all together."""

__all__ = ["ModelCalls"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class ModelCalls:
    """Calls a model for the forecasts of a batch.

    A product of matrices may round in another way if there are more rows, so what a model makes of one forecast may
    differ in its last bits with the others in the batch. Called for each alone, it does not: a member of an ensemble is
    the same alone and among others.
    """

    model: "Callable[..., Tensor]"
    """Takes states, forcings and perhaps noise, and returns outputs."""
    origins: Sequence[int]
    """For each forecast the place of its forcings, which several forecasts may share."""
    together: bool = False
    """Call the model for all at once."""

    def __call__(self, states: "Tensor", forcings: "Tensor", *noise: "Tensor") -> "Tensor":
        """Call the model.

        Args:
            states: shape `[forecast, input time, node, prognostic]`.
            forcings: shape `[place, input time, node, forcing]`.
            noise: perhaps the numbers of `model.noise`, shape `[forecast, mesh_node, channel]`.

        Returns:
            Shape `[forecast, output step, node, variable]`.
        """
        import torch

        if self.together:
            return self.model(states, forcings[list(self.origins)], *noise)
        return torch.cat([self._alone(number, states, forcings, *noise) for number in range(len(states))])

    def _alone(self, number: int, states: "Tensor", forcings: "Tensor", *noise: "Tensor") -> "Tensor":
        """One forecast; its inputs are copied, so that they begin at such an address as those of any other."""
        place = self.origins[number]
        own = (states[number : number + 1], forcings[place : place + 1], *(one[number : number + 1] for one in noise))
        return self.model(*(values.clone() for values in own))
