"""Runs a sweep: `wxml train` once for each combination, and what they reach together."""

__all__ = ["LOG_NAME", "Sweep", "sweep"]

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from wxml.errors import ArtefactError
from wxml.files.lock import locked
from wxml.files.staging import staged

from wxml_trainer_lightning.loop import LEFT
from wxml_trainer_lightning.sweeping.page import sweep_page
from wxml_trainer_lightning.sweeping.plan import PlannedRun, plan
from wxml_trainer_lightning.sweeping.processes import Processes
from wxml_trainer_lightning.sweeping.record import Record, Status, open_record
from wxml_trainer_lightning.sweeping.results import Result, read_result, write_csv

LOG = logging.getLogger("wxml")
LOG_NAME = "train.log"
"""What a training says on stdout and stderr, in its folder."""
TRAIN = "from wxml.cli import main; main()"
REST, SHARE = 5.0, 0.02
"""Seconds between two pages at least, and the share of the time that writing them may take."""


def sweep(experiment: Path | None, overrides: Sequence[str], run_dir: Path, *, jobs: int, resume: bool) -> "Sweep":
    """Train all combinations, each in a folder of its own in `run_dir`; a failure does not stop the others.

    Args:
        experiment: a config file; None for the built-in demo.
        overrides: in Hydra's grammar, of which some have several values.
        run_dir: a new or empty folder, or that of a sweep to resume.
        jobs: how many trainings run side by side.
        resume: leave what has finished, and go on with the rest.

    Raises:
        ConfigError: a combination has a fault; then nothing was started.
        ArtefactError: `run_dir` holds something else, or is in use.
    """
    runs = plan(experiment, overrides, run_dir.resolve().name)
    if run_dir.exists() and not run_dir.is_dir():
        raise ArtefactError(f"`{run_dir}` is a file, not a folder", fix="choose another --run-dir")
    if resume and not run_dir.exists():
        raise ArtefactError(f"`{run_dir}` holds no sweep to resume", fix="leave --resume out to start one")
    run_dir.mkdir(parents=True, exist_ok=True)
    with locked(run_dir / ".lock", seconds=0):
        record = open_record(run_dir, experiment, runs, resume=resume)
        made = Sweep(experiment, runs, run_dir, record)
        made.run(jobs)
    return made


class Sweep:
    """The trainings of a sweep, and the files that tell of them."""

    def __init__(self, experiment: Path | None, runs: Sequence[PlannedRun], folder: Path, record: Record) -> None:
        """Start nothing yet."""
        self._experiment, self._runs, self._folder, self._record = experiment, runs, folder, record
        self._processes = Processes(self._start, self._ended)
        self._due = 0.0

    @property
    def results(self) -> list[Result]:
        """What each training has reached."""
        return [read_result(self._folder, run, self._record.states[run.name]) for run in self._runs]

    @property
    def failures(self) -> dict[str, str]:
        """The trainings that failed, and the last line that each has said."""
        failed = [name for name, state in self._record.states.items() if state.status == "failed"]
        return {name: _last_line(self._folder / name / LOG_NAME) for name in failed}

    @property
    def exit_code(self) -> int:
        """0 if all have finished, 1 if one failed, else 130 after Ctrl-C and 75 after another stop."""
        statuses = {state.status for state in self._record.states.values()}
        if "failed" in statuses:
            return 1
        if statuses == {"finished"}:
            return 0
        return 130 if self._processes.signal == signal.SIGINT else LEFT

    def run(self, jobs: int) -> None:
        """Run what has not finished, `jobs` at once, and write the table and the page."""
        left = [run for run in self._runs if self._record.states[run.name].status != "finished"]
        LOG.info("sweep: %d trainings, %d to run, %d side by side", len(self._runs), len(left), min(jobs, len(left)))
        try:
            self._processes.run(left, jobs, self._report_if_due)
        finally:
            self._report()

    def _start(self, run: PlannedRun) -> "subprocess.Popen[bytes]":
        """Start a training; it resumes what its folder holds, if anything."""
        folder = self._folder / run.name
        folder.mkdir(exist_ok=True)
        self._record.began(run.name)
        experiment = [] if self._experiment is None else [str(self._experiment)]
        words = ["train", *experiment, *run.overrides, "--run-dir", str(folder), "--resume"]
        LOG.info("sweep: %s begins", run.name)
        with (folder / LOG_NAME).open("ab") as log:
            return subprocess.Popen(  # noqa: S603  # our own program
                [sys.executable, "-P", "-c", TRAIN, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C comes to this process alone, which tells each to stop
            )

    def _ended(self, run: PlannedRun, status: Status, seconds: float) -> None:
        self._record.ended(run.name, status, seconds)
        LOG.log(logging.WARNING if status == "failed" else logging.INFO, "sweep: %s %s", run.name, status)
        self._report()

    def _report_if_due(self) -> None:
        if time.monotonic() >= self._due:
            self._report()

    def _report(self) -> None:
        began, results = time.monotonic(), self.results
        write_csv(self._folder / "sweep.csv", results)
        with staged(self._folder / "sweep.html", overwrite=True) as temporary:
            temporary.write_text(sweep_page(self._folder.resolve().name, results), encoding="utf-8")
        now = time.monotonic()
        self._due = now + max(REST, (now - began) / SHARE)


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
