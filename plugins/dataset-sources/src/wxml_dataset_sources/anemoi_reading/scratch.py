"""Memory of each thread for the bytes of a chunk as they are in its file."""

__all__ = ["ALIGNMENT", "scratch"]

from threading import local
from typing import Final

import numpy as np
from numpy.typing import NDArray
from wxml.data.aligned import aligned

ALIGNMENT: Final = 64
"""It begins at a multiple of so many bytes, where files are read fast."""
LARGEST: Final = 2**26
"""More bytes than these are not kept."""


class _Scratch(local):
    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)

    def lent(self, size: int) -> NDArray[np.uint8]:
        """So many bytes with anything in them, until the next call."""
        if size > LARGEST:
            return aligned((size,), np.uint8)
        if size > len(self._memory):
            self._memory = aligned((size + size // 4,), np.uint8)
        return self._memory[:size]


scratch = _Scratch()
