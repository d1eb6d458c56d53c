"""Runs a sweep: `wxml train` once for each combination, and what they reach together."""

__all__ = ["Sweep", "sweep"]

import logging
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wxml.errors import ArtefactError
from wxml.files.lock import locked
from wxml.files.staging import staged

from wxml_trainer_lightning.exit_codes import LEFT
from wxml_trainer_lightning.history_table import read_last_step
from wxml_trainer_lightning.sweeping.dispatch import Dispatch, Listener
from wxml_trainer_lightning.sweeping.ground import Ground
from wxml_trainer_lightning.sweeping.launching import LOG_NAME, Order, note_error, wait_for_rest
from wxml_trainer_lightning.sweeping.page import sweep_page
from wxml_trainer_lightning.sweeping.plan import PlannedRun, plan
from wxml_trainer_lightning.sweeping.progress import RunProgress
from wxml_trainer_lightning.sweeping.record import Record, Status, open_record
from wxml_trainer_lightning.sweeping.results import Result, read_result, write_csv

LOG = logging.getLogger("wxml")
REST, SHARE = 5.0, 0.02
"""Seconds between two pages at least, and the share of the time that writing them may take."""
MOST_LOSSES = 3
"""A training has failed if its place was lost so often without a step in between."""


def sweep(experiment: Path | None, overrides: Sequence[str], run_dir: Path, ground: Ground, *, resume: bool) -> "Sweep":
    """Train all combinations, each in a folder of its own in `run_dir`; a failure does not stop the others.

    Args:
        experiment: a config file; None for the built-in demo.
        overrides: in Hydra's grammar, of which some have several values.
        run_dir: a new or empty folder, or that of a sweep to resume.
        ground: where the trainings run.
        resume: leave what has finished, and go on with the rest.

    Raises:
        ConfigError: a combination has a fault; then nothing was started.
        ArtefactError: `run_dir` holds something else, or is in use; or `ground` has too little for the trainings, or
            its cluster is lost.
    """
    runs = plan(experiment, overrides, run_dir.resolve().name)
    beside = ground.check(runs)
    if run_dir.exists() and not run_dir.is_dir():
        raise ArtefactError(f"`{run_dir}` is a file, not a folder", fix="choose another --run-dir")
    if resume and not run_dir.exists():
        raise ArtefactError(f"`{run_dir}` holds no sweep to resume", fix="leave --resume out to start one")
    run_dir.mkdir(parents=True, exist_ok=True)
    with locked(run_dir / ".lock", seconds=0):
        made = Sweep(runs, run_dir, open_record(run_dir, experiment, runs, resume=resume))
        made.run(ground, _Orders(experiment, run_dir, beside))
    return made


@dataclass(frozen=True, slots=True)
class _Orders:
    """What the process of each training is started with."""

    experiment: Path | None
    folder: Path
    beside: tuple[str, ...]
    """Overrides that are no part of the sweep, and that give way to those of a training."""

    def __call__(self, run: PlannedRun) -> Order:
        """Make the folder of a training; its process resumes what that holds, if anything."""
        run_dir = self.folder / run.name
        run_dir.mkdir(exist_ok=True)
        experiment = [] if self.experiment is None else [str(self.experiment)]
        beside = () if run.memory_limit else self.beside
        words = ("train", *experiment, *run.overrides, *beside, "--run-dir", str(run_dir), "--resume")
        return Order(words, str(run_dir.absolute()), str(Path.cwd()))


@dataclass(slots=True)
class _Losses:
    """How often the place of a training was lost, and the step that it had reached when that happened last."""

    count: int = 0
    step: int = -1


@dataclass(slots=True)
class Sweep(Listener):
    """The trainings of a sweep, and the files that tell of them."""

    runs: Sequence[PlannedRun]
    folder: Path
    record: Record
    signal: int | None = None
    """The first signal that has come; None without one."""
    _losses: dict[str, _Losses] = field(default_factory=dict)
    _progress: RunProgress = field(init=False)
    _due: float = 0.0

    def __post_init__(self) -> None:
        self._progress = RunProgress({run.name: run.steps for run in self.runs if run.steps is not None})

    @property
    def results(self) -> list[Result]:
        """What each training has reached."""
        return [read_result(self.folder, run, self.record.states[run.name]) for run in self.runs]

    @property
    def failures(self) -> dict[str, str]:
        """The trainings that failed, and the last line that each has said."""
        failed = [name for name, state in self.record.states.items() if state.status == "failed"]
        return {name: _last_line(self.folder / name / LOG_NAME) for name in failed}

    @property
    def exit_code(self) -> int:
        """0 if all have finished, 1 if one failed, else 130 after Ctrl-C and 75 after another stop."""
        statuses = {state.status for state in self.record.states.values()}
        if "failed" in statuses:
            return 1
        if statuses == {"finished"}:
            return 0
        return 130 if self.signal == signal.SIGINT else LEFT

    def run(self, ground: Ground, orders: Callable[[PlannedRun], Order]) -> None:
        """Run what has not finished, and write the table and the page."""
        left = [run for run in self.runs if self.record.states[run.name].status != "finished"]
        LOG.info("sweep: %d trainings, %d to run", len(self.runs), len(left))
        for run in left:
            if self.record.states[run.name].status == "running":  # when the sweep was killed
                wait_for_rest(self.folder / run.name)
        try:
            with ground.places(orders, len(left)) as places:
                dispatch = Dispatch(places, self)
                try:
                    dispatch.run(left, self._report_if_due)
                finally:
                    self.signal = dispatch.signal
        finally:
            self._progress.close()
            self._report()

    def began(self, run: PlannedRun, place: str) -> None:
        """Record that a training runs."""
        self.record.began(run.name)
        LOG.info("sweep: %s begins%s", run.name, place and f" on {place}")

    def ended(self, run: PlannedRun, status: Status, seconds: float) -> None:
        """Record how a training has ended."""
        self.record.ended(run.name, status, seconds)
        LOG.log(logging.WARNING if status == "failed" else logging.INFO, "sweep: %s %s", run.name, status)
        self._report()

    def lost(self, run: PlannedRun, reason: str, seconds: float) -> bool:
        """Record that the place of a training is gone; it goes on elsewhere unless that happens again and again."""
        losses = self._losses.setdefault(run.name, _Losses())
        step = read_last_step(self.folder / run.name / "history.csv")
        losses.count = losses.count + 1 if step <= losses.step else 1
        losses.step = step
        goes_on = losses.count < MOST_LOSSES
        if not goes_on:
            note_error(self.folder / run.name, f"{reason}, {losses.count} times without a step in between")
            self.ended(run, "failed", seconds)
            return False
        self.record.ended(run.name, "stopped", seconds)
        LOG.warning("sweep: %s goes on elsewhere: %s", run.name, reason)
        return True

    def _report_if_due(self) -> None:
        if time.monotonic() >= self._due:
            self._report()

    def _report(self) -> None:
        began, results = time.monotonic(), self.results
        write_csv(self.folder / "sweep.csv", results)
        with staged(self.folder / "sweep.html", overwrite=True) as temporary:
            temporary.write_text(sweep_page(self.folder.resolve().name, results), encoding="utf-8")
        self._progress.update(results)
        now = time.monotonic()
        self._due = now + max(REST, (now - began) / SHARE)


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
