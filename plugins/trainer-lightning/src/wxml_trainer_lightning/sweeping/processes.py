"""Runs trainings as processes, some of them side by side, and stops them all on a signal."""

__all__ = ["Processes"]

import logging
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from wxml_trainer_lightning.loop import LEFT
from wxml_trainer_lightning.sweeping.plan import PlannedRun
from wxml_trainer_lightning.sweeping.record import Status

LOG = logging.getLogger("wxml")
PAUSE = 0.1
"""Seconds between two looks at the processes."""
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1") if hasattr(signal, name)]
STOPPED = {LEFT, -signal.SIGTERM, 128 + signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGINT}
"""The exit codes of a training that was told to stop."""


@dataclass(frozen=True, slots=True)
class _Child:
    run: PlannedRun
    process: "subprocess.Popen[bytes]"
    began: float


class Processes:
    """Runs trainings until all have ended or a signal comes: then each is told to stop, and leaves its state.

    A second signal ends them at once.

    Attributes:
        signal: the first signal that has come; None without one.
    """

    def __init__(
        self,
        start: Callable[[PlannedRun], "subprocess.Popen[bytes]"],
        ended: Callable[[PlannedRun, Status, float], None],
    ) -> None:
        """Start nothing yet; `ended` is told the seconds that a process has run."""
        self.signal: int | None = None
        self._start, self._ended = start, ended
        self._children: list[_Child] = []

    def run(self, runs: Sequence[PlannedRun], jobs: int, meanwhile: Callable[[], None]) -> None:
        """Run trainings, at most `jobs` at once; `meanwhile` is called again and again."""
        waiting = list(runs)
        with self._listening():
            try:
                while self._children or (waiting and self.signal is None):
                    while waiting and self.signal is None and len(self._children) < jobs:
                        run = waiting.pop(0)
                        self._children.append(_Child(run, self._start(run), time.monotonic()))
                    time.sleep(PAUSE)
                    self._look()
                    meanwhile()
            finally:
                self._end_all()

    def _look(self) -> None:
        """Tell of the processes that have ended."""
        for child in [child for child in self._children if child.process.poll() is not None]:
            self._children.remove(child)
            self._ended(child.run, self._status(child.process.returncode), time.monotonic() - child.began)

    def _status(self, code: int) -> Status:
        if code == 0:
            return "finished"
        return "stopped" if code in STOPPED or (self.signal is not None and code < 0) else "failed"

    def _end_all(self) -> None:
        """After an error of this process: stop what still runs, and wait for it."""
        for child in self._children:
            child.process.terminate()
        for child in self._children:
            child.process.wait()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Take signals, but those that this process was told to ignore, as under `nohup`."""
        taken = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._take) for number in taken}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, number: int, _: FrameType | None) -> None:
        for child in self._children:
            child.process.terminate() if self.signal is None else child.process.kill()
        self.signal = self.signal or number
