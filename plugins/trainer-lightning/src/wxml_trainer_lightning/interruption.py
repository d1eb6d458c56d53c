"""Stopping between two steps: Ctrl-C, or the SIGTERM of a batch system whose time is up."""

__all__ = ["Interruption"]

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Interruption:
    """Within this context the first signal is a request, honoured between two steps; a second Ctrl-C stops at once.

    Signals reach the main thread alone, so in any other thread this does nothing.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._before: dict[int, Any] = {}

    @property
    def is_requested(self) -> bool:
        """Whether training is to stop after this step."""
        return self._received is not None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._request) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise what the signal would have raised: KeyboardInterrupt, or SystemExit with the code of SIGTERM."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None and self._received == signal.SIGINT:
            raise KeyboardInterrupt
        # Lightning answers SIGTERM by a SystemExit of its own, with code 0
        if self._received == signal.SIGTERM and (kind is None or issubclass(kind, SystemExit)):
            raise SystemExit(128 + signal.SIGTERM)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.is_requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = number
