"""The machine of the sweep: trainings side by side, each with its share of the processors, or a GPU of its own."""

__all__ = ["Machine"]

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from wxml_trainer_lightning.sweeping.launching import Order, Process
from wxml_trainer_lightning.sweeping.places import Job, Places
from wxml_trainer_lightning.sweeping.plan import PlannedRun

THREADS, VISIBLE = "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES"
Device = tuple[str, str]
"""Its name, and the value of CUDA_VISIBLE_DEVICES that shows it."""


class _LocalJob(Job):
    """A process of this machine."""

    def __init__(self, process: Process, place: str) -> None:
        self._process, self._place = process, place

    @property
    def place(self) -> str:
        return self._place

    def code(self) -> int | None:
        return self._process.code()

    def stop(self) -> None:
        self._process.stop()

    def kill(self) -> None:
        self._process.kill()


class Machine(Places):
    """Starts at most so many trainings at once; with devices, as many as these are enough for.

    Processes side by side divide the processors, unless the user has set OMP_NUM_THREADS. `training.threads` of a
    config counts before it.
    """

    def __init__(self, order: Callable[[PlannedRun], Order], jobs: int, devices: Sequence[Device] = ()) -> None:
        """Start nothing yet.

        Args:
            order: what the process of a training is started with.
            jobs: how many run at once.
            devices: what is given to them; each training takes as many as it needs. None: all share what there is.
        """
        self._order, self._jobs = order, jobs
        self._free, self._count = list(devices), len(devices)
        self._running: dict[Job, Sequence[Device]] = {}

    def start(self, run: PlannedRun) -> Job | None:
        """Start a training, if it may run beside the others and there are enough devices for it."""
        needed = run.devices if self._count else 0
        if len(self._running) >= self._jobs or needed > len(self._free):
            return None
        given, self._free = self._free[:needed], self._free[needed:]
        process = Process(replace(self._order(run), variables=self._variables(given)))
        made = _LocalJob(process, ", ".join(name for name, _ in given))
        self._running[made] = given
        return made

    def take_back(self, job: Job) -> None:
        """Free its devices."""
        self._free += self._running.pop(job)

    def _variables(self, devices: Sequence[Device]) -> dict[str, str]:
        share = len(devices) / self._count if self._count else 1 / self._jobs
        threads = {} if THREADS in os.environ or share >= 1 else {THREADS: str(max(1, int(_processors() * share)))}
        return threads | ({VISIBLE: ",".join(value for _, value in devices)} if devices else {})


def _processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
