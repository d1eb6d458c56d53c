"""The module that Lightning trains: the model, its loss over a rollout, its optimizer, its moving average."""

__all__ = ["AveragedModel", "ForecastModule", "Layout", "Optimisation"]

import math
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from wxml import unroll

from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.loss import PartLoss, WeightedSquaredError
from wxml_trainer_lightning.optimizers import make_optimizer
from wxml_trainer_lightning.options import OptimizerName
from wxml_trainer_lightning.state_fit import fitting_moments


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a sample: input times before the others; prognostic, then diagnostic, then forcing variables."""

    input_steps: int
    prognostic: int
    output: int
    """The number of prognostic and diagnostic variables."""


@dataclass(frozen=True, slots=True)
class Optimisation:
    """The options of the optimizer."""

    optimizer: OptimizerName
    weight_decay: float
    gradient_clip: float | None
    ema: float | None


class AveragedModel(nn.Module):
    """A copy of a model whose weights trail those of the original (Polyak & Juditsky 1992, doi:10.1137/0330046).

    After step s: average ← d · average + (1 − d) · weights, with d = min(`decay`, s / (s + 10)), so that the first
    weights, which are random, are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.model = deepcopy(model).requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Follow the weights of `model` after its step number `step`, counted from 1; buffers are copied."""
        share = 1 - min(self.decay, step / (step + 10))
        for average, weight in zip(self.model.parameters(), model.parameters(), strict=True):
            average.lerp_(weight, share)
        for copy, buffer in zip(self.model.buffers(), model.buffers(), strict=True):
            copy.copy_(buffer)


class ForecastModule(LightningModule):
    """A model with its loss and its optimizer; `average` is its moving average, if there is one."""

    def __init__(
        self,
        model: nn.Module,
        loss: WeightedSquaredError,
        layout: Layout,
        optimisation: Optimisation,
        parts: Sequence[PartLoss] = (),
    ) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.parts = nn.ModuleList(parts)
        self.layout = layout
        self.optimisation = optimisation
        self.average = None if optimisation.ema is None else AveragedModel(model, optimisation.ema)
        self.moments: dict[str, Tensor] = {}

    @property
    def judged(self) -> nn.Module:
        """The model that is validated and kept: the averaged one, if there is one."""
        return self.model if self.average is None else self.average.model

    def training_step(self, batch: Batch, _: int) -> dict[str, Tensor]:
        """The loss of a batch, a mean over its rollout steps, and whether it has one.

        Without any truth the `loss` is 0 and has no gradient, and `has_truth` is False.
        """
        total, weight = self._sums(self.model, batch)
        return {"loss": total / weight.clamp_min(torch.finfo(weight.dtype).tiny), "has_truth": weight.detach() > 0}

    @torch.no_grad()
    def validation_losses(self, batches: Iterable[Batch]) -> list[float]:
        """The loss of the judged model over all `batches`, then that on each of several grids; NaN without any truth.

        A model with noise draws the same noise every time.
        """
        model = self.judged
        was_training = model.training
        model.eval()
        with self.trainer.precision_plugin.forward_context(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            sums = [self._every_sum(model, batch.to(self.device)) for batch in batches]
        model.train(was_training)
        totals, weights = torch.stack(sums).double().sum(dim=0).T.tolist()
        return [total / weight if weight else math.nan for total, weight in zip(totals, weights, strict=True)]

    def forecasts(self, model: nn.Module, batch: Batch) -> Iterator[Tensor]:
        """Yield the output of one rollout step after the other, which is what a forecast from the batch yields."""
        inputs, values = self.layout.input_steps, batch.values
        states, forcings = values[:, :inputs, :, : self.layout.prognostic], values[:, :-1, :, self.layout.output :]
        return unroll(model, states, forcings, imputed=batch.imputed)

    def _sums(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """The two sums of `WeightedSquaredError.forward`, added over the rollout steps that the batch has truth for."""
        truth = self._truth(batch)
        sums = [self.loss(output, truth[:, step]) for step, output in enumerate(self.forecasts(model, batch))]
        totals, weights = zip(*sums, strict=True)
        return torch.stack(totals).sum(), torch.stack(weights).sum()

    def _every_sum(self, model: nn.Module, batch: Batch) -> Tensor:
        """The two sums of the loss, then those of the loss on each of several grids, shape `[1 + grid, 2]`."""
        truth, losses = self._truth(batch), (self.loss, *self.parts)
        steps = [
            torch.stack([torch.stack(loss(output, truth[:, step])) for loss in losses])
            for step, output in enumerate(self.forecasts(model, batch))
        ]
        return torch.stack(steps).sum(dim=0)

    def _truth(self, batch: Batch) -> Tensor:
        """What is to be forecast, shape `[batch, step, grid_node, output]`."""
        return batch.values[:, self.layout.input_steps :, :, : self.layout.output]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer of the options; if the training is resumed, with the moments of its state.

        Raises:
            ArtefactError: a moment does not fit its weight.
        """
        optimizer = make_optimizer(self.model, self.optimisation.optimizer, self.optimisation.weight_decay)
        if self.moments:
            state = fitting_moments(optimizer, self.moments)
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
            self.moments = {}
        return optimizer

    def optimizer_moments(self) -> dict[str, Tensor]:
        """The state of the optimizer: `0/exp_avg` and so on → tensor."""
        state = self.trainer.optimizers[0].state_dict()["state"]
        return {f"{number}/{name}": tensor for number, moments in state.items() for name, tensor in moments.items()}
