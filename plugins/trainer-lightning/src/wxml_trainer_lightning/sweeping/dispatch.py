"""Runs trainings at the places that there are, and stops them all on a signal."""

__all__ = ["Dispatch", "Listener"]

import logging
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from wxml_trainer_lightning.exit_codes import LEFT
from wxml_trainer_lightning.sweeping.places import Job, LostError, Places
from wxml_trainer_lightning.sweeping.plan import PlannedRun
from wxml_trainer_lightning.sweeping.record import Status

LOG = logging.getLogger("wxml")
PAUSE = 0.1
"""Seconds between two looks at the trainings."""
LAST_SECONDS = 60.0
"""After an error of the sweep itself: how long it waits for trainings that write their states."""
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1") if hasattr(signal, name)]
STOPPED = {LEFT, -signal.SIGTERM, 128 + signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGINT}
"""The exit codes of a training that was told to stop."""


class Listener(ABC):
    """Is told what happens to trainings."""

    @abstractmethod
    def began(self, run: PlannedRun, place: str) -> None:
        """A training was started."""

    @abstractmethod
    def ended(self, run: PlannedRun, status: Status, seconds: float) -> None:
        """It has ended after `seconds` more."""

    @abstractmethod
    def lost(self, run: PlannedRun, reason: str, seconds: float) -> bool:
        """Its place is gone; return whether it goes on elsewhere, or has failed."""


@dataclass(frozen=True, slots=True)
class _Active:
    run: PlannedRun
    job: Job
    began: float

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


class Dispatch:
    """Runs trainings until all have ended or a signal comes: then each is told to stop, and leaves its state.

    A second signal ends them at once.

    Attributes:
        signal: the first signal that has come; None without one.
    """

    def __init__(self, places: Places, listener: Listener) -> None:
        """Start nothing yet."""
        self.signal: int | None = None
        self._places, self._listener = places, listener
        self._active: list[_Active] = []
        self._signals = self._obeyed = 0

    def run(self, runs: Sequence[PlannedRun], meanwhile: Callable[[], None]) -> None:
        """Run trainings, in their order; `meanwhile` is called again and again."""
        waiting = list(runs)
        with self._listening():
            try:
                while self._active or (waiting and self.signal is None):
                    waiting = self._begin(waiting)
                    time.sleep(PAUSE)
                    self._obey()
                    waiting = [*self._look(), *waiting]
                    meanwhile()
            finally:
                self._end_all()

    def _begin(self, waiting: Sequence[PlannedRun]) -> list[PlannedRun]:
        """Start trainings as long as there is a place for the next one; return those that still wait."""
        for number, run in enumerate(waiting):
            job = None if self.signal is not None else self._places.start(run)
            if job is None:
                return list(waiting[number:])
            self._active.append(_Active(run, job, time.monotonic()))
            self._listener.began(run, job.place)
        return []

    def _look(self) -> list[PlannedRun]:
        """Tell of the trainings that have ended; return those that go on elsewhere."""
        again = []
        for one in list(self._active):
            try:
                code = one.job.code()
            except LostError as error:
                self._take_back(one)
                if self.signal is not None:
                    self._listener.ended(one.run, "stopped", one.seconds)
                elif self._listener.lost(one.run, str(error), one.seconds):
                    again.append(one.run)
                continue
            if code is not None:
                self._take_back(one)
                self._listener.ended(one.run, self._status(code), one.seconds)
        return again

    def _take_back(self, one: _Active) -> None:
        self._active.remove(one)
        self._places.take_back(one.job)

    def _status(self, code: int) -> Status:
        if code == 0:
            return "finished"
        return "stopped" if code in STOPPED or (self.signal is not None and code < 0) else "failed"

    def _obey(self) -> None:
        """Do what the signals want that have come since the last look."""
        while self._obeyed < self._signals:
            self._obeyed += 1
            for one in self._active:
                one.job.stop() if self._obeyed == 1 else one.job.kill()

    def _end_all(self) -> None:
        """After an error of the sweep itself: stop what still runs, and wait for it."""
        for one in self._active:
            with suppress(Exception):  # the error that brought us here may be that of the place
                one.job.stop()
        end = time.monotonic() + LAST_SECONDS
        for one in self._active:
            with suppress(Exception):
                while one.job.code() is None and time.monotonic() < end:
                    time.sleep(PAUSE)
            with suppress(Exception):
                self._listener.ended(one.run, "stopped", one.seconds)

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
        """Note a signal: the loop obeys it, since no cluster is to be called in the middle of another call."""
        self.signal = self.signal or number
        self._signals += 1
