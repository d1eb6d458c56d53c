"""Runs tasks with dask: in threads or processes of this machine, or on a cluster of `distributed`."""

__all__ = ["Outcome", "Task", "Work", "Workers", "attempt", "run_tasks"]

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from wxml.errors import ArtefactError, DataError, WxmlError
from wxml.terminal import Progress

from wxml_dataset_builder.full_disk import AGAIN, full_disk_told
from wxml_dataset_builder.reading import Reading
from wxml_dataset_builder.workplace import Workplace

MOST_THREADS = 8
Work = Callable[[Path, str, Reading | None, int, int], int]
"""Does the units from one up to another, such as `build_span`."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Who builds."""

    count: int | None = None
    """None: as many threads as processors, 8 at most; all of a cluster."""
    processes: bool = False
    scheduler: str | None = None
    """The address of a scheduler of `distributed`; None: this machine."""

    @property
    def on_this_machine(self) -> int:
        """The number of threads or processes."""
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return self.count or min(usable, MOST_THREADS)


class Task(NamedTuple):
    """A span of units."""

    function: Work
    target: Path
    identity: str
    reading: Reading | None
    first: int
    last: int


class Outcome(NamedTuple):
    """What came of a task: a number of units, or what went wrong; an exception may not reach another process."""

    done: int = 0
    kind: str = ""
    message: str = ""
    fix: str = ""


def attempt(task: Task) -> Outcome:
    """Do a task where it is sent to."""
    try:
        with full_disk_told(task.target), Workplace(task.target).at_work(task.first, task.last):
            return Outcome(task.function(*task[1:]))
    except WxmlError as error:
        return Outcome(kind=type(error).__name__, message=error.message, fix=error.fix)


def run_tasks(tasks: Sequence[Task], workers: Workers, label: str) -> None:
    """Do every task, in any order, and show how many units are done.

    Raises:
        WxmlError: that of the first task that failed; those that are done stay done.
    """
    total = sum(task.last - task.first for task in tasks)
    shown, began, done = Progress(label, total), time.monotonic(), 0

    def tell(outcome: Outcome) -> None:
        nonlocal done
        if outcome.kind:
            raise (DataError if outcome.kind == "DataError" else ArtefactError)(outcome.message, fix=outcome.fix)
        done += outcome.done
        left = (time.monotonic() - began) * (total - done) / done
        shown.update(done, f"{left / 60:.0f} min left" if left >= 60 else f"{left:.0f} s left")

    try:
        if workers.scheduler is not None:
            from wxml_dataset_builder.cluster import on_cluster

            on_cluster(tasks, workers.scheduler, tell)
        elif workers.on_this_machine == 1 and not workers.processes:
            for task in tasks:
                tell(attempt(task))
        else:
            _on_this_machine(tasks, workers, tell)
    except BrokenProcessPool as error:
        raise ArtefactError("a worker process has died", fix=f"see whether memory ran out, {AGAIN}") from error
    finally:
        shown.close()


def _on_this_machine(tasks: Sequence[Task], workers: Workers, tell: Callable[[Outcome], None]) -> None:
    from dask.base import compute
    from dask.callbacks import Callback
    from dask.delayed import delayed

    waiting = [delayed(attempt, pure=False, traverse=False)(task) for task in tasks]
    kind = "processes" if workers.processes else "threads"
    with Callback(posttask=lambda key, result, *_: tell(result)):
        compute(*waiting, scheduler=kind, num_workers=workers.on_this_machine, optimize_graph=False)
