"""One training, from its beginning or its last state to the checkpoint."""

__all__ = ["TrainingRun", "train"]

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from wxml import Experiment, MemberForecast
from wxml.data.times import format_time
from wxml.errors import ConfigError, DataError, Fault
from wxml.masking import masked_values
from wxml.memory import check_memory

from wxml_trainer_lightning.averaging import Averages
from wxml_trainer_lightning.bad_step import BadStep
from wxml_trainer_lightning.batch_forecast import BatchForecast, Layout
from wxml_trainer_lightning.batches import Batch, SampleOrder, Samples, has_truth
from wxml_trainer_lightning.callbacks import Best, CheckpointCallback, Validation
from wxml_trainer_lightning.compilation import compile_model
from wxml_trainer_lightning.device import Device
from wxml_trainer_lightning.ensemble import Ensemble
from wxml_trainer_lightning.few_data import few_data
from wxml_trainer_lightning.gradients import Gradients
from wxml_trainer_lightning.history import History, Listener, ProgressListener
from wxml_trainer_lightning.input_noise import InputNoise
from wxml_trainer_lightning.interruption import Interruption
from wxml_trainer_lightning.joining import joined
from wxml_trainer_lightning.kept import Kept
from wxml_trainer_lightning.loading import Loading, batches_held
from wxml_trainer_lightning.loop import run_loop
from wxml_trainer_lightning.mixed_precision import MixedPrecision
from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.optimisation import Optimisation
from wxml_trainer_lightning.outcome import write_outcome
from wxml_trainer_lightning.placement import Placement
from wxml_trainer_lightning.ranks import Ranks
from wxml_trainer_lightning.reading_time import TimedBatches
from wxml_trainer_lightning.schedule import Budget, LearningRate
from wxml_trainer_lightning.seeing.pace import Pace, shown
from wxml_trainer_lightning.seeing.report import Report
from wxml_trainer_lightning.seeing.sight import new_sight
from wxml_trainer_lightning.state import Position, StateFile, TrainingState, earlier_files, flatten, run_identity
from wxml_trainer_lightning.state_fit import check_weights
from wxml_trainer_lightning.step_clock import StepClock
from wxml_trainer_lightning.task_fit import rollout_of
from wxml_trainer_lightning.tracking.run_record import tracked_run
from wxml_trainer_lightning.tracking.trackers import Trackers, tracked

if TYPE_CHECKING:
    from wxml_trainer_lightning.trainer import LightningTrainer

LOG = logging.getLogger("wxml")


def train(experiment: Experiment, options: "LightningTrainer", run_dir: Path, *, resume: bool) -> Path:
    """Train and write the checkpoint; see `LightningTrainer.fit`."""
    return _train(options.place(), None, (experiment, options, run_dir), resume=resume)


def _train(
    place: Placement, port: int | None, task: tuple[Experiment, "LightningTrainer", Path], *, resume: bool
) -> Path:
    """Train as one of the processes of a training; the first one writes the checkpoint."""
    experiment, options, run_dir = task
    device = Device(options.accelerator, options.precision, options.threads)
    device.of_ranks(place)
    identity = run_identity(experiment, options.identity() | {"accelerator": device.resolve()})
    state_file = StateFile(run_dir, identity, partial(earlier_files, experiment), experiment.source.stamp())
    with joined(place, device.backend, partial(_train, task=task, resume=resume), port) as ranks:
        state = ranks.shared(state_file.begin(resume=resume) if ranks.is_first else None)
        if state is not None and state.position.ranks != place.ranks:
            LOG.info(
                "the training goes on with %d devices, and had %d before: the samples are the same; the last bits of "
                "its sums may differ",
                place.ranks,
                state.position.ranks,
            )
        with device.settled(place):
            run = TrainingRun(experiment, options, device, state, ranks)
            with run.trackers(run_dir, identity) as trackers:
                final = run.finish(state_file, trackers)
    path = run_dir / "checkpoint.safetensors"
    if ranks.is_first:
        write_outcome(experiment, options, final, path, overwrite=resume)
    return path


