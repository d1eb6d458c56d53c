"""Memory for large results on a CPU that is used again, since the first touch of memory costs as much as arithmetic."""

__all__ = ["POOL", "Pool", "empty_rows", "is_real"]

import mmap
import sys
import threading
import weakref

import numpy as np
import torch
from torch import Tensor, nn

SMALLEST = 4 * 2**20
"""Bytes from which on an array comes from the pool; smaller ones torch and the C library keep at hand themselves."""


class Pool:
    """Blocks of memory that go back when the last tensor on them is gone, and out again to the next of the same size.

    It never holds more than was in use at one time: blocks of other sizes are given up for a new one. A training step
    asks for the same sizes as the one before, so from the second one on no page is touched for the first time: for
    40 MiB that takes 20 ms on one core, as long as a product of them with a matrix of 128 channels.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()  # tensors die in the threads of autograd as well
        self.free: list[mmap.mmap] = []
        self.in_use = 0
        """Bytes that tensors hold."""
        self.most = 0
        """Bytes that they held at most."""

    def take(self, size: int) -> Tensor:
        """So many bytes of any values, as uint8."""
        with self.lock:
            memory = self._found(size) or self._made(size)
        array = np.frombuffer(memory, np.uint8)
        weakref.finalize(array, self._give_back, memory).atexit = False
        return torch.from_numpy(array)

    def _found(self, size: int) -> mmap.mmap | None:
        self.in_use += size
        self.most = max(self.most, self.in_use)
        for place, memory in enumerate(self.free):
            if len(memory) == size:
                return self.free.pop(place)
        return None

    def _made(self, size: int) -> mmap.mmap:
        while self.free and self.in_use + sum(map(len, self.free)) > self.most:
            self.free.pop(0)
        if sys.platform != "linux":
            return mmap.mmap(-1, size)
        memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_HUGEPAGE)
        return memory

    def _give_back(self, memory: mmap.mmap) -> None:
        with self.lock:
            self.in_use -= len(memory)
            self.free.append(memory)


POOL = Pool()
"""The one of this process."""


def is_real(values: Tensor) -> bool:
    """Whether a tensor has values, unlike those that a memory planner or a tracer puts in its place."""
    return type(values) in (Tensor, nn.Parameter) and not values.is_meta


def empty_rows(rows: int, width: int, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """An array `[rows, width]` of any values, on the device and (unless told) of the dtype of `like`."""
    dtype = dtype or like.dtype
    size = rows * width * dtype.itemsize
    if size < SMALLEST or like.device.type != "cpu" or not is_real(like):
        return torch.empty(rows, width, dtype=dtype, device=like.device)
    return POOL.take(size).view(dtype).view(rows, width)
