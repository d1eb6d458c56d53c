"""The calls of a model that a task plans, one after the other, in model values."""

__all__ = ["PlannedCalls"]

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wxml.data.call_plan import CallPlan, PlannedCall
from wxml.model.sample_forcings import SampleForcings, taken
from wxml.model.unroll import Given, unroll


@dataclass(frozen=True, slots=True)
class PlannedCalls:
    """Calls a model as a plan says; without one, or with one of even steps, as `wxml.unroll` does."""

    plan: CallPlan | None = None
    detach_every: int | None = None
    """The number of calls of the model after which no gradient flows back; None: it flows through all."""

    def run(
        self,
        model: Callable[..., Tensor],
        states: Tensor,
        forcings: Tensor | SampleForcings,
        noise: Iterator[Tensor] | None = None,
        imputed: Tensor | None = None,
        given: Given | None = None,
    ) -> Iterator[Tensor]:
        """Yield the output of one step after the other.

        Args:
            model: as for `wxml.unroll`.
            states: the known states, shape `[batch, known state, grid_node, prognostic]`.
            forcings: shape `[batch, time, grid_node, forcing]`, at all times of the sample, or up to the last that is
                read; without a plan, as for `wxml.unroll`; or what reads them when they are needed.
            noise: as for `wxml.unroll`.
            imputed: likewise.
            given: likewise.

        Yields:
            Outputs, shape `[batch, grid_node, prognostic + diagnostic]`.
        """
        plan, read = self.plan, SampleForcings.of(forcings)
        if plan is None or plan.calls is None:
            read = read if plan is None else read.until(len(plan.window) - 1)
            yield from unroll(model, states, read, noise, imputed, given, self.detach_every)
            return
        memory, first, done = states, 0, 0
        for number, call in enumerate(plan.calls, 1):
            drawn = () if noise is None else (next(noise),)
            own = taken(memory, call.states, first)
            outputs = model(own, _marked(read.at(call.forcings), call.marks), *drawn)
            if given is not None:
                outputs = torch.stack([given(done + n, output) for n, output in enumerate(outputs.unbind(1), 1)], dim=1)
            yield from outputs[:, : call.outputs].unbind(1)
            done += call.outputs
            if not plan.feeds_back:
                continue
            fed_back = outputs[..., : states.shape[-1]]
            if imputed is not None:
                fed_back = torch.where(imputed[:, None], states[:, -1:], fed_back)
            memory = torch.cat([memory, fed_back], dim=1)
            forgotten = _first_read(plan.calls[number:], first + memory.shape[1]) - first
            memory, first = memory[:, forgotten:], first + forgotten
            if self.detach_every and number % self.detach_every == 0:
                memory = memory.detach()


def _marked(forcings: Tensor, marks: Sequence[float]) -> Tensor:
    """The forcings, `[batch, time, grid_node, forcing]`, and behind them the marks as further ones."""
    if not marks:
        return forcings
    columns = forcings.new_tensor(marks).expand(*forcings.shape[:-1], len(marks))
    return torch.cat([forcings, columns], dim=-1)


def _first_read(calls: Sequence[PlannedCall], nothing: int) -> int:
    """The number of the first state that any of `calls` reads; `nothing` if none does."""
    lowest = (
        call.states.start if isinstance(call.states, slice) else int(np.min(call.states, initial=nothing))
        for call in calls
    )
    return min(lowest, default=nothing)
