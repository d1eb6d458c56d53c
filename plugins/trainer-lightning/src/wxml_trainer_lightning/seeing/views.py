"""Makes the view that callbacks have of a training."""

__all__ = ["Views"]

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from wxml import Experiment, ForecastSample, TrainingView, Validated
from wxml.data.times import parse_duration

from wxml_trainer_lightning.batches import Batch, Samples, evenly_spaced
from wxml_trainer_lightning.metrics.scoring import Scoring
from wxml_trainer_lightning.module import ForecastModule


class Views:
    """What a view is made of, but for the numbers of the moment."""

    def __init__(
        self,
        experiment: Experiment,
        module: ForecastModule,
        scoring: Callable[[int], Scoring],
        validations: Sequence[Validated],
        run_dir: Path | None,
    ) -> None:
        """Keep the parts.

        Args:
            experiment: the assembled parts.
            module: the model with its loss.
            scoring: makes the metrics of a number of forecast steps, with nothing added up.
            validations: those so far; others are added to it.
            run_dir: where callbacks may write; None: nowhere.
        """
        self.experiment, self.module = experiment, module
        self._scoring, self._validations, self._run_dir = scoring, validations, run_dir

    def now(self, step: int, fraction: float, learning_rate: float) -> TrainingView:
        """The view after a step."""
        return TrainingView(
            step=step,
            fraction=fraction,
            learning_rate=learning_rate,
            variables=self.experiment.output_variables,
            grid=self.experiment.preprocessing.places,
            timestep=parse_duration(self.experiment.config.data.timestep),
            validations=self._validations,
            gradient_norms=partial(gradient_norms, self.module.model),
            weights=partial(_weights, self.module.model),
            loss_by_variable=self._loss_by_variable,
            forecast=self._forecast,
            evaluate=self._evaluate,
            run_dir=self._run_dir,
            lead_times=lambda steps: self.experiment.window(steps).lead_times,
        )

    def _forecast(self, steps: int, sample: int) -> ForecastSample:
        """The forecast of one sample of the validation period by the model that is kept."""
        samples = self.experiment.samples("validation", steps)
        batch = Samples({0: samples})[[(0, sample % len(samples))]]
        forecast = self.module.judged_forecast(batch)[0, ..., : self.module.layout.output]
        inputs, layout = self.module.layout.input_steps, self.module.layout
        truth = layout.truth(batch)[0].numpy()
        last = np.full(truth.shape[1:], np.nan, np.float32)
        if inputs:
            last[:, : layout.prognostic] = batch.values[0, inputs - 1, :, : layout.prognostic].numpy()
        return ForecastSample(self._physical(forecast), self._physical(truth), self._physical(last))

    def _evaluate(self, steps: int, count: int) -> dict[str, float]:
        """The metrics of some samples of the validation period, of forecasts of any length."""
        samples, scoring = self.experiment.samples("validation", steps), self._scoring(steps)
        for index in evenly_spaced(len(samples), count):
            batch = Samples({0: samples})[[(0, index)]]
            score_batch(scoring, self.module, batch, self.module.judged_forecast(batch))
        return {score.name: score.value for score in scoring.end() if np.isfinite(score.value)}

    def _loss_by_variable(self) -> dict[str, float]:
        names = [variable.name for variable in self.experiment.output_variables]
        return dict(zip(names, self.module.loss_by_variable(), strict=True))

    def _physical(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        names = self.experiment.roles.output
        return np.swapaxes(
            self.experiment.preprocessing.inverse(np.ascontiguousarray(np.swapaxes(values, -1, -2)), names), -1, -2
        )


def score_batch(scoring: Scoring, module: ForecastModule, batch: Batch, forecast: NDArray[np.float32]) -> None:
    """Add a batch to the metrics, if it counts; what was filled in is no last known state."""
    if not batch.counts:
        return
    layout = module.layout
    known = batch.values[:, : layout.input_steps, :, : layout.prognostic].float().cpu().clone()
    if layout.input_steps:
        known[:, -1][batch.imputed.cpu()] = np.nan
    plan = module.forecast.plan
    baseline = known[:, -1:].numpy() if plan is None else plan(layout.steps(batch)).baseline(known.numpy())
    scoring.add(forecast, layout.truth(batch).float().cpu().numpy(), baseline)


def gradient_norms(model: nn.Module) -> Mapping[str, float]:
    """The 2-norm of the gradient by part of the model, and of all."""
    squares: dict[str, list[torch.Tensor]] = {}
    for name, weight in model.named_parameters():
        if weight.grad is not None:
            squares.setdefault(name.partition(".")[0], []).append(weight.grad.detach().float().square().sum())
    parts = {part: torch.stack(each).sum() for part, each in squares.items()}
    if parts:
        parts["all"] = torch.stack(list(parts.values())).sum()
    return {part: float(total.sqrt()) for part, total in parts.items()}


def _weights(model: nn.Module) -> dict[str, NDArray[np.float32]]:
    return {name: weight.detach().float().cpu().numpy().copy() for name, weight in model.named_parameters()}
