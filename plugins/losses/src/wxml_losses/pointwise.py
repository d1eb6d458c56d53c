"""Losses of one forecast that compare each value alone."""

__all__ = ["Squared"]

from torch import Tensor
from wxml import PointwiseLoss


class Squared(PointwiseLoss):
    """The squared error (f − o)²."""

    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """See `wxml.PointwiseLoss.errors`."""
        return (forecast.squeeze(1) - truth).square()
