"""Handles of ecCodes: messages in its memory, which are let go of at the end of a block."""

__all__ = ["REFUSALS", "Copies", "Keys", "copied", "loaded", "sample", "set_keys"]

# eccodes brings an old SQLite of its own, and the first one loaded serves the whole process: let it be Python's, since
# MLflow, for one, needs a recent one.
import sqlite3  # noqa: F401
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from threading import Lock

import eccodes

Keys = Mapping[str, int | float | str]
REFUSALS = (eccodes.CodesInternalError, ValueError, TypeError)
"""The errors of ecCodes for a key or a value that it does not take."""


def sample() -> AbstractContextManager[int]:
    """The empty message of GRIB 2 that comes with ecCodes."""
    return _held(eccodes.codes_grib_new_from_samples("GRIB2"))


def copied(handle: int) -> AbstractContextManager[int]:
    """A copy of a message, to change it."""
    return _held(eccodes.codes_clone(handle))


class Copies:
    """Copies of a message for several threads, to be filled in again and again.

    To make one takes half as long as ecCodes takes to pack 65 000 values.
    """

    def __init__(self, handle: int) -> None:
        self._handle, self._lock = handle, Lock()
        self._free: list[int] = []

    @contextmanager
    def used(self) -> Iterator[int]:
        """One that no other thread has, as it was left; after a failure it is let go of."""
        with self._lock:
            handle = self._free.pop() if self._free else eccodes.codes_clone(self._handle)
        try:
            yield handle
        except BaseException:
            eccodes.codes_release(handle)
            raise
        self._free.append(handle)

    def new(self) -> AbstractContextManager[int]:
        """A new one, which is let go of at the end."""
        with self._lock:
            return copied(self._handle)

    def release(self) -> None:
        """Let go of those that no thread has."""
        while self._free:
            eccodes.codes_release(self._free.pop())


def loaded(message: bytes) -> AbstractContextManager[int]:
    """The message of these bytes."""
    return _held(eccodes.codes_new_from_message(message))


@contextmanager
def _held(handle: int) -> Iterator[int]:
    try:
        yield handle
    finally:
        eccodes.codes_release(handle)


def set_keys(handle: int, keys: Keys) -> None:
    """Set keys one after the other: the order counts, as a template brings its own keys.

    Raises:
        CodesInternalError: ecCodes does not know a key, or does not take its value.
    """
    for key, value in keys.items():
        eccodes.codes_set(handle, key, value)
