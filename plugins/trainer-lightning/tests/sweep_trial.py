"""Small programs that stand for the trainings of a sweep, for the tests of the places where they run."""

import os
import threading
import time
from pathlib import Path

from wxml_trainer_lightning.sweeping.dispatch import Dispatch, Listener
from wxml_trainer_lightning.sweeping.launching import LOG_NAME, Order
from wxml_trainer_lightning.sweeping.machine import Machine
from wxml_trainer_lightning.sweeping.plan import PlannedRun

LIMIT = 60
RUNS = tuple(
    PlannedRun(f"{number}_seed-{number}", {"seed": f"{number}"}, (f"seed={number}",)) for number in range(1, 6)
)


class Trial(Listener):
    """Runs small programs in place of trainings, and notes what is told."""

    def __init__(self, folder: Path, *programs: str) -> None:
        self.folder = folder
        self.programs = dict(zip((run.name for run in RUNS), programs, strict=False))
        self.told: list[tuple[str, str]] = []
        self.begun: list[tuple[str, str]] = []
        self.running = self.most = 0

    def order(self, run: PlannedRun) -> Order:
        folder = self.folder / run.name
        folder.mkdir(exist_ok=True)
        return Order((), str(folder), str(self.folder), program=self.programs[run.name])

    def began(self, run, place) -> None:
        self.begun.append((run.name[0], place))
        self.running += 1
        self.most = max(self.most, self.running)

    def ended(self, run, status, seconds) -> None:
        self.told.append((run.name[0], status))
        self.running -= 1

    def lost(self, run, reason, seconds) -> bool:
        self.told.append((run.name[0], reason))
        self.running -= 1
        return True

    def meanwhile(self) -> None:
        """Do nothing."""

    def run(self, jobs: int = 1, devices=(), runs=RUNS) -> list[tuple[str, str]]:
        return self.run_at(Machine(self.order, jobs, devices), runs)

    def run_at(self, places, runs=RUNS) -> list[tuple[str, str]]:
        self.dispatch = Dispatch(places, self)
        self.dispatch.run(runs[: len(self.programs)], self.meanwhile)
        return self.told

    def said(self, number: int) -> str:
        return (self.folder / RUNS[number - 1].name / LOG_NAME).read_text()


# Programs, and what happens to them

SAYS = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'), os.environ.get('OMP_NUM_THREADS'))"
LEAVING = "def left():\n    pathlib.Path('left').touch()\n    sys.exit(75)\n"
LEAVES = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
pathlib.Path("ready").touch()
time.sleep(60)
"""
STAYS = LEAVES.replace("lambda *_: sys.exit(75)", "signal.SIG_IGN")


def send(folder: Path, number: int, *delays: float) -> None:
    """Send a signal to this process after each of the delays, which begin when a program is ready."""

    def work() -> None:
        while not (folder / "ready").exists():
            time.sleep(0.01)
        for delay in delays:
            time.sleep(delay)
            os.kill(os.getpid(), number)

    threading.Thread(target=work).start()


def wait_for(path: Path) -> None:
    until = time.monotonic() + LIMIT
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.01)
