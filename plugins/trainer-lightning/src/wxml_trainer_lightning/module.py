"""The module that Lightning trains: the model, its loss over a rollout, its optimizer, its moving average."""

__all__ = ["ForecastModule"]

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import reduce
from operator import add

import numpy as np
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import ModelParallelStrategy, ParallelStrategy
from numpy.typing import NDArray
from torch import Tensor, nn
from wxml import CombinedLoss, CombinedSums, LossSums

from wxml_trainer_lightning.accumulation import Accumulation, pieces_of
from wxml_trainer_lightning.averaging import Averages
from wxml_trainer_lightning.batch_forecast import BatchForecast, Layout
from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.gradients import Gradients
from wxml_trainer_lightning.optimisation import Optimisation, freeze, make_optimizer, moments_of
from wxml_trainer_lightning.placement import Placement
from wxml_trainer_lightning.ranks import Ranks
from wxml_trainer_lightning.sharding import divide, whole

Observe = Callable[[Batch, Tensor], None]


class ForecastModule(LightningModule):
    """A model with its loss, its optimizer and the averages of its weights.

    Attributes:
        step: the number of the training step that is made, counted from 0; somebody else counts it.
        pieces: the number of pieces that a step is made in.
        step_loss: the loss of the latest step, without a gradient.
    """

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
        self.loss_scale: dict[str, float] = {}
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

    def training_step(self, batch: Batch, _: int) -> dict[str, Tensor]:
        """The loss of a batch, the samples of all processes, and whether it has one.

        Its gradient is that of the samples of this process; see `Ranks.together`.

        Without any truth the `loss` is 0 and its gradient, too, and `has_truth` is False.
        """
        sums = self._in_pieces(batch) if self.pieces > 1 else self._of_all(self.sums(batch))
        loss = self.loss.value(sums)
        self.step_loss = loss.detach()
        if self.pieces > 1:
            with self._told("optimizer_step"):
                self.optimizers().step()  # type: ignore[union-attr]  # there is one
        return {"loss": loss, "has_truth": sums.has_truth}

    def sums(self, batch: Batch) -> CombinedSums:
        """The sums of the loss over some samples of the step that is made, those of this process alone."""
        found: CombinedSums = self.loss(self.forecast.run(self.model, batch, self.step), self.forecast.truth(batch))
        return found

    def make_in_pieces(self, count: int) -> None:
        """Make each step in so many pieces; Lightning then leaves the backward pass and the optimizer to this class."""
        self.pieces = count
        self.automatic_optimization = count == 1

    def _told(self, action: str) -> AbstractContextManager[str]:
        """Tell Lightning's profiler of an action, as Lightning itself does where it makes the steps."""
        told: AbstractContextManager[str] = self.trainer.profiler.profile(action)  # type: ignore[attr-defined]
        return told

    def _in_pieces(self, batch: Batch) -> CombinedSums:
        """Make the gradient of the samples of this process, and return the sums of all."""
        strategy = self.trainer.strategy

        def backward(loss: Tensor, is_last: bool) -> None:
            others = strategy.block_backward_sync() if isinstance(strategy, ParallelStrategy) else nullcontext()
            with nullcontext() if is_last else others, self._told("backward"):
                self.manual_backward(loss)

        self.optimizers().zero_grad()  # type: ignore[union-attr]  # there is one
        accumulation = Accumulation(self.loss, self.sums, self.forecast.truth, self._of_all)
        return accumulation.run(pieces_of(batch, self.pieces), backward)

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
        with self.trainer.precision_plugin.forward_context(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            sums = [self._sums_by_grid(model, batch.to(self.device), observe) for batch in batches]
        model.train(was_training)
        self._validated = self._of_all(reduce(add, (of_batch[0].exact() for of_batch in sums))) if sums else None
        return [self._exact_loss(each) for each in zip(*sums, strict=True)] or [math.nan] * (1 + len(self.grids))

    @torch.no_grad()
    def judged_forecast(self, batch: Batch) -> NDArray[np.float32]:
        """The forecast of the judged model, in model values, shape `[batch, member, step, grid_node, output]`.

        Of a model with a spread, the standard deviations follow on the last axis.
        """
        model = self.judged
        was_training = model.training
        model.eval()
        with self.trainer.precision_plugin.forward_context(), torch.random.fork_rng(devices=[]):
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
        sums = self._of_all(reduce(add, (sums.exact() for sums in of_batches)))
        return float(self.loss.value(sums)) if sums.has_truth else math.nan

    def _of_all(self, sums: CombinedSums) -> CombinedSums:
        """The sums of all processes, from those of each."""
        pairs = (self.ranks.together(torch.stack((part.total, part.weight))) for part in sums.parts)
        return CombinedSums(tuple(LossSums(total, weight.detach()) for total, weight in pairs))

    def configure_model(self) -> None:
        """Divide the weights among the processes, if the strategy does so."""
        if not self.ranks.is_alone and not isinstance(self.trainer.strategy, ModelParallelStrategy):
            self.unused = nn.Parameter(torch.zeros(()))  # DDP advises against looking for such weights if there is none
        if isinstance(self.trainer.strategy, ModelParallelStrategy) and not self.is_divided:
            for model in (self.model, *self.averages.by_kind.values()):
                divide(model, self.trainer.strategy.device_mesh["data_parallel"])
            self.is_divided = True

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer of the options; if the training is resumed, with the moments of its state.

        Raises:
            ArtefactError: a moment does not fit its weight.
            ConfigError: the installed torch lacks something, or no weight is trained.
        """
        optimizer = make_optimizer(self.model, self.optimisation, self.moments)
        self.moments = {}
        return optimizer

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Lightning calls this when the gradients of a step are in their true size."""
        weights = (weight for group in optimizer.param_groups for weight in group["params"])
        self.gradients.prepare(weights, scaled=bool(self.trainer.precision_plugin.state_dict()))

    def optimizer_moments(self) -> dict[str, Tensor]:
        """The state of the optimizer: `encoder.weight/exp_avg` and so on → tensor; every process takes part."""
        return whole(moments_of(self.model, self.trainer.optimizers[0]))

    def weights_of(self, model: nn.Module) -> dict[str, Tensor]:
        """The weights and buffers of a model; every process takes part."""
        return whole(model.state_dict())
