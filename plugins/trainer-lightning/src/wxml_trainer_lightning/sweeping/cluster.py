"""A cluster of `distributed` as places for trainings: each worker has one at a time, with all of its threads."""

__all__ = ["cluster_places"]

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

from wxml.cluster import cluster_client
from wxml.errors import ArtefactError

from wxml_trainer_lightning.sweeping.errand import Outcome, end_training, train_here
from wxml_trainer_lightning.sweeping.launching import Order
from wxml_trainer_lightning.sweeping.machine import THREADS
from wxml_trainer_lightning.sweeping.places import Job, LostError, Places
from wxml_trainer_lightning.sweeping.plan import PlannedRun

LOG = logging.getLogger("wxml")
LOOK_SECONDS = 1.0
"""Between two questions which workers there are."""
PATIENCE = 30.0
"""Seconds after which a cluster without workers is told."""
AGAIN = "then run the same command with --resume: it goes on where it stopped"


@contextmanager
def cluster_places(address: str, order: Callable[[PlannedRun], Order], jobs: int | None) -> Iterator[Places]:
    """The workers of a scheduler, while the context lasts.

    Args:
        address: of the scheduler, like `tcp://host:8786`.
        order: what the process of a training is started with.
        jobs: how many run at once; None: as many as there are workers.

    Raises:
        ArtefactError: the package is not installed, no scheduler answers, or it is lost; or no worker can train.
    """
    with cluster_client(address, package="wxml-trainer-lightning[distributed]", again=AGAIN) as client:
        yield _Cluster(_Workers(client, address), order, jobs)


class _Workers:
    """The workers that are there, and what they do: asked for once a second."""

    def __init__(self, client: Any, address: str) -> None:
        self.client, self.address = client, address
        self.refused: dict[str, str] = {}
        """Workers that cannot train, and why."""
        self._threads: dict[str, int] = {}
        self._busy: dict[str, Any] = {}
        self._due, self._since, self._is_told = 0.0, time.monotonic(), False

    def threads(self) -> dict[str, int]:
        """The number of threads of each worker, by its address."""
        if time.monotonic() >= self._due:
            self._threads, self._busy = self.client.nthreads(), self.client.processing()
            self._due = time.monotonic() + LOOK_SECONDS
            self._tell()
        return self._threads

    def free(self) -> list[str]:
        """Those that can train and do nothing else, as far as the last answer tells."""
        return [name for name in self.threads() if name not in self.refused and not self._busy.get(name)]

    def refuse(self, name: str, reason: str) -> None:
        """Give a worker no training any more; without any other one, end."""
        if name not in self.refused:
            LOG.warning("sweep: the worker at %s gets no training any more: %s", name, reason)
        self.refused[name] = reason
        if all(other in self.refused for other in self.threads()):
            raise ArtefactError(
                f"no worker of the cluster at {self.address} can train: {reason}",
                fix=f"start workers with the same packages and folders as this machine, {AGAIN}",
            )

    def _tell(self) -> None:
        """Warn once if there is none for a while."""
        if self._threads:
            self._since, self._is_told = time.monotonic(), False
        elif not self._is_told and time.monotonic() - self._since > PATIENCE:
            LOG.warning("the cluster at %s has no worker: waiting for one", self.address)
            self._is_told = True


class _Task(Job):
    """A task of one worker."""

    def __init__(self, future: Any, worker: str, run_dir: str, workers: _Workers) -> None:
        self._future, self._worker, self._run_dir, self._workers = future, worker, run_dir, workers
        self._wish: bool | None = None
        """Whether it is to end at once; None: not to end, or it was told."""

    @property
    def place(self) -> str:
        return self._worker

    @property
    def is_over(self) -> bool:
        """Whether its worker is free again, or gone."""
        return self._future.status != "pending" or self._worker not in self._workers.threads()

    def code(self) -> int | None:
        if self._future.status == "finished":
            return self._code_of(self._future.result())
        if self._future.status == "error":
            self._refused(f"{self._future.exception()}")
        if self.is_over:
            self._future.cancel()
            raise LostError(f"the worker at {self._worker} is gone")
        if self._wish is not None and self._told(at_once=self._wish):
            self._wish = None
        return None

    def stop(self) -> None:
        self._wish = False

    def kill(self) -> None:
        self._wish = True

    def _code_of(self, outcome: Outcome) -> int:
        if outcome.problem:
            self._refused(outcome.problem)
        if outcome.is_given_up:
            raise LostError(f"the worker at {self._worker} closes")
        return outcome.code

    def _refused(self, reason: str) -> NoReturn:
        self._workers.refuse(self._worker, " ".join(reason.split())[:200])
        raise LostError(f"the worker at {self._worker} cannot train")

    def _told(self, *, at_once: bool) -> bool:
        """Tell the worker, beside its queue of tasks, since this one keeps it busy; whether its process is there."""
        answers = self._workers.client.run(
            end_training, self._run_dir, at_once=at_once, workers=[self._worker], on_error="ignore"
        )
        return any(answers.values())


class _Cluster(Places):
    """Gives each worker one training at a time."""

    def __init__(self, workers: _Workers, order: Callable[[PlannedRun], Order], jobs: int | None) -> None:
        self._workers, self._order, self._jobs = workers, order, jobs
        self._running: list[Job] = []

    def start(self, run: PlannedRun) -> Job | None:
        if self._jobs is not None and len(self._running) >= self._jobs:
            return None
        taken = {task.place for task in self._running}
        free = [name for name in self._workers.free() if name not in taken]
        if not free:
            return None
        worker = free[0]
        order = replace(self._order(run), variables={THREADS: str(self._workers.threads()[worker])})
        future = self._workers.client.submit(train_here, order, pure=False, workers=[worker], key=_key(run))
        made = _Task(future, worker, order.run_dir, self._workers)
        self._running.append(made)
        return made

    def take_back(self, job: Job) -> None:
        self._running.remove(job)


def _key(run: PlannedRun) -> str:
    """The name of a task in the pages of dask, another one each time."""
    return f"{run.name}-{time.time_ns()}"
