"""Validation, history and states to resume from: Lightning calls them between two steps."""

__all__ = ["Best", "CheckpointCallback", "Validation"]

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from wxml.errors import DataError

from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.history import History
from wxml_trainer_lightning.loading import Batches
from wxml_trainer_lightning.loop import Interruption
from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.state import Position, StateFile, TrainingState, after_failure
from wxml_trainer_lightning.step_clock import StepClock


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The weights with the lowest validation loss, on the CPU."""

    loss: float
    step: int
    weights: dict[str, Tensor]


class Validation:
    """Validates the model that is kept, the averaged one if there is one, on the same samples every time.

    Attributes:
        loss: the latest validation loss.
        best: the best weights so far; None if the last weights are kept.
    """

    def __init__(self, batches: Batches | None, every: int, *, keep_best: bool) -> None:
        self.batches = batches
        self.every = every
        self.keep_best = keep_best
        self.loss: float | None = None
        self.best: Best | None = None

    def run(self, module: ForecastModule, step: int) -> list[float]:
        """Return the validation loss, then that of each of several grids; keep the weights with the lowest loss."""
        losses = module.validation_losses(self.batches or ())
        loss = losses[0]
        if self.keep_best and loss < (self.best.loss if self.best else math.inf):
            weights = {name: tensor.detach().cpu().clone() for name, tensor in module.judged.state_dict().items()}
            self.best = Best(loss, step, weights)
        self.loss = loss
        return losses


class CheckpointCallback(Callback):
    """Records, validates and writes states between two steps; Lightning calls it after `StepClock`.

    Attributes:
        state: the latest state that was written.
    """

    def __init__(
        self,
        clock: StepClock,
        history: History,
        validation: Validation,
        state_file: StateFile,
        checkpoint_every: int,
        interruption: Interruption,
        tracker_runs: Callable[[], dict[str, str]],
    ) -> None:
        self.clock = clock
        self.history = history
        self.validation = validation
        self.state_file = state_file
        self.checkpoint_every = checkpoint_every
        self.interruption = interruption
        self.tracker_runs = tracker_runs
        self.state: TrainingState | None = None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Record the step; then validate, write a state or stop the training if this step asks for it."""
        step, module = self.clock.step, _forecast_module(pl_module)
        is_over = self.clock.budget.is_spent(step)
        rollout = batch.values.shape[1] - module.layout.input_steps
        self.history.record(step, outputs["loss"], outputs["has_truth"], self.clock.learning_rate, rollout)
        if self.validation.batches and (is_over or step % self.validation.every == 0):
            losses = self.validation.run(module, step)
            self.history.validated(*losses)
            self.clock.validated(losses[0])
        is_told = not is_over and self.interruption.is_requested
        is_last = is_over or is_told
        if is_last or step % self.checkpoint_every == 0:
            self.write_state(module)
            if is_told:
                self.interruption.leave(step)
        elif self.history.is_due:
            self.history.flush()
        trainer.should_stop = is_last
        self.clock.at_rest = True

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Write a state when a second Ctrl-C stops the training at once; after an error, keep the last state."""
        if isinstance(exception, DataError):
            self.history.flush()  # what led to it
        if isinstance(exception, KeyboardInterrupt) and self.clock.at_rest and self.clock.step:
            self.write_state(_forecast_module(pl_module))

    def write_state(self, module: ForecastModule) -> None:
        """Write the history, then the state from which the training can be resumed.

        Raises:
            DataError: the loss, a weight or a moment of the optimizer is not finite; the previous state stays.
        """
        self.history.flush()
        moments = module.optimizer_moments()
        self._check_finite(module.model, moments)
        best, last = self.validation.best, self.history.last
        position = Position(
            step=self.clock.step,
            elapsed=self.clock.budget.elapsed,
            training_loss=last.training_loss if last else None,
            validation_loss=self.validation.loss,
            best_loss=best.loss if best else None,
            best_step=best.step if best else None,
            gradient_norms=module.gradients.norms,
            skipped_steps=module.gradients.skipped,
            schedule_losses=self.clock.losses,
            tracker_runs=self.tracker_runs(),
            loss_scale=module.trainer.precision_plugin.state_dict(),
        )
        kinds = {"weights": module.model.state_dict(), "optimizer": moments}
        kinds |= {kind: model.state_dict() for kind, model in module.averages.by_kind.items()}
        if best is not None:
            kinds["best"] = best.weights
        tensors = {f"{kind}/{name}": tensor for kind, named in kinds.items() for name, tensor in named.items()}
        self.state = TrainingState(position, tensors)
        self.state_file.write(self.state)

    def _check_finite(self, model: nn.Module, moments: Mapping[str, Tensor]) -> None:
        """Raise a DataError if a weight of the model or a moment of the optimizer is not finite."""
        step, kept = self.clock.step, after_failure(self.state_file.run_dir)
        for name, weight in model.named_parameters():
            if not bool(torch.isfinite(weight).all()):
                raise DataError(
                    f"the weight `{name}` is not finite after step {step}, though the loss was",
                    fix=f"try a lower `training.learning_rate` or a longer `training.schedule.warmup`{kept}",
                )
        for name, moment in moments.items():
            if not bool(torch.isfinite(moment).all()):
                raise DataError(
                    f"the moment `{name}` of the optimizer is not finite after step {step}: the gradient is too large",
                    fix=f"set `training.gradient_clip`, or try a lower `training.learning_rate`{kept}",
                )


def _forecast_module(module: LightningModule) -> ForecastModule:
    if not isinstance(module, ForecastModule):
        raise TypeError(f"these callbacks belong to a ForecastModule, got {type(module).__name__}")
    return module
