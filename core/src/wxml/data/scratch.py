"""Scratch: memory that one batch after the other uses, since new memory costs the system as much as a copy."""

__all__ = ["Scratch"]

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from wxml.data.aligned import aligned


class Scratch:
    """Lends one array at a time, and keeps its memory; a second borrower at the same time gets memory of its own."""

    def __init__(self) -> None:
        self._kept: list[NDArray[np.float32]] = []

    def __reduce__(self) -> tuple[type["Scratch"], tuple[()]]:
        return Scratch, ()  # a copy in another process begins without memory

    @contextmanager
    def lent(self, shape: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
        """Lend an array with any values; nothing may refer to it afterwards."""
        size = math.prod(shape)
        try:
            memory = self._kept.pop()  # at once, so that no two threads get the same
        except IndexError:
            memory = np.empty(0, np.float32)
        if len(memory) < size:
            memory = aligned((size,))
        yield memory[:size].reshape(shape)
        self._kept[:] = [memory]
