"""Scores whose gradient is reckoned beside them, so that nothing between the forecast and the score is kept."""

__all__ = ["with_gradient", "with_gradients"]

from typing import Any

import torch
from torch import Tensor


class _Known(torch.autograd.Function):
    """Gives back the score; its gradient is the product with a factor for each value of the forecast."""

    @staticmethod
    def forward(ctx: Any, _forecast: Tensor, score: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return score.view_as(score)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return gradients[0].unsqueeze(1) * slope, None, None


class _KnownOfTwo(torch.autograd.Function):
    """The same of a score that depends on two tensors, value by value."""

    @staticmethod
    def forward(ctx: Any, _first: Tensor, _second: Tensor, score: Tensor, *slopes: Tensor) -> Tensor:
        ctx.save_for_backward(*slopes)
        return score.view_as(score)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        first, second = ctx.saved_tensors
        return gradients[0] * first, gradients[0] * second, None, None, None


def with_gradient(forecast: Tensor, score: Tensor, slope: Tensor) -> Tensor:
    """Return the score as a function of the forecast.

    Args:
        forecast: shape `[batch, member, step, node, variable]`.
        score: a sum over scores of which each depends on a part of the forecast alone, shape `[batch, step, node or 1,
            variable or 1]`; without a gradient.
        slope: the derivative of the score with respect to each value of the forecast, shape of the forecast. It is all
            that is kept for the backward pass.
    """
    known: Tensor = _Known.apply(forecast, score, slope)  # type: ignore[no-untyped-call]
    return known


def with_gradients(forecast: tuple[Tensor, Tensor], score: Tensor, slopes: tuple[Tensor, Tensor]) -> Tensor:
    """Return the score as a function of two tensors.

    Args:
        forecast: what each score depends on, two tensors of its shape.
        score: without a gradient.
        slopes: its derivatives with respect to both, of the same shape; they are all that is kept.
    """
    known: Tensor = _KnownOfTwo.apply(*forecast, score, *slopes)  # type: ignore[no-untyped-call]
    return known
