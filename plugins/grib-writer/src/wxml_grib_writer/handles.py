"""Handles of ecCodes: messages in its memory, which are let go of at the end of a block."""

__all__ = ["REFUSALS", "Keys", "copied", "loaded", "sample", "set_keys"]

# eccodes brings an old SQLite of its own, and the first one loaded serves the whole process: let it be Python's, since
# MLflow, for one, needs a recent one.
import sqlite3  # noqa: F401
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import eccodes

Keys = Mapping[str, int | float | str]
REFUSALS = (eccodes.CodesInternalError, ValueError, TypeError)
"""The errors of ecCodes for a key or a value that it does not take."""


@contextmanager
def sample() -> Iterator[int]:
    """The empty message of GRIB 2 that comes with ecCodes."""
    handle = eccodes.codes_grib_new_from_samples("GRIB2")
    try:
        yield handle
    finally:
        eccodes.codes_release(handle)


@contextmanager
def copied(handle: int) -> Iterator[int]:
    """A copy of a message, to change it."""
    copy = eccodes.codes_clone(handle)
    try:
        yield copy
    finally:
        eccodes.codes_release(copy)


@contextmanager
def loaded(message: bytes) -> Iterator[int]:
    """The message of these bytes."""
    handle = eccodes.codes_new_from_message(message)
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
