"""Spread: the standard deviations that a model forecasts beside its values."""

__all__ = ["Spread"]

from torch import Tensor, nn
from torch.nn import functional


class Spread(nn.Module):
    """σ = ln(1 + eʳ) + floor of what the decoder returns beside the increments, in the unit of these.

    It is positive, and neither the last state nor `model.bounding` changes it. It has no weights.
    """

    def __init__(self, floor: float) -> None:
        super().__init__()
        self.floor = floor

    def forward(self, raw: Tensor) -> Tensor:
        """The standard deviations, of any shape."""
        return functional.softplus(raw) + self.floor
