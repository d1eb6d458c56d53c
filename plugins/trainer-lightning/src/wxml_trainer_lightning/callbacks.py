"""Validation, history and states to resume from, between two steps."""

__all__ = ["Best", "CheckpointCallback", "Validation"]

import logging
import math
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from wxml.artefacts.run_folder import KeptCheckpoint
from wxml.errors import ConfigError, DataError, Fault, WxmlError, nearest

from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.history import History, part_column
from wxml_trainer_lightning.interruption import Interruption
from wxml_trainer_lightning.kept import Kept
from wxml_trainer_lightning.loading import Batches
from wxml_trainer_lightning.loop_callback import LoopCallback, MadeStep
from wxml_trainer_lightning.module import ForecastModule, Observe
from wxml_trainer_lightning.options import KeepBest
from wxml_trainer_lightning.ranks import Ranks
from wxml_trainer_lightning.seeing.sight import Sight
from wxml_trainer_lightning.state import Position, StateFile, TrainingState, after_failure
from wxml_trainer_lightning.step_clock import StepClock

LOG = logging.getLogger("wxml")


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The weights with the lowest validation loss, on the CPU."""

    loss: float
    step: int
    weights: dict[str, Tensor]
    metrics: Mapping[str, float] = field(default_factory=dict)
    """The numbers of that validation, by name."""


class Validation:
    """Validates the model that is kept, the averaged one if there is one, on the same samples every time.

    Attributes:
        loss: the latest validation loss.
        metrics: all numbers of the latest validation, by name.
        best: the best weights so far; None if the last weights are kept.
    """

    def __init__(self, batches: Batches | None, every: int, keep: KeepBest | None, parts: Sequence[str] = ()) -> None:
        """`keep` says which weights are the best; `parts` are the names of several grids, if there are any."""
        self.batches = batches
        self.every = every
        self.keep = keep
        self.parts = parts
        self.metrics: dict[str, float] = {}
        self.loss: float | None = None
        self.best: Best | None = None

    def run(self, module: ForecastModule, observe: Observe = lambda *_: None) -> list[float]:
        """Return the validation loss, then that of each of several grids.

        Args:
            module: the model with its loss.
            observe: is told each batch with its forecast.
        """
        losses = module.validation_losses(self.batches or (), observe)
        self.loss = losses[0]
        return losses

    def judge(self, module: ForecastModule, step: int, losses: Sequence[float], numbers: Mapping[str, float]) -> None:
        """Keep the weights if they are the best so far.

        Args:
            module: the model with its loss.
            step: the number of steps that were made.
            losses: what `run` has returned.
            numbers: all else that the validation has found, by name.
        """
        names = ("validation_loss", *map(part_column, self.parts))
        found = {**numbers, **dict(zip(names, losses, strict=False))}
        self.metrics = {name: value for name, value in found.items() if math.isfinite(value)}
        judged = self._judged(losses[0])
        if self.keep and judged is not None and (self.best is None or self._is_better(judged, self.best.loss)):
            weights = module.weights_of(module.judged)  # each process takes part, and the first one keeps them
            kept = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}
            self.best = Best(judged, step, kept if module.ranks.is_first else {}, self.metrics)

    def check_metric(self, metrics: Sequence[str]) -> None:
        """Check that a validation finds the number that says which weights are the best.

        Args:
            metrics: the names of the metrics of a validation.

        Raises:
            ConfigError: it finds no number of this name.
        """
        known = ["validation_loss", *map(part_column, self.parts), *metrics]
        if self.batches and self.keep and self.keep.metric not in known:
            problem = f"a validation finds no {self.keep.metric!r}: {nearest(self.keep.metric, known)}"
            raise ConfigError([Fault("training.keep.best.metric", problem)], fix="write one of these names")

    def _judged(self, loss: float) -> float | None:
        """The number that says which weights are the best; None if this validation has none that is finite."""
        if self.keep is None or self.keep.metric == "validation_loss":
            return loss if math.isfinite(loss) else None
        return self.metrics.get(self.keep.metric)

    def _is_better(self, found: float, best: float) -> bool:
        return found > best if self.keep and self.keep.mode == "max" else found < best


class CheckpointCallback(LoopCallback):
    """Records, validates and writes states between two steps; the loop calls it after `StepClock`.

    Attributes:
        state: the latest state that was written.
    """

    def __init__(
        self,
        clock: StepClock,
        history: History | None,
        validation: Validation,
        state_file: StateFile,
        checkpoint_every: int,
        interruption: Interruption,
        tracker_runs: Callable[[], dict[str, str]],
        sight: Sight,
        kept: Kept | None = None,
    ) -> None:
        self.kept = kept
        self.clock = clock
        self.history = history
        self.validation = validation
        self.state_file = state_file
        self.checkpoint_every = checkpoint_every
        self.interruption = interruption
        self.tracker_runs = tracker_runs
        self.sight = sight
        self.state: TrainingState | None = None

    def after_step(self, module: ForecastModule, batch: Batch, made: MadeStep) -> None:
        """Record the step; then validate, write a state or stop the training if this step asks for it."""
        step = self.clock.step
        told = self._agree(module.ranks)
        is_over = self.clock.budget.is_spent(step)
        rollout = module.layout.steps(batch)
        if self.history:
            self.history.record(step, made.loss, made.has_truth, self.clock.learning_rate, rollout)
        is_validated = bool(self.validation.batches) and (is_over or step % self.validation.every == 0)
        if is_validated:
            losses = self.validation.run(module, self.sight.observe)
            if self.history:
                self.history.validated(*losses)
            self.clock.validated(losses[0])
            self.sight.validated(self.clock, losses[0])
            self.validation.judge(module, step, losses, self.sight.numbers)
            told = told or module.ranks.agreed(self.interruption.received)  # which may have come in the meantime
        if self.kept:
            self._keep(module, self.kept, is_validated=is_validated)
        self.sight.stepped(self.clock)
        is_over = is_over or self.sight.is_to_end
        is_last = is_over or told > 0
        if is_last or step % self.checkpoint_every == 0:
            self.write_state(module)
            self.sight.saved(self.clock)
        elif self.history and self.history.is_due:
            self.history.flush()
        if told and not is_over:
            self._leave(told, module.ranks)
        self.is_over = is_last
        self.clock.at_rest = True

    def _keep(self, module: ForecastModule, kept: Kept, *, is_validated: bool) -> None:
        """Write a checkpoint beside the run if one is due."""
        now = KeptCheckpoint(self.clock.step, self.clock.budget.elapsed, self.validation.metrics)
        notes = {"validation_loss": self.validation.loss} if module.ranks.is_first else None
        kept.after(now, is_validated, lambda: module.weights_of(module.judged), notes)

    def _agree(self, ranks: Ranks) -> int:
        """Agree on the time, and return the number of the signal on which all leave, 0 if there is none.

        What came to one process later counts in the next step: a signal may come to one of them at any moment.
        """
        told, milliseconds = ranks.greatest([self.interruption.received, int(1000 * self.clock.budget.elapsed)])
        if not ranks.is_alone:
            self.clock.budget.agree(self.clock.step, milliseconds / 1000)
        return told

    def _leave(self, told: int, ranks: Ranks) -> None:
        """Leave after this step, with its state written."""
        self.interruption.leave(told)
        if ranks.is_first and told != signal.SIGINT:
            reason, step = self.interruption.reason, self.clock.step
            LOG.warning("told to leave by %s: the state of step %d is written; go on with --resume", reason, step)

    def ended(self, module: ForecastModule) -> None:
        """Have the callbacks look once more."""
        self.sight.ended(self.clock)

    def failed(self, module: ForecastModule, error: BaseException) -> None:
        """Write a state when a second Ctrl-C stops the training, or when the connection to another process breaks.

        After any other error the last state is kept, and where the weights are divided among the processes.
        """
        if isinstance(error, DataError) and self.history:
            self.history.flush()  # what led to it
        is_broken = isinstance(error, RuntimeError) and not (module.ranks.is_alone or module.is_divided)
        is_stopped = isinstance(error, KeyboardInterrupt) and not module.is_divided
        if module.ranks.is_first and self.clock.at_rest and self.clock.step and (is_broken or is_stopped):
            with suppress(WxmlError) if is_broken else nullcontext():
                self.write_state(module)

    def write_state(self, module: ForecastModule) -> None:
        """Write the history, then the state from which the training can be resumed; every process takes part.

        Raises:
            DataError: the loss, a weight or a moment of the optimizer is not finite; the previous state stays.
        """
        if self.history:
            self.history.flush()
        tensors = self._tensors(module)
        if module.ranks.is_first:
            self._check_finite(module.model, tensors)
        self.state = TrainingState(self._position(module), tensors)
        if module.ranks.is_first:
            self.state_file.write(self.state)

    def _position(self, module: ForecastModule) -> Position:
        best, last = self.validation.best, self.history.last if self.history else None
        return Position(
            step=self.clock.step,
            elapsed=self.clock.budget.elapsed,
            training_loss=last.training_loss if last else None,
            validation_loss=self.validation.loss,
            best_loss=best.loss if best else None,
            best_step=best.step if best else None,
            metrics=_scores(self.validation.metrics),
            best_metrics=_scores(best.metrics) if best else {},
            gradient_norms=module.gradients.norms,
            skipped_steps=module.gradients.skipped,
            schedule_losses=self.clock.losses,
            tracker_runs=self.tracker_runs(),
            loss_scale=module.precision.state(),
            ranks=module.ranks.place.ranks,
        )

    def _tensors(self, module: ForecastModule) -> dict[str, Tensor]:
        """The tensors of a state; every process takes part, and the first one keeps them."""
        kinds = {"weights": module.weights_of(module.model), "optimizer": module.optimizer_moments()}
        kinds |= {kind: module.weights_of(model) for kind, model in module.averages.by_kind.items()}
        if self.validation.best is not None:
            kinds["best"] = self.validation.best.weights
        named = {f"{kind}/{name}": tensor for kind, named in kinds.items() for name, tensor in named.items()}
        return named if module.ranks.is_first else {}

    def _check_finite(self, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
        """Raise a DataError if a weight of the model or a moment of the optimizer is not finite."""
        step, kept = self.clock.step, after_failure(self.state_file.run_dir)
        for name, _ in model.named_parameters():
            if not bool(torch.isfinite(tensors[f"weights/{name}"]).all()):
                raise DataError(
                    f"the weight `{name}` is not finite after step {step}, though the loss was",
                    fix=f"try a lower `training.learning_rate` or a longer `training.schedule.warmup`{kept}",
                )
        for key, moment in tensors.items():
            kind, _, name = key.partition("/")
            if kind == "optimizer" and not bool(torch.isfinite(moment).all()):
                raise DataError(
                    f"the moment `{name}` of the optimizer is not finite after step {step}: the gradient is too large",
                    fix=f"set `training.gradient_clip`, or try a lower `training.learning_rate`{kept}",
                )


def _scores(numbers: Mapping[str, float]) -> dict[str, float]:
    """The numbers that a validation finds, without those that callbacks note, which may differ from run to run."""
    return {name: value for name, value in numbers.items() if name.startswith("validation")}
