"""The course of a training, from its beginning or the last state to the checkpoint."""

__all__ = ["Course", "train"]

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wxml import Experiment
from wxml.errors import ArtefactError

from wxml_trainer_lightning.batches import Sample, SampleOrder, Samples, training_batches, validation_batches
from wxml_trainer_lightning.budget import Budget
from wxml_trainer_lightning.device import Device
from wxml_trainer_lightning.history import History
from wxml_trainer_lightning.identity import flatten, run_identity
from wxml_trainer_lightning.interruption import Interruption
from wxml_trainer_lightning.loop import run_loop
from wxml_trainer_lightning.loss import squared_error
from wxml_trainer_lightning.milestones import Milestones
from wxml_trainer_lightning.module import ForecastModule, Layout, Optimisation
from wxml_trainer_lightning.pace import Pace
from wxml_trainer_lightning.progress import open_progress
from wxml_trainer_lightning.schedule import LearningRate
from wxml_trainer_lightning.settings import Settings
from wxml_trainer_lightning.state import Position, StateFile, TrainingState
from wxml_trainer_lightning.tracking import Tracker, open_tracker
from wxml_trainer_lightning.validation import Best, Validation

LOG = logging.getLogger("wxml")


def train(experiment: Experiment, settings: Settings, run_dir: Path, *, resume: bool) -> Path:
    """Train and write the checkpoint; see `LightningTrainer.fit`."""
    device = Device(settings.accelerator, settings.precision, settings.threads)
    identity = run_identity(experiment, settings.identity() | {"accelerator": device.resolve()})
    state_file = StateFile(run_dir, identity)
    state = state_file.begin(resume=resume)
    with device.settled():
        course = Course(experiment, settings, device, state)
        run = course.position.tracker_run
        parameters = flatten(experiment.config.model_dump(mode="json")) | identity
        with open_tracker(settings.tracker, settings.tracking_uri, run_dir, parameters, run) as tracker:
            final = course.run(state_file, tracker)
    return _save(experiment, settings, final, run_dir / "checkpoint.safetensors", overwrite=resume)


def _save(experiment: Experiment, settings: Settings, state: TrainingState, path: Path, *, overwrite: bool) -> Path:
    """Write the checkpoint: a function of the final state alone, and of nothing that differs from run to run."""
    position = state.position
    validation = position.validation_loss
    validation = validation if validation is not None and math.isfinite(validation) else None  # JSON knows no infinity
    training: dict[str, Any] = {
        "steps": position.step,
        "seed": experiment.config.seed,
        "training_loss": position.training_loss,
        "validation_loss": validation,
        "weights_of_step": position.step if position.best_step is None else position.best_step,
        "weights_validation_loss": validation if position.best_loss is None else position.best_loss,
        "averaged": settings.ema is not None,
    }
    experiment.save(path, state.kept_weights, training, overwrite=overwrite)
    LOG.info("training done: %d steps in %.0f s, checkpoint %s", position.step, position.elapsed, path)
    return path


class Course:
    """Everything that a training needs, made from the options and, if there is one, from the state to go on from."""

    def __init__(self, experiment: Experiment, settings: Settings, device: Device, state: TrainingState | None) -> None:
        self.experiment = experiment
        self.settings = settings
        self.device = device
        self.state = state
        self.position = state.position if state else Position()
        self.rollout = settings.rollout.at_least(experiment.config.data.output_steps)
        self.module = self._module()
        self.validation = self._validation()
        self.samples = self._samples("training", self.rollout.stages)

    def run(self, state_file: StateFile, tracker: Tracker) -> TrainingState:
        """Make the steps that are still to be made, and return the final state."""
        settings, position = self.settings, self.position
        budget = Budget(settings.max_steps, settings.max_seconds, position.elapsed)
        if self.state is not None and budget.is_spent(position.step):
            return self.state
        progress = open_progress(budget, position.step)
        history = History(state_file.run_dir / "history.csv", position.step, [progress, tracker])
        seed, rates = self.experiment.config.seed, (settings.learning_rate, settings.warmup)
        pace = Pace(position.step, seed, budget, LearningRate(*rates, settings.final_learning_rate_ratio))
        order = SampleOrder(self.samples, seed, settings.batch_size, position.step, budget, self.rollout)
        batches = training_batches(Samples(self.samples), order, settings.workers)
        try:
            with Interruption() as interruption:
                milestones = Milestones(
                    pace,
                    history,
                    self.validation,
                    state_file,
                    settings.checkpoint_every,
                    interruption,
                    lambda: tracker.run,
                )
                run_loop(self.module, batches, [pace, milestones], self.device, position.loss_scale, state_file.run_dir)
        finally:
            progress.close()
        return milestones.final_state

    def _module(self) -> ForecastModule:
        settings, roles = self.settings, self.experiment.roles
        layout = Layout(self.experiment.config.data.input_steps, len(roles.prognostic), len(roles.output))
        loss = squared_error(self.experiment, settings.variable_weighting, settings.variable_weights)
        optimisation = Optimisation(settings.optimizer, settings.weight_decay, settings.gradient_clip, settings.ema)
        module = ForecastModule(self.experiment.new_model(), loss, layout, optimisation)
        if self.state is not None:
            _restore(module, self.state)
        return module

    def _validation(self) -> Validation:
        settings, position = self.settings, self.position
        keep_best = settings.keep == "best"
        if self.experiment.config.data.split.validation is None:
            LOG.info("no validation, and the last weights are kept: the config has no period `data.split.validation`")
            return Validation(None, settings.validation_every, keep_best=keep_best)
        longest = self.rollout.maximum
        samples = self._samples("validation", [longest])[longest]
        batches = validation_batches(samples, settings.validation_samples, settings.batch_size, settings.workers)
        validation = Validation(batches, settings.validation_every, keep_best=keep_best)
        validation.loss = position.validation_loss
        if self.state is not None and position.best_loss is not None and position.best_step is not None:
            validation.best = Best(position.best_loss, position.best_step, self.state.below("best"))
        return validation

    def _samples(self, period: Any, stages: Sequence[int]) -> Mapping[int, Sequence[Sample]]:
        return {steps: self.experiment.samples(period, steps) for steps in stages}


def _restore(module: ForecastModule, state: TrainingState) -> None:
    """Put the weights of a state into a fresh module, and the moments where its optimizer will find them."""
    try:
        module.model.load_state_dict(state.below("weights"))
        if module.average is not None:
            module.average.model.load_state_dict(state.below("average"))
    except RuntimeError as error:
        raise ArtefactError(
            f"the weights of the state do not fit the model that the config describes: {error}",
            fix="resume with the plugin versions that it was started with, or start again in another directory",
        ) from error
    module.moments = state.below("optimizer")
