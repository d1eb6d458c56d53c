"""Which keys each query sees: a contiguous range, in a common order of nodes."""

__all__ = ["KeyWindow", "Run"]

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

BLOCK = 64
"""Queries in a block for scaled_dot_product_attention, at least; a wider window takes wider blocks."""


@dataclass(frozen=True, slots=True)
class Run:
    """Blocks of queries one after the other that see their keys in the same way, only shifted.

    Block number b has the queries `start + b · queries` onwards and the keys `low + b · queries` onwards.
    """

    start: int
    low: int
    queries: int
    keys: int
    blocks: int


class KeyWindow(nn.Module):
    """The keys `first[i]` to `last[i]` for query i; neither ever falls as i grows.

    So a block of neighbouring queries sees one contiguous range of keys, hardly longer than the window, which is what
    makes the cost of attention O(queries · window).
    """

    bounds: Tensor

    def __init__(self, centres: NDArray[np.int64], keys: int, window: int) -> None:
        super().__init__()
        first, last = np.maximum(centres - window, 0), np.minimum(centres + window, keys - 1)
        self.window = window
        self.register_buffer("bounds", torch.from_numpy(np.stack([first, last])), persistent=False)
        self.runs = _runs(first, last, max(window, BLOCK))

    @classmethod
    def among(cls, nodes: int, window: int) -> Self:
        """Self-attention: |i - j| ≤ window."""
        return cls(np.arange(nodes), nodes, window)


def _runs(first: NDArray[np.int64], last: NDArray[np.int64], size: int) -> list[Run]:
    runs: list[Run] = []
    shape = None
    for start in range(0, len(first), size):
        block = slice(start, start + size)
        low, high = int(first[start]), int(last[block][-1]) + 1
        seen = np.stack([first[block], last[block]]) - low
        if shape is not None and np.array_equal(shape, seen) and low == runs[-1].low + runs[-1].blocks * size:
            before = runs[-1]
            runs[-1] = Run(before.start, before.low, before.queries, before.keys, before.blocks + 1)
        else:
            runs.append(Run(start, low, seen.shape[1], high - low, 1))
        shape = seen
    return runs
