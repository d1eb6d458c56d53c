"""What is trained: the model, its loss over a rollout, its optimizer, the averages of its weights."""

__all__ = ["ForecastModule"]

import math
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from operator import add

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from wxml import CombinedLoss, CombinedSums, LossSums

from wxml_trainer_lightning.averaging import Averages
from wxml_trainer_lightning.batch_forecast import BatchForecast, Layout
from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.gradients import Gradients
from wxml_trainer_lightning.mixed_precision import MixedPrecision
from wxml_trainer_lightning.optimisation import Optimisation, freeze, make_optimizer, moments_of
from wxml_trainer_lightning.placement import Placement
from wxml_trainer_lightning.ranks import Ranks
from wxml_trainer_lightning.sharding import whole

Observe = Callable[[Batch, Tensor], None]


class ForecastModule(nn.Module):
    """A model with its loss, its optimizer and the averages of its weights.

    Attributes:
        step: the number of the training step that is made, counted from 0; somebody else counts it.
        pieces: the number of pieces that a step is made in.
        step_loss: the loss of the latest step, without a gradient.
        precision: the numbers of its forward passes.
        is_divided: whether the weights are divided among the processes.
        optimizer: exists once the loop has begun.
    """

    optimizer: torch.optim.Optimizer

    def __init__(
        self,
        model: nn.Module,
        loss: CombinedLoss,
        forecast: BatchForecast,
        optimisation: Optimisation,
        gradients: Gradients,
        grids: Mapping[str, slice] | None = None,
        averages: Averages | None = None,
        ranks: Ranks = Ranks(Placement()),  # noqa: B008  # holds nothing that changes
    ) -> None:
        """Freeze the parts of the model that are not trained.

        Args:
            model: what is trained.
            loss: what the training makes small.
            forecast: makes the forecasts of a batch.
            optimisation: the options of the optimizer.
            gradients: what is done with them before each step.
            grids: the nodes of each of several grids, on which the loss is validated alone, too.
            averages: those of the model.
            ranks: the processes that train together, each on its own samples.

        Raises:
            ConfigError: the options name a part that the model does not have.
        """
        super().__init__()
        freeze(model, optimisation)
        self.model = model
        self.loss = loss
        self.grids = dict(grids or {})
        self.forecast = forecast
        self.step = 0
        self.ranks = ranks
        self.pieces = 1
        self.step_loss = torch.zeros(())
        self.optimisation = optimisation
        self.gradients = gradients
        self.averages = Averages(model) if averages is None else averages
        self.moments: dict[str, Tensor] = {}
        self.precision = MixedPrecision()
        self.is_divided = False
        self._validated: CombinedSums | None = None

    @property
    def layout(self) -> Layout:
        """The layout of the samples."""
        return self.forecast.layout

    @property
    def judged(self) -> nn.Module:
        """The model that is validated and kept: the average that is judged, if there is one."""
        average = self.averages.judged
        return self.model if average is None else average.model

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device if any(True for _ in self.parameters()) else torch.device("cpu")

    def forward(self, batch: Batch) -> tuple[Tensor, ...]:
        """The sums of the loss over some samples of the step that is made, those of this process alone.

        Returns:
            for each part of the loss its totals and its weights, shape `[2, term]`.
        """
        sums: CombinedSums = self.loss(self.forecast.run(self.model, batch, self.step), self.forecast.truth(batch))
        return tuple(torch.stack((part.total, part.weight)) for part in sums.parts)

    @torch.no_grad()
    def validation_losses(self, batches: Iterable[Batch], observe: Observe = lambda *_: None) -> list[float]:
        """The loss of the judged model over all `batches`, then that on each of several grids; NaN without any truth.

        A model with noise draws the same noise every time.

        Args:
            batches: what to validate on.
            observe: is told each batch with its forecast, in model values.
        """
        model = self.judged
        was_training = model.training
        model.eval()
        with self.precision.forward(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            sums = [self._sums_by_grid(model, batch.to(self.device), observe) for batch in batches]
        model.train(was_training)
        self._validated = self.of_all(reduce(add, (of_batch[0].exact() for of_batch in sums))) if sums else None
        return [self._exact_loss(each) for each in zip(*sums, strict=True)] or [math.nan] * (1 + len(self.grids))

    @torch.no_grad()
    def judged_forecast(self, batch: Batch) -> NDArray[np.float32]:
        """The forecast of the judged model, in model values, shape `[batch, member, step, grid_node, output]`.

        Of a model with a spread, the standard deviations follow on the last axis.
        """
        model = self.judged
        was_training = model.training
        model.eval()
        with self.precision.forward(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            forecast = self.forecast.run(model, batch.to(self.device), None)
        model.train(was_training)
        return forecast.float().cpu().numpy()

    def loss_by_variable(self) -> list[float]:
        """The loss of each variable in the latest validation, by shares; a loss without a term for each has no part."""
        losses = [0.0] * self.layout.output
        if self._validated is None:
            return losses
        shares = sum(part.share for part in self.loss.chosen)
        for part, of_part in zip(self.loss.chosen, self._validated.parts, strict=True):
            places = range(self.layout.output) if part.variables is None else part.variables.tolist()
            if len(of_part.total) == len(places):
                for place, total, weight in zip(places, of_part.total, of_part.weight, strict=True):
                    losses[place] += part.share / shares * float(total / weight) if weight > 0 else 0.0
        return losses

    def _sums_by_grid(self, model: nn.Module, batch: Batch, observe: Observe) -> list[CombinedSums]:
        """The sums of the loss over a batch, then those on each of several grids: there alone is a truth."""
        forecast, truth = self.forecast.run(model, batch, None), self.forecast.truth(batch)
        observe(batch, forecast)
        sums = [self.loss(forecast, truth)]
        for nodes in self.grids.values():
            there = torch.full_like(truth, math.nan)
            there[:, :, nodes] = truth[:, :, nodes]
            sums.append(self.loss(forecast, there))
        return sums

    def _exact_loss(self, of_batches: Iterable[CombinedSums]) -> float:
        """The loss of all batches, whose sums are added in double precision; NaN without any truth."""
        sums = self.of_all(reduce(add, (sums.exact() for sums in of_batches)))
        return float(self.loss.value(sums)) if sums.has_truth else math.nan

    def of_all(self, sums: CombinedSums) -> CombinedSums:
        """The sums of all processes, from those of each."""
        pairs = (self.ranks.together(torch.stack((part.total, part.weight))) for part in sums.parts)
        return CombinedSums(tuple(LossSums(total, weight.detach()) for total, weight in pairs))

    def make_optimizer(self) -> None:
        """Make the optimizer of the options; if the training is resumed, with the moments of its state.

        Raises:
            ArtefactError: a moment does not fit its weight.
            ConfigError: the installed torch lacks something, or no weight is trained.
        """
        self.optimizer = make_optimizer(self.model, self.optimisation, self.moments)
        self.moments = {}

    def prepare_gradients(self) -> None:
        """Limit the gradients of a step, which are in their true size, or skip the step."""
        weights = (weight for group in self.optimizer.param_groups for weight in group["params"])
        self.gradients.prepare(weights, scaled=self.precision.is_scaled)

    def optimizer_moments(self) -> dict[str, Tensor]:
        """The state of the optimizer: `encoder.weight/exp_avg` and so on → tensor; every process takes part."""
        return whole(moments_of(self.model, self.optimizer))

    def weights_of(self, model: nn.Module) -> dict[str, Tensor]:
        """The weights and buffers of a model; every process takes part."""
        return whole(model.state_dict())
