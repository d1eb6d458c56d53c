"""WholeFieldLoss: a loss that looks beyond each value alone."""

__all__ = ["WholeFieldLoss"]

from typing import NamedTuple

import torch
from torch import Tensor
from wxml import Loss, LossSpace, LossWeights


class Compared(NamedTuple):
    """What a loss compares, without missing values."""

    forecast: Tensor
    """Shape `[batch, member, step, node, variable]`, of the type of the truth; 0 where the truth is missing."""
    truth: Tensor
    """Shape `[batch, step, node, variable]`; 0 where it is missing."""
    present: Tensor
    """Whether the truth is there, same shape."""


class WholeFieldLoss(Loss):
    """A loss in which the error at a node depends on other nodes.

    Nodes of a boundary are not forecast, whatever the model says there: in a forecast they have the truth.
    """

    given: Tensor | None

    def __init__(self, space: LossSpace, weights: LossWeights) -> None:
        """See `wxml.Loss`."""
        super().__init__(space, weights)
        given = None if space.is_forecast.all() else torch.from_numpy(~space.is_forecast[:, None])
        self.register_buffer("given", given, persistent=False)

    def compared(self, forecast: Tensor, truth: Tensor) -> Compared:
        """Fill in what is missing or given.

        Args:
            forecast: shape `[batch, member, step, node, variable]`, of any precision.
            truth: shape `[batch, step, node, variable]`; NaN where missing.
        """
        present = ~torch.isnan(truth)
        filled = torch.where(present, truth, 0.0)
        is_needed = present if self.given is None else present & ~self.given
        return Compared(torch.where(is_needed[:, None], forecast.to(filled.dtype), filled[:, None]), filled, present)
