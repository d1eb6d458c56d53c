"""Trainings whose processor time is known after every step, and the errors of their forecasts."""

__all__ = ["Trained", "Training", "errors", "trained"]

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from wxml.artefacts.checkpoint import read_header
from wxml.artefacts.run_folder import KEPT, checkpoint_in, kept_name
from wxml.experiment.restoring import restore
from wxml.forecasting.rollout import rollout

from bench.environments import environment
from bench.step_cpu import ENTRY_POINTS, NAME, VARIABLE

HOUR = np.timedelta64(1, "h")
AT_ONCE = 32
"""So many forecasts go through the model at once."""


@dataclass(frozen=True, slots=True)
class Training:
    """A training that is to be made."""

    experiment: Path
    changes: tuple[str, ...]
    """Those of the command line."""
    steps: int
    every: int
    """Steps between two checkpoints that are kept."""
    seed: int

    def command(self, run_dir: Path, threads: int) -> list[str]:
        """The command line; the weights with the lowest validation loss are the checkpoint, as in the experiments."""
        numbers = {"max_steps": self.steps, "checkpoint_every": self.steps, "threads": threads}
        numbers |= {"validation_every": self.every}
        options = [f"training.{name}={value}" for name, value in numbers.items()]
        options += [
            f"training.keep={{every: {self.every}, best: {{k: 0}}}}",
            "training.tracker=none",
            f"training.callbacks=[{NAME}]",
            f"seed={self.seed}",
        ]
        wxml = str(Path(sys.executable).parent / "wxml")
        return [wxml, "train", str(self.experiment), *self.changes, *options, "--run-dir", str(run_dir)]


@dataclass(frozen=True, slots=True)
class Trained:
    """A training that was made."""

    run_dir: Path
    seconds: list[float]
    """Processor time of the process since it began, after each step."""
    every: int

    @property
    def plain_seconds(self) -> float:
        """The processor time of the steps alone, without start, validations and files.

        The mean of the steps after which nothing is validated or written, for every step.
        """
        plain = [
            after - before
            for number, (before, after) in enumerate(zip(self.seconds, self.seconds[1:], strict=False), start=2)
            if number % self.every
        ]
        return statistics.mean(plain) * len(self.seconds)

    @property
    def checkpoint(self) -> Path:
        """The one that the training leaves."""
        return checkpoint_in(self.run_dir)

    @property
    def chosen_step(self) -> int:
        """The step after which that one's validation loss was found, the lowest of all."""
        return int(read_header(self.checkpoint)["training"]["weights_of_step"])

    @property
    def kept(self) -> range:
        """The steps after which a checkpoint was kept."""
        return range(self.every, len(self.seconds) + 1, self.every)

    def at(self, step: int) -> Path:
        """The checkpoint that was kept after a step."""
        return self.run_dir / KEPT / kept_name(step)

    def step_at(self, seconds: float) -> int | None:
        """The last step with a kept checkpoint within a processor time; None if there is none."""
        return max((step for step in self.kept if self.seconds[step - 1] <= seconds), default=None)


def trained(training: Training, folder: Path, threads: int) -> Trained:
    """Train in `folder`, unless the same training has been made there."""
    run_dir, times, made = folder / "run", folder / "seconds.txt", folder / "command.txt"
    command = training.command(run_dir, threads)
    if not (made.is_file() and made.read_text() == "\n".join(command)):
        shutil.rmtree(folder, ignore_errors=True)
        about = folder / "path" / "bench_step_cpu-1.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-step-cpu\nVersion: 1\n")
        (about / "entry_points.txt").write_text(ENTRY_POINTS)
        variables = environment(threads) | {
            VARIABLE: str(times),
            "WXML_CACHE": str(folder / "cache"),
        }  # new: all counts
        variables["PYTHONPATH"] += os.pathsep + str(folder / "path")
        with (folder / "log.txt").open("w") as log:
            done = subprocess.run(command, env=variables, stdout=log, stderr=log, check=False)
        if done.returncode:
            sys.exit(f"error: {' '.join(command)} ended:\n" + (folder / "log.txt").read_text()[-2000:])
        made.write_text("\n".join(command))  # from now on it is whole
    return Trained(run_dir, [float(line) for line in times.read_text().split()], training.every)


def errors(checkpoint: Path, period: str, leads: Sequence[int], every: int = 1) -> dict[str, float]:
    """The RMSE of each variable at each lead time in hours over the initial times of a period, weighted by area.

    √ mean_t Σ_i w_i (f_ti − o_ti)² over the nodes with a truth, as in `docs/results.md`.

    Args:
        checkpoint: what is forecast with.
        period: `validation` or `test`.
        leads: hours.
        every: one of so many initial times counts.
    """
    experiment, model = restore(checkpoint)
    source, names = experiment.source, experiment.roles.output
    steps = max(leads) // int(experiment.window(1).timestep / HOUR)
    first, last = experiment.config.data.split.period(period)
    possible = experiment.window(steps).initial_times(source.header.times)
    times = possible[(possible >= first) & (possible <= last)][::every]
    sums = {(name, lead): np.zeros(2) for lead in leads for name in names}
    for lead, fields in rollout(experiment, model, times, steps, batch_size=AT_ONCE):
        hours = int(lead / HOUR)
        for name in names if hours in leads else ():
            truth = source.read([fields.valid_time], [name])[0, 0, 0]
            error = (fields[name][0] - truth).astype(np.float64) ** 2
            there = np.isfinite(error)
            areas = source.header.grid.area_weights[there]
            sums[name, hours] += [np.sum(areas * error[there]), np.sum(areas)]
    return {f"{name} {lead} h": float(np.sqrt(total / weight)) for (name, lead), (total, weight) in sums.items()}
