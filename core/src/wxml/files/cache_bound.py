"""Keeps what the cache folder holds within a bound: what was not used for longest goes first, what is in use stays."""

__all__ = ["LIMIT_VARIABLE", "keep_newest", "keep_within_limit", "lock_of", "mark_used"]

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wxml.errors import ArtefactError, DataError
from wxml.files.lock import locked

logger = logging.getLogger("wxml")

LIMIT_VARIABLE = "WXML_CACHE_GIB"
"""The environment variable with the most GiB that copies of remote files take together."""
DEFAULT_GIB = 200.0
MARK = ".used"
"""The file in a folder of the cache whose time is that of its last use; whoever uses the folder holds it."""

_held: dict[Path, int] = {}
"""The marks that this process holds, until it ends."""


def mark_used(folder: Path) -> None:
    """Note that this process uses a folder of the cache, until it ends; no process removes the folder until then.

    The caller holds `lock_of(folder)`. Where the file system has no locks, nothing is held.
    """
    mark = folder / MARK
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
        if mark not in _held and _flock(found := os.open(mark, os.O_RDWR), shared=True):
            _held[mark] = found


def lock_of(folder: Path) -> Path:
    """The lock for a folder of the cache, which lies beside it."""
    return folder.with_name(f".{folder.name}.lock")


def keep_within_limit(parent: Path) -> None:
    """Remove folders in `parent` that no process uses, the longest unused first, until all are within the limit.

    Raises:
        DataError: `WXML_CACHE_GIB` is no number of GiB.
    """
    limit = _limit()
    sizes = {folder: _size(folder) for folder in _oldest_first(parent)}
    total, removed = sum(sizes.values()), 0
    for folder, size in sizes.items():
        if total <= limit:
            break
        if folder / MARK not in _held and _removed(folder):
            total, removed = total - size, removed + 1
    if removed:
        logger.info("%d copies in %s were removed, so that they take %.1f GiB", removed, parent, total / 2**30)


def keep_newest(folder: Path, pattern: str, count: int) -> None:
    """Remove the files that fit a pattern, but for the `count` that were written or touched last."""
    times: dict[Path, float] = {}
    for file in folder.glob(pattern):
        with suppress(OSError):  # another process may have removed it
            times[file] = file.stat().st_mtime
    for file in sorted(times, key=times.__getitem__)[: max(len(times) - count, 0)]:
        with suppress(OSError):
            file.unlink()


def _limit() -> float:
    text = os.environ.get(LIMIT_VARIABLE) or str(DEFAULT_GIB)
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not limit >= 0:
        raise DataError(
            f"the environment variable {LIMIT_VARIABLE} must be a number of GiB, got {text!r}",
            fix="set WXML_CACHE_GIB to a number such as 200",
        )
    return limit * 2**30


def _oldest_first(parent: Path) -> list[Path]:
    """The folders that have a mark, by the time of their last use."""
    times: dict[Path, float] = {}
    for folder in parent.iterdir():
        with suppress(OSError):
            times[folder] = (folder / MARK).stat().st_mtime
    return sorted(times, key=times.__getitem__)


def _size(folder: Path) -> int:
    size = 0
    for file in folder.iterdir():
        with suppress(OSError):
            size += file.stat().st_size
    return size


def _removed(folder: Path) -> bool:
    """Remove a folder, unless a process uses it or is making it."""
    with suppress(OSError, ArtefactError), locked(lock_of(folder), seconds=0), _free(folder / MARK) as is_free:
        if is_free:
            shutil.rmtree(folder)
            return True
    return False


@contextmanager
def _free(mark: Path) -> Iterator[bool]:
    """Whether no process holds a mark; none can take it while the context lasts."""
    found = os.open(mark, os.O_RDWR)
    try:
        yield _flock(found, shared=False)
    finally:
        os.close(found)


def _flock(file: int, *, shared: bool) -> bool:
    """Whether the file is locked now; False if another process holds it, or there are no such locks here."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return False
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
