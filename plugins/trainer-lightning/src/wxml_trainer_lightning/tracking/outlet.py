"""Calls one tracker in a thread of its own, so that no outage of it costs a training anything."""

__all__ = ["Outlet"]

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from wxml import Outcome, TrackedRow, Tracker
from wxml.masking import masked

LOG = logging.getLogger("wxml")
KEPT = "the folder of the run has everything, and `wxml track sync` sends it"
SEND_SECONDS = 5.0
"""Between two calls that record rows: a call to a server takes 50 to 100 ms."""
FIRST_PAUSE, LONGEST_PAUSE = 10.0, 600.0
"""Seconds after a call that failed; each failure doubles them."""
MOST_ROWS = 1_000_000
"""Rows that wait for a tracker, about 1 GB; the earliest ones give way."""


class Outlet:
    """One tracker, what waits to be recorded by it, and the thread that calls it.

    What a call that failed was to record waits for the next one; so when a server comes back it gets everything.

    Attributes:
        known: the name of the record, once the tracker has opened it.
    """

    def __init__(self, tracker: Tracker, known: str | None) -> None:
        """Begin to open the record; `known` is that of the training before it was resumed."""
        self.known = known
        self._tracker = tracker
        self._rows: list[TrackedRow] = []
        self._files: dict[str, Path] = {}
        self._outcome: Outcome | None = None
        self._is_open = self._is_away = False
        self._due, self._pause = 0.0, FIRST_PAUSE
        self._change = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="wxml-tracking", daemon=True)
        self._thread.start()

    def log(self, rows: Sequence[TrackedRow]) -> None:
        """Have the thread record rows."""
        with self._change:
            self._rows = [*self._rows, *rows][-MOST_ROWS:]

    def attach(self, path: Path, name: str) -> None:
        """Have the thread record a file."""
        with self._change:
            self._files[name] = path

    def close(self, outcome: Outcome) -> None:
        """Have the thread record the rest and end the record; wait as long as the tracker has patience."""
        with self._change:
            self._outcome = outcome
            self._change.notify()
        self._thread.join(self._tracker.patience)
        if self._thread.is_alive():
            self._tell(f"no answer within {self._tracker.patience:.0f} s")
        if self._is_away:
            LOG.warning("the end of the training is not recorded (%s); %s", self._tracker, KEPT)

    def _work(self) -> None:
        """Call the tracker whenever something is due; at the end of the training, once more."""
        outcome: Outcome | None = None
        while outcome is None:
            with self._change:
                while self._outcome is None and (wait := self._due - time.monotonic()) > 0:
                    self._change.wait(wait)
                outcome = self._outcome
            self._try(outcome)

    def _try(self, outcome: Outcome | None) -> None:
        """Record all that waits; come back later if the tracker raises."""
        try:
            self._send(outcome)
        except Exception as error:  # noqa: BLE001  # a tracker must never stop a training, whatever it raises
            self._due = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            self._tell(f"{type(error).__name__}: {error}")
            return
        if self._is_away and outcome is None:
            LOG.info("tracking goes on (%s)", self._tracker)
        self._is_away, self._pause = False, FIRST_PAUSE
        self._due = time.monotonic() + SEND_SECONDS

    def _send(self, outcome: Outcome | None) -> None:
        """Open the record if it is not open, and record all that waits; what a failing call was to record stays."""
        if not self._is_open:
            self.known = self._tracker.open(self.known)
            self._is_open = True
        with self._change:
            rows, self._rows = self._rows, []
            files, self._files = self._files, {}
        try:
            if rows:
                self._tracker.log(rows)
                rows = []
            for name in list(files):
                if files[name].exists():
                    self._tracker.attach(files[name], name)
                del files[name]
        finally:
            with self._change:
                self._rows, self._files = [*rows, *self._rows][-MOST_ROWS:], files | self._files
        if outcome is not None:
            self._tracker.close(outcome)

    def _tell(self, reason: str) -> None:
        """Warn once of an outage."""
        if not self._is_away:
            self._is_away = True
            why = (masked(reason).splitlines() or [""])[0]
            LOG.warning("tracking failed, training goes on without it (%s): %s", self._tracker, why)
