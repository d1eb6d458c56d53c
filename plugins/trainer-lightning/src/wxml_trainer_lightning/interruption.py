"""The signals and the time that end a training after a step."""

__all__ = ["Interruption"]

import math
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

from wxml_trainer_lightning.exit_codes import LEFT

WARNING: int = getattr(signal, "SIGUSR1", signal.SIGTERM)
"""The signal by which a batch system warns before it ends a job; Windows has none."""
TO_LEAVE = {signal.SIGTERM, WARNING}


class Interruption:
    """A context in which the first signal stops the training after the current step; a second Ctrl-C stops it at once.

    Only the main thread receives signals. After `seconds` it acts as if SIGUSR1 had been received.
    """

    def __init__(self, seconds: float | None = None) -> None:
        """Start the clock."""
        self._signal = 0
        self._before: dict[int, Any] = {}
        self._end = math.inf if seconds is None else time.monotonic() + seconds

    @property
    def received(self) -> int:
        """The number of the signal that this process has received, 0 before any."""
        return self._signal or (WARNING if time.monotonic() > self._end else 0)

    @property
    def reason(self) -> str:
        """Why the training leaves, in words."""
        is_late = time.monotonic() > self._end
        return "`training.leave_after`" if is_late else signal.Signals(self._signal).name

    def leave(self, number: int) -> None:
        """Leave at the end of the context because of a signal, which this or another process has received."""
        self._signal = number

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._request) for number in (signal.SIGINT, *TO_LEAVE)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise KeyboardInterrupt after Ctrl-C, and SystemExit with the code `LEFT` after another signal."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None and self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        if self._signal not in (0, signal.SIGINT) and kind is None:
            raise SystemExit(LEFT)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self._signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = self._signal or number
