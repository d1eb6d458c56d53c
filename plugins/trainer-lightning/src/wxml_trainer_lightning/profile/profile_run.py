"""Makes some training steps to measure them, and keeps nothing of them."""

__all__ = ["profile"]

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.profiler import ProfilerActivity
from wxml import Experiment
from wxml.training.step_profile import StepProfile

from wxml_trainer_lightning.batches import Batch, SampleOrder, Samples
from wxml_trainer_lightning.device import Device
from wxml_trainer_lightning.joining import joined
from wxml_trainer_lightning.loading import batches_held
from wxml_trainer_lightning.loop import run_loop
from wxml_trainer_lightning.loop_callback import LoopCallback, MadeStep
from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.placement import Placement
from wxml_trainer_lightning.profile.peak_memory import PeakMemory
from wxml_trainer_lightning.profile.phases import Phases, TimedRanks
from wxml_trainer_lightning.profile.step_memory import StepMemory
from wxml_trainer_lightning.rollout import Rollout
from wxml_trainer_lightning.schedule import Budget, LearningRate
from wxml_trainer_lightning.step_clock import StepClock
from wxml_trainer_lightning.training_run import TrainingRun

if TYPE_CHECKING:
    from wxml_trainer_lightning.trainer import LightningTrainer

WARM_UP = 5
"""Steps: the first ones compile, make the moments, and find batches that were read ahead."""
COUNTED = 1
"""Steps whose tensors are counted; they are not measured either."""
TRACED = 3
"""The most steps of a trace; they are not measured, since a trace takes time."""


def profile(experiment: Experiment, options: "LightningTrainer", steps: int, trace: Path | None) -> StepProfile:
    """Measure some steps; see `LightningTrainer.profile`."""
    return _profile(options.place(), None, (experiment, options, steps, trace))


def _profile(
    place: Placement, port: int | None, task: tuple[Experiment, "LightningTrainer", int, Path | None]
) -> StepProfile:
    """Measure some steps as one of the processes of a training."""
    experiment, options, steps, trace = task
    device = Device(options.accelerator, options.precision, options.threads)
    device.of_ranks(place)
    phases, memory = Phases(device.resolve()), PeakMemory(device.resolve())
    with joined(place, device.backend, partial(_profile, task=task), port), device.settled(place):
        run = TrainingRun(experiment, options, device, None, TimedRanks(place, phases))
        counted = None if options.compile or run.options.strategy == "fsdp" else StepMemory(run.module)
        window = _Window(steps, phases, memory, counted, trace if place.rank == 0 else None)
        # rank 0 alone may know of the trace
        window.traced = run.ranks.agreed(min(steps, TRACED) if trace else 0)
        _make_steps(run, window)
    samples, rollout = steps * options.step_samples, run.rollout.maximum
    return StepProfile(
        steps=steps,
        warm_up=WARM_UP,
        samples=samples,
        seconds=window.seconds,
        phases=phases.seconds,
        device=device.resolve(),
        ranks=place.ranks,
        rollout=rollout,
        peak_memory=window.peak,
        tensors=window.tensors,
    )


def _make_steps(run: TrainingRun, window: "_Window") -> None:
    """Make steps with the longest rollout, whose memory is planned, too."""
    options, seed, longest = run.options, run.experiment.config.seed, run.rollout.maximum
    ahead = 1 + batches_held(options.workers)
    budget = Budget(window.last + ahead, None)  # so that batches are read ahead of the last step, too
    rollout = Rollout(start=longest, maximum=longest)
    order = SampleOrder(run.samples, seed, options.step_samples, 0, budget, rollout, run.ranks.place, ahead)
    clock = StepClock(0, seed, budget, LearningRate(options.peak_learning_rate, options.new_schedule()))
    if not run.ranks.is_alone:
        window.phases.listen(run.module.model)
    with run.loading:
        batches = run.loading.training(Samples(run.samples), order)
        run_loop(run.module, batches, [clock, window], run.device, options.strategy, window.phases)


class _Window(LoopCallback):
    """Begins to measure after the warm-up, and ends after as many steps as were asked for.

    Then it counts the tensors of one step, and writes the trace of some.
    """

    def __init__(
        self, steps: int, phases: Phases, memory: PeakMemory, counted: StepMemory | None, trace: Path | None
    ) -> None:
        self.end = WARM_UP + steps
        self.phases = phases
        self.memory = memory
        self.counted = counted
        self.trace = trace
        self.traced = 0
        self.seconds = 0.0
        self.peak: int | None = None
        self.tensors: dict[str, int] = {}
        self._step = 0
        self._began = 0.0
        self._timeline: torch.profiler.profile | None = None

    @property
    def last(self) -> int:
        """The number of all steps."""
        return self.end + COUNTED + self.traced

    def before_step(self, module: ForecastModule, batch: Batch) -> None:
        """Begin to count the tensors of the step after those that are measured."""
        if self._step == self.end and self.counted is not None:
            self.phases.entered = self.counted.entered
            self.counted.begin(batch)

    def after_step(self, module: ForecastModule, batch: Batch, made: MadeStep) -> None:
        """Count the step."""
        self._step += 1
        if self._step == WARM_UP:
            self.memory.restart()
            self._began = self.phases.restart()
        elif self._step == self.end:
            self.seconds, self.peak = self.phases.finish() - self._began, self.memory.peak
        elif self._step == self.end + COUNTED:
            if self.counted is not None:
                self.tensors = self.counted.end()
            if self.trace is not None:
                self._begin_trace()
        self.is_over = self._step >= self.last

    def ended(self, module: ForecastModule) -> None:
        """Write the trace."""
        if self._timeline is not None:
            self.phases.is_traced = False
            self._timeline.stop()
            self._timeline.export_chrome_trace(str(self.trace))

    def _begin_trace(self) -> None:
        on_gpu = [ProfilerActivity.CUDA] if self.phases.device == "cuda" else []
        self._timeline = torch.profiler.profile(activities=[ProfilerActivity.CPU, *on_gpu])
        self._timeline.start()
        self.phases.is_traced = True
