"""Student: the likelihood of a distribution with heavy tails."""

from math import lgamma, log, pi, sqrt
from typing import Annotated

from pydantic import Field
from torch import Tensor
from wxml import LossSpace, LossWeights, SpreadLoss


class Student(SpreadLoss):
    """The negative logarithm of the density of Student's t distribution with ν degrees of freedom.

    Its mean and its standard deviation are those that a model with `model.spread` forecasts, so its scale is
    s = σ √((ν − 2) / ν). With t = (o − μ) / s the loss is ln s + ½ (ν + 1) ln(1 + t²/ν) + a constant: an outlier weighs
    by the logarithm of its distance, and not by the square as in `gaussian-nll`.
    """

    degree = 0  # another unit adds its logarithm, which trains nothing: there is no unit to weigh off

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        freedom: Annotated[
            float, Field(gt=2, allow_inf_nan=False, description="ν: the fewer, the heavier tails")
        ] = 5.0,
    ) -> None:
        super().__init__(space, weights)
        self.freedom = freedom
        self.constant = lgamma(freedom / 2) - lgamma((freedom + 1) / 2) + log(pi * freedom) / 2

    def errors(self, mean: Tensor, deviation: Tensor, truth: Tensor) -> Tensor:
        """See `wxml.SpreadLoss.errors`."""
        scale = deviation * sqrt((self.freedom - 2) / self.freedom)
        squared = ((truth - mean) / scale).square() / self.freedom
        return scale.log() + (self.freedom + 1) / 2 * squared.log1p() + self.constant
