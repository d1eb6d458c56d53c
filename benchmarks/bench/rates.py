"""What this machine can do: float32 matrix products and copies, each time it is asked."""

__all__ = ["Rates"]

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

COPIED = 256 * 2**20
"""Bytes: far more than any cache holds."""


class Rates:
    """Of one thread by processor time, of several by wall time."""

    def __init__(self, shapes: Sequence[tuple[int, int, int]], threads: int) -> None:
        """Rates of products `[rows, inner] [inner, out]` of the given shapes."""
        torch.set_num_threads(threads)
        self.clock = time.process_time if threads == 1 else time.perf_counter
        self.products = [self._product(*shape) for shape in shapes]
        self.copied = torch.ones(2, COPIED // 4)

    @staticmethod
    def _product(rows: int, inner: int, out: int) -> tuple[Tensor, Tensor, Tensor]:
        return torch.randn(rows, inner), torch.randn(inner, out), torch.zeros(rows, out)

    def seconds(self, work: Callable[[], object]) -> float:
        """Of one run."""
        start = self.clock()
        work()
        return self.clock() - start

    def flops_per_second(self) -> float:
        """Of the best of the products, into results that are there already."""
        return max(self._rate(*product) for product in self.products)

    def _rate(self, left: Tensor, right: Tensor, out: Tensor) -> float:
        return 2 * left.numel() * out.shape[1] / self.seconds(lambda: torch.mm(left, right, out=out))

    def bytes_per_second(self) -> float:
        """Of a copy, read and written together."""
        return 2 * COPIED / self.seconds(lambda: self.copied[0].copy_(self.copied[1]))
