"""The loss `acme-cauchy`: an error of which a bad report takes little."""

from typing import Annotated

from pydantic import Field
from torch import Tensor
from wxml import LossSpace, LossWeights, PointwiseLoss


class Cauchy(PointwiseLoss):
    """s² ln(1 + (d / s)²): the negative logarithm of a Cauchy density of width s, for errors d in model values.

    It is d² for small errors; of large ones it grows as their logarithm, so that their gradient falls off as 1 / d.
    It is in no power of a unit, so it is weighed as squares.
    """

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        width: Annotated[float, Field(gt=0, allow_inf_nan=False, description="s: errors beyond it count less")] = 2.0,
    ) -> None:
        super().__init__(space, weights)
        self.width = width

    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """See `wxml.PointwiseLoss.errors`."""
        return self.width**2 * ((forecast.squeeze(1) - truth) / self.width).square().log1p()
