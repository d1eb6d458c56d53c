"""What is seen of a training: its metrics, what its callbacks note, its report."""

__all__ = ["Sight", "new_sight"]

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from wxml import Experiment, Validated

from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.history_table import read_validations
from wxml_trainer_lightning.metrics.assembly import new_scoring
from wxml_trainer_lightning.metrics.scoring import MEANING, Score, Scoring
from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.seeing.drawer import Drawer
from wxml_trainer_lightning.seeing.onlookers import Moment, Onlooker, Onlookers
from wxml_trainer_lightning.seeing.parquet import MetricsParquet
from wxml_trainer_lightning.seeing.report import Report
from wxml_trainer_lightning.seeing.tables import metrics_table, numbers_table, read_metrics
from wxml_trainer_lightning.seeing.views import Views, score_batch
from wxml_trainer_lightning.step_clock import StepClock
from wxml_trainer_lightning.task_fit import rollout_of
from wxml_trainer_lightning.tracking.trackers import Trackers

if TYPE_CHECKING:
    from wxml_trainer_lightning.trainer import LightningTrainer

LOG = logging.getLogger("wxml")


class Sight:
    """Is told what happens in a training; writes tables and the report, and calls callbacks and trackers.

    Each of several processes has one, since metrics and callbacks need all of them; the first one alone writes.

    Attributes:
        validations: all validations so far, those before the training was resumed too.
        is_to_end: whether a callback of any process wants the training to end after this step.
    """

    def __init__(self, step: int, module: ForecastModule, scoring: Scoring, trackers: Trackers, report: Report) -> None:
        """Go on after `step` with the tables in the folder of the run; nobody looks on yet."""
        run_dir = report.path.parent
        self.validations: list[Validated] = []
        self.is_to_end = False
        self._module, self._scoring, self._trackers, self._report = module, scoring, trackers, report
        self._writes = module.ranks.is_first
        self._drawer = Drawer(run_dir / "plots", lambda path: trackers.attach(path, f"plots/{path.name}"))
        self._parquet = MetricsParquet(run_dir)
        self._onlookers: Onlookers | None = None
        self._views: Views | None = None
        if self._writes:
            beside = scoring.beside
            self._metrics, self._numbers = metrics_table(run_dir, step, beside), numbers_table(run_dir, step)
            self.validations += _earlier_validations(run_dir)

    @property
    def numbers(self) -> Mapping[str, float]:
        """The latest validation: `validation_loss`, and the metrics by name; empty before the first."""
        return self.validations[-1].numbers if self.validations else {}

    @property
    def names(self) -> list[str]:
        """The names of the metrics of a validation."""
        return self._scoring.names

    def look_on(self, onlookers: list[Onlooker], views: Views) -> None:
        """Have callbacks look on."""
        if onlookers:
            self._onlookers = Onlookers(onlookers, self._drawer if self._writes else None, self._noted)
            self._views = views

    def observe(self, batch: Batch, forecast: Tensor) -> None:
        """Add a batch of the validation to the metrics."""
        score_batch(self._scoring, self._module, batch, forecast.float().cpu().numpy())

    def stepped(self, clock: StepClock) -> None:
        """A step was made."""
        self._call("on_step", clock)
        if self._onlookers is not None:
            self.is_to_end = bool(self._module.ranks.agreed(int(bool(self._onlookers.end))))

    def validated(self, clock: StepClock, loss: float) -> None:
        """A validation was made, whose batches were observed."""
        scores = self._scoring.end(self._reduced)
        metrics = {score.name: score.value for score in scores if np.isfinite(score.value)}
        self.validations.append(Validated(clock.step, {"validation_loss": loss, **metrics}))
        if self._writes:
            self._metrics.add([_row(clock.step, score) for score in scores])
            self._trackers.numbers(clock.step, metrics)
        self._call("on_validation", clock)
        self._write_tables()

    def saved(self, clock: StepClock) -> None:
        """A state was written."""
        self._call("on_checkpoint", clock)
        self._write_tables()

    def ended(self, clock: StepClock) -> None:
        """The last step was made."""
        self._call("on_end", clock)

    def close(self) -> None:
        """Wait a while for drawings, write the report once more, and warn if the baseline is better."""
        self._drawer.close()
        self._write_tables(at_once=True)
        if self._writes and (warning := _beside_baseline(self._scoring.scores)):
            LOG.warning("%s", warning)

    def _call(self, moment: Moment, clock: StepClock) -> None:
        if self._onlookers is not None and self._views is not None:
            view = self._views.now(clock.step, clock.budget.fraction(clock.step), clock.learning_rate)
            self._onlookers.call(moment, view)

    def _noted(self, step: int, numbers: Mapping[str, float]) -> None:
        if self._writes:
            self._numbers.add([(step, name, value) for name, value in numbers.items()])
            self._trackers.numbers(step, numbers)

    def _write_tables(self, *, at_once: bool = False) -> None:
        """Write what is made anew of the tables: the report, and the metrics as Parquet."""
        if not self._writes:
            return
        self._parquet.write(at_once=at_once)
        if self._report.write(at_once=at_once):
            self._trackers.attach(self._report.path, self._report.path.name)

    def _reduced(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        total: NDArray[np.float64] = self._module.ranks.total(torch.from_numpy(sums)).numpy()
        return total


@contextmanager
def new_sight(
    experiment: Experiment,
    options: "LightningTrainer",
    module: ForecastModule,
    clock: StepClock,
    trackers: Trackers,
    report: Report,
) -> Iterator[Sight]:
    """A context with what is seen of a training that goes on after the latest step of `clock`.

    Raises:
        ConfigError: a region holds no node, or a plugin refuses its options.
    """
    rollout = rollout_of(options, experiment)
    members = module.forecast.members.members

    def scoring(steps: int) -> Scoring:
        return new_scoring(experiment, options.metrics, options.regions, members, steps)

    sight = Sight(clock.step, module, scoring(rollout.validation_steps or rollout.maximum), trackers, report)
    onlookers = [Onlooker.of(choice, number) for number, choice in enumerate(options.callbacks)]
    run_dir = report.path.parent if module.ranks.is_first else None
    sight.look_on(onlookers, Views(experiment, module, scoring, sight.validations, run_dir))
    try:
        yield sight
    finally:
        sight.close()


def _earlier_validations(run_dir: Path) -> list[Validated]:
    """The validations before the training was resumed."""
    numbers = {step: {"validation_loss": loss} for step, loss in read_validations(run_dir / "history.csv")}
    for step, score in read_metrics(run_dir):
        if np.isfinite(score.value):
            numbers.setdefault(step, {})[score.name] = score.value
    return [Validated(step, numbers[step]) for step in sorted(numbers)]


def _row(step: int, score: Score) -> tuple[object, ...]:
    where = (score.metric, score.variable, score.level, score.lead, score.region)
    return (step, *where, score.value, score.baseline, score.better, score.units)


def _beside_baseline(scores: tuple[Score, ...]) -> str:
    """What to say where the last validation is no better than the baseline; empty if it is better everywhere."""
    judged = [score for score in scores if score.beats_baseline is not None and score.region == "all"]
    worse = [score for score in judged if score.beats_baseline is False]
    if not worse:
        return ""
    shown = ", ".join(
        f"{score.metric} of {score.variable} at {score.lead} is {score.value:.3g} beside {score.baseline:.3g}"
        f"{f' {score.units}' if score.units else ''}"
        for score in worse[:3]
    )
    more = f", and {len(worse) - 3} more" if len(worse) > 3 else ""
    beside = worse[0].beside
    return (
        f"the last validation is no better than {beside}, which is {MEANING[beside]}, in {len(worse)} of "
        f"{len(judged)} scores: {shown}{more}; see metrics.csv"
    )
