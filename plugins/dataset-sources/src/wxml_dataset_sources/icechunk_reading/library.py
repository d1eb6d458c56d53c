"""The library `icechunk`, imported when it is needed, and its errors as sentences."""

__all__ = ["library", "library_error"]

import os
from functools import cache
from types import ModuleType

from wxml.errors import DataError

VIRTUAL = "virtual chunk"
"""What the library says of a chunk that is in a file outside of the repository."""


def library(shown: str) -> ModuleType:
    """The library; it writes nothing to the terminal, unless its own variable `ICECHUNK_LOG` says so.

    Args:
        shown: the repository, for messages.

    Raises:
        DataError: it is not installed, or this process is a copy of one that uses it.
    """
    try:
        import icechunk  # an extra
    except ImportError as error:
        raise DataError(
            f"`{shown}` is an Icechunk repository, which is read with icechunk, and that is not installed",
            fix="install the extra `icechunk` of wxml-dataset-sources",
        ) from error
    if _first_process() != os.getpid():  # its threads did not come along, and it would wait for them for ever
        raise DataError(
            f"`{shown}` is an Icechunk repository, which a process that was forked from another reader cannot read",
            fix="read it without worker processes: `workers: 0`, whose thread reads ahead",
        )
    _quiet(icechunk)
    return icechunk


@cache
def _first_process() -> int:
    """The process that asked first; a copy of it has the same answer."""
    return os.getpid()


@cache
def _quiet(icechunk: ModuleType) -> None:
    """Its warnings are about writing, and its errors are raised as well."""
    if "ICECHUNK_LOG" not in os.environ:
        icechunk.set_logs_filter("off")


def _reason(error: BaseException) -> str:
    """The first and the last cause in the text of an error, which has a trace between them."""
    lines = [line.strip() for line in str(error).splitlines()]
    causes = [line.removeprefix("x ") for line in lines if line.startswith("x ")]
    causes += [line[4:] for line in lines if line.startswith(("|-> ", "`-> "))]
    kept = list(dict.fromkeys([causes[0], causes[-1]])) if causes else [" ".join(str(error).split())]
    return ": ".join(kept)[:200] or type(error).__name__


def library_error(shown: str, what: str, error: BaseException) -> DataError:
    """The error for a repository that cannot be read.

    Args:
        shown: the repository.
        what: what was read of it, such as ``the chunk 't/c/0/0/0'``; empty for itself.
        error: of the library.
    """
    reason, of_it = _reason(error), f"{what} of " if what else ""
    if VIRTUAL in reason:
        return DataError(
            f"{what} of `{shown}` is a reference to a file outside of the repository, which is not read",
            fix="copy the values into a repository or a zarr store, or read these files themselves",
        )
    return DataError(
        f"{of_it}`{shown}` cannot be read with icechunk: {reason}",
        fix="copy the repository again from where it was made, or try again later if it is at an address",
    )
