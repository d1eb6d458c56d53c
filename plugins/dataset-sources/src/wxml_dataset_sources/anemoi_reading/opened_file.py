"""The file of a chunk that is open: its size, what tells it from another one, and some of its bytes."""

__all__ = ["OpenedFile", "opened_file"]

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from numpy.typing import NDArray
from wxml.data.fetching import fetching


class OpenedFile(NamedTuple):
    """A file that is open."""

    descriptor: int
    size: int
    identity: tuple[int, int, int]
    """It is another one once the file was written again."""

    def read_into(self, room: NDArray[Any], first: int) -> None:
        """Fill an array in one piece with the bytes from number `first` on.

        Raises:
            ValueError: the file ends before.
            OSError: it cannot be read.
        """
        view, done = room.data.cast("B"), 0
        with fetching:
            while done < len(view):  # the system reads 2 GiB at most at a time
                count = os.preadv(self.descriptor, [view[done:]], first + done)
                if not count:
                    raise ValueError(f"it ends after {first + done} bytes, and should have {first + len(view)}")
                done += count


@contextmanager
def opened_file(path: str) -> Iterator[OpenedFile]:
    """Open a file for reading.

    Raises:
        FileNotFoundError: it is not there.
        OSError: it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        yield OpenedFile(descriptor, status.st_size, (status.st_ino, status.st_mtime_ns, status.st_size))
    finally:
        os.close(descriptor)
