"""A lock on a file, for work that several processes may begin at once."""

__all__ = ["locked"]

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from wxml.errors import ArtefactError

if TYPE_CHECKING:
    from filelock import BaseFileLock

logger = logging.getLogger("wxml")

ATTEMPTS = 100
"""How often the folder of a lock is made again while other processes remove it."""


@contextmanager
def locked(path: Path, *, seconds: float = -1, target: Path | None = None) -> Iterator[bool]:
    """Hold the lock file `path` while the context lasts, and remove it afterwards.

    The operating system releases the lock when the process ends, however it ends, so a lock file that is left over
    locks nothing. If the folder cannot be written to, or its file system has no locks, the context goes on without one.

    Args:
        path: the lock file; its folder is made if need be.
        seconds: how long to wait for another process; 0 means not at all, -1 means until it is done.
        target: the file or folder that the lock protects, named in the error; None: the folder of `path`.

    Yields:
        Whether the lock is held.

    Raises:
        ArtefactError: another process holds the lock, and has held it for `seconds`.
    """
    from filelock import FileLock, Timeout  # takes 50 ms to import, and most commands need no lock

    lock = FileLock(path)
    try:
        _acquire(lock, path, seconds)
    except Timeout as error:
        raise ArtefactError(
            f"`{target or path.parent}` is in use by another process",
            fix=f"wait until it has ended, or choose another {'path' if target else 'directory'}",
        ) from error
    except (OSError, NotImplementedError) as error:
        logger.debug("going on without the lock %s: %s", path, error)
    try:
        yield lock.is_locked
    finally:
        if lock.is_locked:
            with suppress(OSError):  # the folder may be gone, and Windows does not remove an open file
                path.unlink()
            lock.release()


def _acquire(lock: "BaseFileLock", path: Path, seconds: float) -> None:
    """Make the folder and take the lock; whoever holds the lock may remove the folder in between."""
    from filelock import Timeout

    for attempt in range(ATTEMPTS):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if seconds:
                logger.info("waiting for another process that is at work in %s", path.parent)
            lock.acquire(timeout=seconds)
        except FileNotFoundError:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        return
