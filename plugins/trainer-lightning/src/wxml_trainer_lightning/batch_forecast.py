"""The forecasts of a batch, which the loss compares with the truth in it."""

__all__ = ["BatchForecast", "Layout"]

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from wxml import CallPlan, MemberForecast
from wxml.model.boundary import with_given

from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.ensemble import Ensemble
from wxml_trainer_lightning.input_noise import InputNoise


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a sample: input times, forecast steps, then times at which forcings alone are read.

    Prognostic come before diagnostic variables, and forcings last.
    """

    input_steps: int
    prognostic: int
    output: int
    """The number of prognostic and diagnostic variables."""

    def steps(self, batch: Batch) -> int:
        """The number of forecast steps of a batch."""
        return batch.steps or batch.values.shape[1] - self.input_steps

    def truth(self, batch: Batch) -> Tensor:
        """What is to be forecast, shape `[batch, step, grid_node, output]`."""
        return batch.values[:, self.input_steps : self.input_steps + self.steps(batch), :, : self.output]


@dataclass(frozen=True, slots=True, eq=False)
class BatchForecast:
    """Forecasts from the states of a batch, as many steps as it has truth for."""

    layout: Layout
    members: MemberForecast = field(default_factory=MemberForecast)
    ensemble: Ensemble | None = None
    """The noise of the members; None: the model is called without, and draws its own if it has any."""
    input_noise: InputNoise | None = None
    """The noise on the states of a training step; None: none."""
    boundary: Tensor | None = None
    """The share of the truth at each node after each step, shape `[grid_node]`; None: the forecast stays as it is."""
    only_last: bool = False
    """Whether only the last step has a truth to be compared with."""
    plan: Callable[[int], CallPlan] | None = None
    """Gives the calls of the model for a number of forecast steps; None: those of `wxml.unroll`."""

    def run(self, model: nn.Module, batch: Batch, step: int | None) -> Tensor:
        """Return all steps of all members, shape `[batch, member, step, grid_node, output]`.

        Of a model with a spread, the standard deviations follow on the last axis.

        Args:
            model: what is trained or validated.
            batch: on the device of the model.
            step: the number of the training step; None: in a validation.
        """
        inputs, values = self.layout.input_steps, batch.values
        plan = None if self.plan is None else self.plan(self.layout.steps(batch))
        last = -1 if plan is None else None
        states, forcings = values[:, :inputs, :, : self.layout.prognostic], values[:, :last, :, self.layout.output :]
        if self.input_noise is not None and step is not None:
            states = self.input_noise.added(states, batch.imputed, step, batch.samples)
        noise = None if self.ensemble is None else self.ensemble.noise(step, batch.samples, values.device)
        given = None if self.boundary is None else self._given(batch, self.boundary.to(values.device))
        return self.members.run(model, states, forcings, noise, batch.imputed, given, plan)

    def truth(self, batch: Batch) -> Tensor:
        """What is to be forecast and compared, shape `[batch, step, grid_node, output]`; NaN where missing.

        All is missing of a batch that does not count.
        """
        truth = self.layout.truth(batch)
        if not batch.counts:
            return torch.full_like(truth, torch.nan)
        if not self.only_last:
            return truth
        last = torch.full_like(truth, torch.nan)
        last[:, -1] = truth[:, -1]
        return last

    def _given(self, batch: Batch, boundary: Tensor) -> Callable[[int, Tensor], Tensor]:
        """Puts the truth at the boundary and in its zone, where it is not missing, into the output of a step."""
        truth = self.layout.truth(batch)

        def given(step: int, output: Tensor) -> Tensor:
            if step > truth.shape[1]:  # beyond the sample, of a model that forecasts several steps at once
                return output
            there = truth[:, step - 1].repeat_interleave(len(output) // len(truth), 0)
            return with_given(output, there, boundary)

        return given
