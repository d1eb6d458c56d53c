"""Time-aggregate: another loss, of changes from step to step, and of means and extremes over the steps."""

__all__ = ["TimeAggregate"]

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor
from wxml import Kind, Loss, LossSpace, LossSums, LossWeights, PluginChoice, inner_degree, inner_loss
from wxml.errors import ConfigError, Fault

Aggregate = Literal["diff", "mean", "min", "max"]


class TimeAggregate(Loss):
    """The mean over aggregates of L: `diff` compares the changes from each step to the next one, the others one field.

    Where a truth is missing at one of the steps, its aggregate is missing. Weights of steps do not apply: no step has
    an aggregate of its own. A forecast of one step has no change, and is its mean and its extremes.
    """

    weighs = frozenset({"node", "variable"})

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        aggregates: Annotated[
            list[Aggregate], Field(min_length=1, description="what is compared; the loss is the mean over these")
        ] = ["diff", "mean", "min", "max"],  # noqa: B006  # never changed
        loss: Annotated[PluginChoice, Kind("loss"), Field(description="L")] = PluginChoice(plugin="squared"),  # noqa: B008
    ) -> None:
        """Make the inner loss.

        Raises:
            ConfigError: forecasts have one step alone, an aggregate is there twice, or the inner loss cannot be made.
        """
        if space.steps < 2:
            raise ConfigError(
                [Fault("", "a loss of aggregates over time needs forecasts of two steps or more, got 1")],
                fix="raise `rollout` or `data.output_steps`, or leave the loss `time-aggregate` out",
            )
        if len(set(aggregates)) < len(aggregates):
            raise ConfigError([Fault("aggregates", f"each may be there once, got {aggregates}")], fix="write each once")
        inner = inner_loss(loss, space, weights)
        super().__init__(space, weights.along(inner.weighs))
        self.inner = inner
        self.takes_members = inner.takes_members
        self.aggregates = tuple(aggregates)

    @classmethod
    def degree_of(cls, options: Mapping[str, Any]) -> float | None:
        """See `wxml.Loss.degree_of`; that of the inner loss."""
        return inner_degree(options["loss"])

    def forward(self, forecast: Tensor, truth: Tensor) -> LossSums:
        """See `wxml.Loss.forward`; the terms are those of the inner loss, for one aggregate after the other."""
        compared = forecast.to(truth.dtype)
        sums = [self.inner(_aggregated(compared, name), _aggregated(truth, name)) for name in self.aggregates]
        return LossSums(torch.cat([each.total for each in sums]), torch.cat([each.weight for each in sums]))

    def value(self, sums: LossSums) -> Tensor:
        """See `wxml.Loss.value`."""
        parts = zip(*(part.chunk(len(self.aggregates)) for part in (sums.total, sums.weight)), strict=True)
        return torch.stack([self.inner.value(LossSums(total, weight)) for total, weight in parts]).mean()


def _aggregated(fields: Tensor, name: Aggregate) -> Tensor:
    """The aggregate over the steps of `[..., step, node, variable]`, with one step or those from the second one on.

    A change that is missing, as there is one step alone, is NaN.
    """
    if name == "diff":
        return fields.diff(dim=-3) if fields.shape[-3] > 1 else torch.full_like(fields, torch.nan)
    if name == "mean":
        return fields.mean(-3, keepdim=True)
    return fields.amin(-3, keepdim=True) if name == "min" else fields.amax(-3, keepdim=True)
