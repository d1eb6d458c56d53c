"""Quantile: errors to one side cost more than errors to the other."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from wxml import LossSpace, LossWeights, PointwiseLoss


class Quantile(PointwiseLoss):
    """Its best forecast is the quantile τ of what may come.

    The error of a forecast f is τ (o − f) if it is too low, else (1 − τ) (f − o). So a wind for warnings may be rather
    too strong than too weak. With τ = ½ it is half the absolute error.

    Source: Koenker and Bassett (1978), Regression quantiles, Econometrica 46, 33–50.
    """

    degree = 1  # it is in the unit of the error, not in its square: so the weight `tendency` takes that off

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        quantile: Annotated[
            float, Field(gt=0, lt=1, description="τ: the share of outcomes that should lie below the forecast")
        ] = 0.9,
    ) -> None:
        super().__init__(space, weights)
        self.quantile = quantile

    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """See `wxml.PointwiseLoss.errors`; the unit is that of the model values."""
        lack = truth - forecast.squeeze(1)
        return torch.maximum(self.quantile * lack, (self.quantile - 1) * lack)
