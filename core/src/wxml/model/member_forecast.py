"""The rollout of several members of an ensemble from the same states, and what its backward pass computes again."""

__all__ = ["MemberForecast", "Noise"]

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from wxml.data.call_plan import CallPlan
from wxml.model.planned_calls import PlannedCalls
from wxml.model.unroll import Given

Noise = Callable[[range], Iterator[Tensor]]
"""Gives the noise of some members for each call of the model, shape `[batch · member, mesh_node, channel]`: that of the
first item of the batch come first."""


@dataclass(frozen=True, slots=True)
class MemberForecast:
    """How the members of an ensemble are forecast; the numbers do not depend on what is computed again."""

    members: int = 1
    """The number of members."""
    at_once: int | None = None
    """The number of members that the model forecasts at once; if these are fewer than all, the backward pass forecasts
    them again, so that the activations of these alone are in memory. None: all."""
    recompute_steps: bool = False
    """Keep no activations of a call of the model but its inputs, and let the backward pass call it again."""
    detach_every: int | None = None
    """The number of calls of the model after which no gradient flows back; None: it flows through all."""

    def run(
        self,
        model: nn.Module,
        states: Tensor,
        forcings: Tensor,
        noise: Noise | None = None,
        imputed: Tensor | None = None,
        given: Given | None = None,
        plan: CallPlan | None = None,
    ) -> Tensor:
        """Forecast all steps of all members.

        Args:
            model: as for `unroll`.
            states: shape `[batch, input time, grid_node, prognostic]`.
            forcings: shape `[batch, input time + steps − 1, grid_node, forcing]`; with a plan, at all of its times.
            noise: what makes members differ; None: the model is called without.
            imputed: as for `unroll`, shape `[batch, grid_node, prognostic]`.
            given: as for `unroll`; its outputs have the members of an item of the batch behind each other.
            plan: the calls of the model; None: those of `unroll`.

        Returns:
            Shape `[batch, member, step, grid_node, prognostic + diagnostic]`; as for `unroll`, a spread follows.
        """
        is_trained = torch.is_grad_enabled()
        called = partial(checkpoint, model, use_reentrant=False) if self.recompute_steps and is_trained else model

        def forecast(members: range) -> Tensor:
            each = partial(_repeated, count=len(members))
            steps = PlannedCalls(plan, self.detach_every).run(
                called,
                each(states),
                each(forcings),
                None if noise is None else noise(members),
                None if imputed is None else each(imputed),
                given,
            )
            stacked = _stacked(list(steps))
            return stacked.view(-1, len(members), *stacked.shape[1:])

        chunks = self._chunks()
        if len(chunks) == 1:
            return forecast(chunks[0])
        again = partial(checkpoint, forecast, use_reentrant=False) if is_trained else forecast
        return torch.cat([again(members) for members in chunks], dim=1)

    def _chunks(self) -> list[range]:
        """The members that are forecast at once."""
        size = self.at_once or self.members
        return [range(first, min(first + size, self.members)) for first in range(0, self.members, size)]


def _repeated(values: Tensor, count: int) -> Tensor:
    """Each item of the batch `count` times."""
    return values if count == 1 else values.repeat_interleave(count, 0)


def _stacked(steps: list[Tensor]) -> Tensor:
    """The steps as the second axis; of one alone without a copy."""
    return steps[0].unsqueeze(1) if len(steps) == 1 else torch.stack(steps, dim=1)
