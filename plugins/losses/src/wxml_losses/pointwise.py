"""Losses of one forecast that compare each value alone; d = f − o is its error, in model values."""

__all__ = ["Absolute", "Huber", "LogCosh", "RootMeanSquare", "Squared"]

from math import log
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import softplus
from wxml import LossSpace, LossSums, LossWeights, PointwiseLoss


class Squared(PointwiseLoss):
    """The squared error d² of each value."""

    degree = 2

    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """See `wxml.PointwiseLoss.errors`."""
        return (forecast.squeeze(1) - truth).square()


class Absolute(PointwiseLoss):
    """The absolute error |d| of each value."""

    degree = 1

    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """See `wxml.PointwiseLoss.errors`."""
        return (forecast.squeeze(1) - truth).abs()


class Huber(PointwiseLoss):
    """Half the squared error where |d| < δ, beyond it the straight line δ (|d| − δ/2) that goes on from there.

    Source: Huber (1964), Robust estimation of a location parameter, Ann. Math. Statist. 35, 73–101.
    """

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        delta: Annotated[
            float,
            Field(gt=0, allow_inf_nan=False, description="δ, in model values: errors beyond it count as a line"),
        ] = 1.0,
    ) -> None:
        super().__init__(space, weights)
        self.delta = delta

    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """See `wxml.PointwiseLoss.errors`."""
        size = (forecast.squeeze(1) - truth).abs()
        return torch.where(size < self.delta, size.square() / 2, self.delta * (size - self.delta / 2))


class LogCosh(PointwiseLoss):
    """ln cosh d of each value: half the squared error of small errors, |d| − ln 2 of large ones, and smooth between.

    Reckoned as |d| + ln(1 + e^(−2|d|)) − ln 2, which never overflows.
    """

    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """See `wxml.PointwiseLoss.errors`."""
        size = (forecast.squeeze(1) - truth).abs()
        return size + softplus(-2 * size) - log(2)


class RootMeanSquare(Squared):
    """The root of what the loss `squared` gives for all samples of a step, all variables together."""

    def value(self, sums: LossSums) -> Tensor:
        """See `wxml.Loss.value`; its gradient is 0 where the loss is 0."""
        squared = super().value(sums)
        is_positive = squared > 0
        return torch.where(is_positive, torch.where(is_positive, squared, 1.0).sqrt(), 0.0)