class TrainingRun:
    """Makes the parts of a training from the options and, if the training is resumed, from its state."""

    def __init__(
        self,
        experiment: Experiment,
        options: "LightningTrainer",
        device: Device,
        state: TrainingState | None,
        ranks: Ranks,
    ) -> None:
        self.experiment = experiment
        self.options = options
        self.device = device
        self.state = state
        self.ranks = ranks
        self.position = state.position if state else Position()
        self.rollout = rollout_of(options, experiment)
        self.module = self._module()
        self.loading = Loading(options.workers, pinned=device.resolve() == "cuda")
        self.validation = self._validation()
        self.samples = {steps: experiment.samples("training", steps) for steps in self.rollout.stages}
        self._check_memory()
        if state is None:
            self._check_truth()
            self._warn_of_few_data()

    def _check_memory(self) -> None:
        """Refuse batches that do not fit the free memory: that of the step, and those that are read ahead."""
        options, size = self.options, self.samples[self.rollout.maximum].sample_size
        remaining, place = max(1, options.max_steps - self.position.step), self.ranks.place
        batch_size = -(-options.step_samples // place.ranks) * place.local_ranks
        count = min(1 + batches_held(options.workers), remaining)
        ahead = f", {count - 1} of them read ahead," if count > 1 else ""
        check_memory(
            count * batch_size * size,
            f"{count} batch{'es' * (count > 1)} of {batch_size:,} samples{ahead}",
            fix="reduce `training.batch_size`, `training.accumulate`, `training.rollout` or `training.workers`",
        )

    def finish(self, state_file: StateFile, trackers: Trackers) -> TrainingState:
        """Make the remaining steps, and return the final state."""
        options, position, seed = self.options, self.position, self.experiment.config.seed
        budget = Budget(options.max_steps, options.max_seconds, position.elapsed)
        if self.state is not None and budget.is_spent(position.step):
            return self.state
        clock = StepClock(position.step, seed, budget, LearningRate(options.peak_learning_rate, options.new_schedule()))
        clock.losses = list(position.schedule_losses)
        batches = self._batches(budget)
        pace = Pace(budget, options.step_samples)
        report = Report(state_file.run_dir, lambda: self._facts(clock, pace))
        with (
            self._history(state_file.run_dir, budget, batches, trackers, pace) as history,
            new_sight(self.experiment, options, self.module, clock, trackers, report) as sight,
            Interruption(options.leave_seconds) as interruption,
            self.loading,
        ):
            self.validation.check_metric(sight.names)
            checkpoints = CheckpointCallback(
                clock,
                history,
                self.validation,
                state_file,
                options.checkpoint_every,
                interruption,
                lambda: trackers.runs,
                sight,
                self._kept(state_file.run_dir),
            )
            finder = BadStep(clock, self.experiment.roles.output, self._label, state_file.run_dir)
            callbacks = [clock, finder, checkpoints]
            run_loop(self.module, batches, callbacks, self.device, options.strategy)
        LOG.info("reading: %s", batches.summary)
        if checkpoints.state is None:
            raise RuntimeError("no step was made, so there is no state")
        return checkpoints.state

    def _batches(self, budget: Budget) -> TimedBatches:
        """The batches of the remaining steps."""
        options, first, ahead = self.options, self.position.step, 1 + batches_held(self.options.workers)
        order = SampleOrder(
            self.samples,
            self.experiment.config.seed,
            options.step_samples,
            first,
            budget,
            self.rollout,
            self.ranks.place,
            ahead,
        )
        return TimedBatches(self.loading.training(Samples(self.samples), order))

    def _facts(self, clock: StepClock, pace: Pace) -> dict[str, str]:
        """What the report says at its top."""
        budget, done = clock.budget, clock.budget.fraction(clock.step)
        parts = self.module.model.named_parameters()
        return {
            "step": f"{clock.step:,} of {budget.max_steps:,} ({min(done, 1.0):.0%} of the training)",
            "time": shown(budget.elapsed),
            "pace": str(pace) or "–",
            "weights": f"{sum(weight.numel() for _, weight in parts):,}",
            "device": self.device.resolve(),
            "written": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
        }

    def _kept(self, run_dir: Path) -> Kept | None:
        """The checkpoints that are kept while the training goes on."""
        keep = self.options.keep
        return Kept(self.experiment, keep, run_dir, self.position.step) if keep.keeps_files else None

    def _label(self, batch: Batch, place: int) -> str:
        """The initial time of a sample of a batch, and its member, if there are several."""
        samples = self.samples[self.module.layout.steps(batch)]
        members = self.experiment.source.header.members
        time, member = divmod(batch.samples[place], members)
        return format_time(samples.initial_times[time]) + (f", member {member}" if members > 1 else "")

    @contextmanager
    def trackers(self, run_dir: Path, identity: Mapping[str, str]) -> Iterator[Trackers]:
        """The trackers; the first process alone has any."""
        if not self.ranks.is_first:
            yield Trackers({})
            return
        config = flatten(masked_values(self.experiment.config.model_dump(mode="json")))
        record = tracked_run(run_dir, config | dict(identity))
        with tracked(self.options.tracker, self.options.tracking_uri, record, self.position.tracker_runs) as trackers:
            yield trackers

    @contextmanager
    def _history(
        self, run_dir: Path, budget: Budget, batches: TimedBatches, trackers: Trackers, pace: Pace
    ) -> Iterator[History | None]:
        """The history, which tells the progress and the tracker of each step; the first process alone has one."""
        if not self.ranks.is_first:
            yield None
            return
        progress = ProgressListener(budget, self.position.step, batches, pace)
        listeners: list[Listener] = [progress, trackers]
        grids = list(self.experiment.preprocessing.places.ranges)
        try:
            yield History(run_dir / "history.csv", self.position.step, listeners, grids)
        finally:
            progress.close()

    def _check_truth(self) -> None:
        """Refuse a training none of whose samples has a truth.

        Raises:
            DataError: no value of the truth is present, so that no loss exists.
        """
        layout, samples = self.module.layout, self.samples[self.rollout.maximum]
        if not has_truth(samples, len(samples), layout.input_steps, layout.output):
            raise DataError(
                f"no value of the truth is present in the {len(samples)} samples of `data.split.training`, so there is "
                "no training loss",
                fix="choose another `data.split.training`, or forecast other variables",
            )

    def _warn_of_few_data(self) -> None:
        """Say whether the weights can learn the training period by heart; the first process does."""
        trained = sum(weight.numel() for weight in self.module.model.parameters() if weight.requires_grad)
        samples = len(self.samples[self.rollout.maximum])
        said = few_data(samples, len(self.experiment.source.header.grid), trained)
        if said and self.ranks.is_first:
            LOG.warning(said)

    def _module(self) -> ForecastModule:
        """The model with its loss and optimizer, and with the weights and moments of the state if there is one."""
        options = self.options
        optimisation = Optimisation(options.new_optimizer(), options.weight_decay, options.max_steps, options.parts)
        norms, skipped = self.position.gradient_norms, self.position.skipped_steps
        gradients = Gradients(options.gradient_clip, options.spikes, norms, skipped)
        grids, loss = self.experiment.preprocessing.places.ranges, options.combined_loss(self.experiment)
        model = self.experiment.new_model()
        averages = Averages(model, options.averages(), options.judged_average())
        compile_model(model, options.compile, self.device.resolve())
        module = ForecastModule(model, loss, self._forecast(), optimisation, gradients, grids, averages, self.ranks)
        module.pieces = options.accumulate
        module.precision = MixedPrecision(options.precision, self.device.resolve())
        if self.state is None:
            return module
        for kind, part in {"weights": module.model, **averages.by_kind}.items():
            check_weights(kind, self.state.below(kind), part.state_dict())
            part.load_state_dict(self.state.below(kind))
        if best := self.state.below("best"):
            check_weights("best", best, module.model.state_dict())
        module.precision.load(self.position.loss_scale)
        module.moments = self.state.below("optimizer")  # the optimizer does not exist before the loop begins
        return module

    def _forecast(self) -> BatchForecast:
        """How the forecasts of a batch are made."""
        options, roles, config = self.options, self.experiment.roles, self.experiment.config
        noise, nodes = config.model.noise, self.experiment.graph.nodes
        rollout, inputs = options.rollout, len(roles.prognostic)
        is_given = _is_boundary_given(rollout.boundary, config.model.boundary is not None)
        deviation = options.input_noise * torch.tensor(self.experiment.tendency_scale[:inputs], dtype=torch.float32)
        return BatchForecast(
            Layout(self.experiment.window(1).input_steps, inputs, len(roles.output)),
            MemberForecast(options.members, options.members_at_once, rollout.recompute_steps, rollout.detach_every),
            None if noise is None else Ensemble(config.seed, len(nodes["mesh"]), noise.channels, noise.correlation),
            InputNoise(config.seed, deviation) if options.input_noise else None,
            torch.from_numpy(self.experiment.boundary_shares) if is_given else None,
            only_last=rollout.loss_over == "last",
            plan=lru_cache(maxsize=64)(self.experiment.plan),
        )

    def _validation(self) -> Validation:
        """The validation, with the best weights of the state if any; without a validation period it does nothing.

        Raises:
            DataError: no sample of the validation has a truth, so that no loss exists.
            ConfigError: the learning rate follows the validation loss, and there is no validation.
        """
        options, position = self.options, self.position
        keep, grids = options.keep.best, list(self.experiment.preprocessing.places.ranges)
        if self.experiment.config.data.split.validation is None:
            if options.new_schedule().uses_losses:
                name = options.schedule.plugin
                problem = f"{name!r} follows the validation loss, and the config has no period `data.split.validation`"
                fix = "write `data.split.validation`, or choose another schedule, such as cosine"
                raise ConfigError([Fault("training.schedule", problem)], fix=fix)
            LOG.info("no validation, and the last weights are kept: the config has no period `data.split.validation`")
            return Validation(None, options.validation_every, keep)
        samples = self.experiment.samples("validation", self.rollout.validation_steps or self.rollout.maximum)
        layout = self.module.layout
        if not has_truth(samples, options.validation_samples, layout.input_steps, layout.output):
            raise DataError(
                f"no value of the truth is present in the {min(len(samples), options.validation_samples)} samples of "
                "`data.split.validation` that are validated, so there is no validation loss",
                fix="choose another `data.split.validation`, or leave it out",
            )
        batches = self.loading.validation(samples, options.validation_samples, options.batch_size, self.ranks.place)
        validation = Validation(batches, options.validation_every, keep, grids)
        validation.loss, validation.metrics = position.validation_loss, dict(position.metrics)
        if self.state is not None and position.best_loss is not None and position.best_step is not None:
            weights, metrics = self.state.below("best"), position.best_metrics
            validation.best = Best(position.best_loss, position.best_step, weights, metrics)
        return validation


def _is_boundary_given(boundary: str, is_of_model: bool) -> bool:
    """Whether the truth is given at the boundary; raise a ConfigError if two places of the config say it."""
    if boundary == "truth" and is_of_model:
        problem = "`model.boundary` gives the boundary in training and in forecasts"
        raise ConfigError([Fault("training.rollout.boundary", problem)], fix="leave `rollout.boundary` out")
    return boundary == "truth" or is_of_model
