"""A lock on a file, for work that several processes may begin at once."""

__all__ = ["locked"]

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wxml.errors import ArtefactError

logger = logging.getLogger("wxml")


@contextmanager
def locked(path: Path, *, seconds: float = -1) -> Iterator[None]:
    """Hold the lock file `path` while the context lasts, and remove it afterwards.

    The operating system releases the lock when the process ends, however it ends, so a lock file that is left over
    locks nothing. If the folder cannot be written to, or its file system has no locks, the context goes on without one.

    Args:
        path: the lock file; its folder is made if need be.
        seconds: how long to wait for another process; 0 means not at all, -1 means until it is done.

    Raises:
        ArtefactError: another process holds the lock, and has held it for `seconds`.
    """
    from filelock import FileLock, Timeout  # takes 50 ms to import, and most commands need no lock

    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if seconds:
                logger.info("waiting for another process that is at work in %s", path.parent)
            lock.acquire(timeout=seconds)
    except Timeout as error:
        raise ArtefactError(
            f"another process is at work in `{path.parent}`", fix="wait until it has ended, or choose another directory"
        ) from error
    except (OSError, NotImplementedError) as error:
        logger.debug("going on without the lock %s: %s", path, error)
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):  # the folder may be gone, and Windows does not remove an open file
                path.unlink()
            lock.release()
