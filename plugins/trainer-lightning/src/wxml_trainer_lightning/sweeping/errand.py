"""What a worker of a cluster does: it starts a training as a process, and waits for it.

A worker finds these functions by their names, so it needs this package; what goes to and fro is plain data.
"""

__all__ = ["Outcome", "end_training", "train_here"]

import threading
import time
from pathlib import Path
from typing import NamedTuple

from wxml.errors import WxmlError

from wxml_trainer_lightning.sweeping.launching import Order, Process, note_error, wait_for_rest

PAUSE = 0.1
TURN = threading.Lock()
PROCESSES: dict[str, Process] = {}
"""The trainings that this worker runs, by the folder of the run."""


class Outcome(NamedTuple):
    """What came of a training."""

    code: int = 0
    """The exit code of its process."""
    problem: str = ""
    """Why this worker could not start it."""
    is_given_up: bool = False
    """Whether it was stopped because the worker closes, or because nobody waits for it any more."""


def train_here(order: Order) -> Outcome:
    """Train; a process of the same training that still writes its state is waited for."""
    run_dir = Path(order.run_dir)
    absent = [folder for folder in (run_dir.parent, Path(order.directory)) if not folder.is_dir()]
    if absent:
        return Outcome(problem=f"it sees no folder {absent[0]}, which it has to share with the sweep")
    run_dir.mkdir(exist_ok=True)  # a file system of many machines may show a new folder late
    try:
        wait_for_rest(run_dir)
    except WxmlError as error:
        note_error(run_dir, str(error))
        return Outcome(1)
    try:
        process = Process(order)
    except OSError as error:
        return Outcome(problem=str(error))
    with TURN:
        PROCESSES[order.run_dir] = process
    try:
        return _outcome(process)
    finally:
        with TURN:
            PROCESSES.pop(order.run_dir, None)


def end_training(run_dir: str, *, at_once: bool) -> bool:
    """End the training of a folder, with its state, or at once; return whether this worker runs one."""
    with TURN:
        process = PROCESSES.get(run_dir)
    if process is not None:
        process.kill() if at_once else process.stop()
    return process is not None


def _outcome(process: Process) -> Outcome:
    """Wait for a process; it is told to end as soon as it is to run here no longer."""
    is_given_up = False
    while (code := process.code()) is None:
        if not is_given_up and not _is_wanted():
            process.stop()
            is_given_up = True
        time.sleep(PAUSE)
    return Outcome(code, is_given_up=is_given_up)


def _is_wanted() -> bool:
    """Whether the worker goes on, and the task of this thread was not cancelled, as when the sweep has died."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return worker.status.name in ("running", "paused") and task is not None and task.state == "executing"
