"""What happens between two steps: history, validation, states."""

__all__ = ["Milestones"]

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from wxml.errors import DataError

from wxml_trainer_lightning.history import History
from wxml_trainer_lightning.interruption import Interruption
from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.pace import Pace
from wxml_trainer_lightning.state import Position, StateFile, TrainingState
from wxml_trainer_lightning.validation import Validation


class Milestones(Callback):
    """Looks after a training: called between two steps, after `Pace`.

    Attributes:
        state: the latest one that was written.
    """

    def __init__(
        self,
        pace: Pace,
        history: History,
        validation: Validation,
        state_file: StateFile,
        checkpoint_every: int,
        interruption: Interruption,
        tracker_run: Callable[[], str | None],
    ) -> None:
        self.pace = pace
        self.history = history
        self.validation = validation
        self.state_file = state_file
        self.checkpoint_every = checkpoint_every
        self.interruption = interruption
        self.tracker_run = tracker_run
        self.state: TrainingState | None = None

    @property
    def final_state(self) -> TrainingState:
        """The state at the end of the training."""
        if self.state is None:
            raise RuntimeError("no step was made, so there is no state")
        return self.state

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Tensor, batch_idx: int
    ) -> None:
        """Record the step; validate, write a state and stop where it is time to."""
        step, module = self.pace.step, _forecast_module(pl_module)
        is_over = self.pace.is_over
        rollout = batch.shape[1] - module.layout.input_steps
        self.history.record(step, outputs["loss"], self.pace.learning_rate, rollout)
        self._validate(module, is_over=is_over)
        is_last = is_over or self.interruption.is_requested
        if is_last or step % self.checkpoint_every == 0:
            self.write_state(module)
        elif self.history.is_due:
            self.history.flush()
        trainer.should_stop = is_last
        self.pace.at_rest = True

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Keep what was reached when a user interrupts at once; after an error, the last state is the safer one."""
        if isinstance(exception, KeyboardInterrupt) and self.pace.at_rest and self.pace.step:
            self.write_state(_forecast_module(pl_module))

    def write_state(self, module: ForecastModule) -> None:
        """Write the history, and then the state that goes on from there.

        Raises:
            DataError: the loss or the weights are not finite; the state that was there stays.
        """
        self.history.flush()
        _check_finite(module, self.pace.step)
        self.state = TrainingState(self._position(module), self._tensors(module))
        self.state_file.write(self.state)

    def _validate(self, module: ForecastModule, *, is_over: bool) -> None:
        validation, step = self.validation, self.pace.step
        if validation.batches and (is_over or validation.is_due(step)):
            self.history.validated(validation.run(module, step))

    def _position(self, module: ForecastModule) -> Position:
        best, last = self.validation.best, self.history.last
        return Position(
            step=self.pace.step,
            elapsed=self.pace.budget.elapsed,
            training_loss=last.training_loss if last else None,
            validation_loss=self.validation.loss,
            best_loss=best.loss if best else None,
            best_step=best.step if best else None,
            tracker_run=self.tracker_run(),
            loss_scale=module.trainer.precision_plugin.state_dict(),
        )

    def _tensors(self, module: ForecastModule) -> dict[str, Tensor]:
        kinds = {"weights": module.model.state_dict(), "optimizer": module.optimizer_moments()}
        if module.average is not None:
            kinds["average"] = module.average.model.state_dict()
        if self.validation.best is not None:
            kinds["best"] = self.validation.best.weights
        return {f"{kind}/{name}": tensor for kind, tensors in kinds.items() for name, tensor in tensors.items()}


def _forecast_module(module: LightningModule) -> ForecastModule:
    if not isinstance(module, ForecastModule):
        raise TypeError(f"these callbacks belong to a ForecastModule, got {type(module).__name__}")
    return module


def _check_finite(module: ForecastModule, step: int) -> None:
    for name, weight in module.model.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise DataError(
                f"the weight `{name}` is not finite after step {step}, though the loss was",
                fix="set `training.gradient_clip`, or try a lower `training.learning_rate`, in another directory; "
                "the last good state was kept",
            )
