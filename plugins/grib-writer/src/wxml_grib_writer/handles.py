"""Handles of ecCodes: messages in its memory, which are let go of at the end of a block."""

__all__ = ["REFUSALS", "Keys", "copied", "loaded", "sample", "set_keys"]

# eccodes brings an old SQLite of its own, and the first one loaded serves the whole process: let it be Python's, since
# MLflow, for one, needs a recent one.
import sqlite3  # noqa: F401
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

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
