"""The continuous ranked probability score of an ensemble, in O(members · log members) time and O(members) memory."""

__all__ = ["Crps", "kernel_crps"]

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from wxml import Loss, LossSpace, LossSums, LossWeights

from wxml_losses.known_gradient import with_gradient

CHUNK = {"cpu": 2**18, "cuda": 2**24}
"""How many values are sorted at once, by the type of the device: what is needed beside the result is of this size."""


class Crps(Loss):
    """The continuous ranked probability score (CRPS) of the members of an ensemble, of each value.

    With the members x_i and the truth y it is

        (1/M) Σ_i |x_i − y| − c Σ_{i<j} |x_i − x_j|,   c = (M − 1 + α) / (M² (M − 1))

    where M counts the members and α is `fairness`: 1 is the fair CRPS, which is what an infinite ensemble would get on
    average, 0 the CRPS of the M members as they are, and between the two lies the almost fair CRPS. The fair one does
    not see a member that is far off, as long as all others are the truth; so 0.95 is the default. One member alone has
    the absolute error.

    Sources: Gneiting and Raftery (2007), J. Amer. Statist. Assoc. 102, 359–378, for the kernel form; Ferro (2014),
    Q. J. R. Meteorol. Soc. 140, 1917–1923, for the fair one; Lang et al. (2024), AIFS-CRPS, arXiv:2412.15832, for the
    almost fair one. The sum over pairs is Σ_k (2k − M − 1) x_(k) over the sorted members.
    """

    takes_members = True
    degree = 1

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        fairness: Annotated[
            float, Field(ge=0, le=1, description="α: 1 is the fair CRPS, 0 that of the members as they are")
        ] = 0.95,
    ) -> None:
        super().__init__(space, weights)
        self.fairness = fairness

    def forward(self, forecast: Tensor, truth: Tensor) -> LossSums:
        """See `wxml.Loss.forward`."""
        return self.reduced(kernel_crps(forecast, truth, self.fairness), ~torch.isnan(truth))


def kernel_crps(forecast: Tensor, truth: Tensor, fairness: float) -> Tensor:
    """The CRPS of each value, shape `[batch, step, node, variable]`, of the type of the truth; 0 where it is missing.

    Args:
        forecast: shape `[batch, member, step, node, variable]`, of any precision.
        truth: shape `[batch, step, node, variable]`, NaN where missing; without a gradient.
        fairness: α of `Crps`.
    """
    is_needed = torch.is_grad_enabled() and forecast.requires_grad
    with torch.no_grad():
        score = torch.empty(truth.shape, dtype=truth.dtype, device=truth.device)
        slope = torch.empty(forecast.shape, dtype=truth.dtype, device=truth.device) if is_needed else None
        members, columns = forecast.shape[1], truth[0].numel()
        at_once = max(1, CHUNK.get(forecast.device.type, CHUNK["cpu"]) // members)
        for sample in range(len(truth)):
            flat, target = forecast[sample].reshape(members, columns), truth[sample].reshape(columns)
            scores, slopes = (
                score[sample].view(columns),
                None if slope is None else slope[sample].view(members, columns),
            )
            for start in range(0, columns, at_once):
                part = slice(start, start + at_once)
                into = None if slopes is None else slopes[:, part]
                scores[part] = _crps_of_columns(flat[:, part], target[part], fairness, into)
    return score if slope is None else with_gradient(forecast, score, slope)


def _crps_of_columns(members: Tensor, truth: Tensor, fairness: float, slope: Tensor | None) -> Tensor:
    """The CRPS of each column `[column]` of the `[member, column]`; writes its derivatives into `slope`."""
    count = len(members)
    apart = 0.0 if count == 1 else (count - 1 + fairness) / (count**2 * (count - 1))
    error = torch.where(torch.isnan(truth), 0.0, members.to(truth.dtype) - truth)
    ordered, order = error.sort(0)
    ranks = torch.arange(1 - count, count, 2, dtype=truth.dtype, device=truth.device)[:, None]
    if slope is not None:
        slope.scatter_(0, order, _mean_ranks(ordered, ranks).mul(-apart))
        slope.add_(error.sign(), alpha=1 / count)
    return error.abs().mean(0) - apart * (ranks * ordered).sum(0)


def _mean_ranks(ordered: Tensor, ranks: Tensor) -> Tensor:
    """The ranks 2k − M − 1 of sorted members; members that are equal have the mean of theirs."""
    count, is_tied = len(ordered), ordered[1:] == ordered[:-1]
    if not is_tied.any():
        return ranks.expand_as(ordered).clone()
    edge = torch.ones_like(ordered[:1], dtype=torch.bool)
    places = torch.arange(count, device=ordered.device)[:, None]
    first = torch.where(torch.cat([edge, ~is_tied]), places, 0).cummax(0).values
    last = torch.where(torch.cat([~is_tied, edge]), places, count).flip(0).cummin(0).values.flip(0)
    return (first + last + 1 - count).to(ordered.dtype)
