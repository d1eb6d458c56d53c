"""Where the time and the memory of training steps go; `wxml train --profile`."""

__all__ = ["TrainingProfile", "profile_experiment", "profile_lines", "profile_training"]

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from wxml.config.load import load_config
from wxml.environment.launch import launch, silenced
from wxml.errors import ArtefactError, ConfigError, Fault
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.files.staging import staged
from wxml.memory import format_size
from wxml.plugins.create import create
from wxml.terminal import columns
from wxml.training.memory_limit import fitted, plan_experiment
from wxml.training.memory_table import row_name
from wxml.training.step_profile import PHASES, StepProfile
from wxml.training.trainer import Trainer

BAR = 30
"""Characters of a bar that stands for the whole time."""


@dataclass(frozen=True, slots=True)
class TrainingProfile:
    """What was measured, beside the memory that was planned."""

    measured: StepProfile
    planned: Mapping[str, int]
    """The rows of `wxml train --plan` → their bytes at the peak."""

    @property
    def planned_memory(self) -> int:
        """The peak in bytes that `wxml train --plan` gives."""
        return sum(self.planned.values())

    @property
    def gaps(self) -> int:
        """The bytes at the peak that no tensor has, as far as tensors were counted."""
        return max(0, (self.measured.peak_memory or 0) - sum(self.measured.tensors.values()))

    @property
    def samples_per_second(self) -> float:
        """The samples that all processes train on in a second, without the warm-up."""
        return self.measured.samples / self.measured.seconds

    def to_dict(self) -> dict[str, Any]:
        """JSON values; times in seconds, sizes in bytes."""
        of_all = {"samples_per_second": self.samples_per_second, "planned_memory": self.planned_memory}
        return asdict(self.measured) | of_all | {"planned": dict(self.planned)}


def profile_training(
    experiment: Path | None, overrides: Sequence[str], steps: int, trace: Path | None = None
) -> TrainingProfile:
    """Make some steps of `wxml train` with the same arguments; nothing is written but the trace.

    Of the processes that a launcher has started, rank 0 alone writes the trace.

    Args:
        experiment: a config file; None for the built-in demo.
        overrides: `key=value` changes to it.
        steps: the number of steps to measure.
        trace: a new file for a timeline in Chrome's format; None: no such file.

    Raises:
        WxmlError: names what is wrong and the fix.
    """
    started = launch()
    is_first = started is None or not started.rank
    with nullcontext() if is_first else silenced():
        loaded = load_config(experiment, overrides)
        choice = loaded.config.training
        trainer: Trainer = create("trainer", choice.plugin, choice.options, where="training")
        with _new_trace(trace if is_first else None) as temporary:
            return profile_experiment(fitted(assemble(loaded), trainer), trainer, steps, temporary)


def profile_experiment(
    experiment: Experiment, trainer: Trainer, steps: int, trace: Path | None = None
) -> TrainingProfile:
    """Let a trainer make some steps, and put the planned memory beside what it has measured.

    Raises:
        ConfigError: the trainer cannot do so.
        WxmlError: the steps cannot be made, or the memory cannot be planned.
    """
    measured = trainer.profile(experiment, steps, trace)
    if measured is None:
        fault = f"the trainer {experiment.config.training.plugin!r} cannot profile its steps"
        raise ConfigError([Fault("training.plugin", fault)], fix="choose another trainer, such as lightning")
    return TrainingProfile(measured, plan_experiment(experiment, trainer).at_peak)


def profile_lines(profile: TrainingProfile) -> list[str]:
    """Write a row for each phase: its time in a step, its share of the whole, and a bar; then speed and memory."""
    measured = profile.measured
    rows = [_row(phase, measured.phases[phase], measured) for phase in PHASES]
    total = (*_row("total", measured.seconds, measured)[:3], "")
    peak = "–" if measured.peak_memory is None else format_size(measured.peak_memory)
    processes = f", {measured.ranks} processes, of which this is the first" if measured.ranks > 1 else ""
    after = f"{measured.steps} steps after {measured.warm_up} to warm up"
    return [
        f"{after}: rollout of {measured.rollout}, device {measured.device}{processes}",
        "",
        *columns([("", "ms a step", "share", ""), *rows, total], right={1, 2}),
        "",
        f"{profile.samples_per_second:.4g} samples/s",
        f"peak memory: {peak} measured, {format_size(profile.planned_memory)} planned",
        *(_memory_lines(profile) if measured.tensors else []),
    ]


def _memory_lines(profile: TrainingProfile) -> list[str]:
    """Write a row for each label: its bytes in the plan, and as they were counted."""
    tensors, planned = profile.measured.tensors, profile.planned
    gaps = {} if profile.measured.peak_memory is None else {"gaps": profile.gaps}
    counted = {**tensors, **gaps}
    labels = [*(label for label in planned if label != "gaps"), *(one for one in tensors if one not in planned), "gaps"]
    rows = [(row_name(label), _size(planned.get(label, 0)), _size(counted.get(label, 0))) for label in labels]
    total = ("total", _size(sum(planned.values())), _size(sum(counted.values())))
    return ["", *columns([("", "planned", "measured"), *rows, total], right={1, 2})]


def _size(size: int) -> str:
    return format_size(size) if size else "–"


def _row(name: str, seconds: float, measured: StepProfile) -> tuple[str, ...]:
    share = seconds / measured.seconds
    return (name, f"{1000 * seconds / measured.steps:.2f}", f"{share:.1%}", "█" * round(BAR * share))


@contextmanager
def _new_trace(path: Path | None) -> Iterator[Path | None]:
    """Yield a temporary path that becomes `path` if all goes well.

    Raises:
        ArtefactError: it exists, or its folder does not.
    """
    if path is None:
        yield None
        return
    if os.path.lexists(path):
        raise ArtefactError(f"`{path}` exists already", fix="remove it, or choose another --trace")
    with staged(path) as temporary:
        yield temporary
