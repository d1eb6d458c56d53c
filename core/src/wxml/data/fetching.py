"""The time in which bytes are on their way: a file is read or a server asked, whatever else is done beside.

A source that fetches bytes in one call and decodes them in another writes `with fetching:` around the first one, in
any thread, or around an `await`. A library that does both at once, such as netCDF4, cannot be told apart so.
"""

__all__ = ["fetching", "fetching_seconds"]

import os
import time
from threading import Lock


class _Fetching:
    """Counts those that fetch; the clock of this process runs while there is one."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew, as in a process that was forked while another thread fetched."""
        self._lock = Lock()
        self._count = 0
        self._began = self._seconds = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._count:
                self._began = time.perf_counter()
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._count -= 1
            if not self._count:
                self._seconds += time.perf_counter() - self._began

    @property
    def seconds(self) -> float:
        with self._lock:
            return self._seconds + (time.perf_counter() - self._began if self._count else 0.0)


fetching = _Fetching()
"""A context: bytes are on their way inside. Several may be inside at once; seconds in which they are count once."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=fetching.reset)


def fetching_seconds() -> float:
    """The seconds since the process began in which bytes were on their way."""
    return fetching.seconds
