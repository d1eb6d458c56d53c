"""A disk that is full, in one sentence with what to do."""

__all__ = ["AGAIN", "full_disk_told"]

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wxml.errors import ArtefactError

AGAIN: Final = "then run the same command again: it goes on where it stopped"
FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def full_disk_told(target: Path) -> Iterator[None]:
    """Tell that the disk of a build is full, in place of the error of the system.

    Args:
        target: where the dataset will stand.

    Raises:
        ArtefactError: the disk is full, or the quota is used up.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise ArtefactError(f"the disk is full: {target}", fix=f"make room, {AGAIN}") from error
