"""Windows of an order of nodes: each query sees a contiguous range of keys."""

__all__ = ["KeyWindow", "Run"]

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SIDE = 128
BLOCK = 64
"""Queries in a block for scaled_dot_product_attention, at least; a wider window takes wider blocks."""


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive blocks of queries that see their keys in the same way, only shifted.

    Block b has the queries `start + b · queries` onwards and the keys `low + b · queries` onwards.
    """

    start: int
    low: int
    queries: int
    keys: int
    blocks: int


class KeyWindow(nn.Module):
    """The keys that each query sees: those at most `window` places away from the query's own place among the keys.

    Since neighbouring queries see neighbouring keys, a block of queries sees a range of keys that is hardly longer than
    the window, and attention costs O(queries · window).

    >>> KeyWindow(np.array([0, 1, 3]), keys=4, window=1).bounds
    tensor([[0, 0, 2],
            [1, 2, 3]])

    Args:
        centres: the place of each query among the keys, shape `[query]`; it never decreases.
        keys: the number of keys.
        window: how many places away a query sees keys.

    Raises:
        ValueError: `centres` decreases or is not a place among the keys, or `window` is negative.
    """

    bounds: Tensor
    """The first and the last key of each query, shape `[2, query]`."""

    def __init__(self, centres: NDArray[np.int64], keys: int, window: int) -> None:
        super().__init__()
        if window < 0:
            raise ValueError(f"`window` must be at least 0, got {window}")
        if len(centres) and (np.any(np.diff(centres) < 0) or centres[0] < 0 or centres[-1] >= keys):
            raise ValueError(f"`centres` must never decrease and lie between 0 and {keys - 1}; sort the queries first")
        first, last = np.maximum(centres - window, 0), np.minimum(centres + window, keys - 1)
        self.window, self.keys = window, keys
        self.is_band = np.array_equal(centres, np.arange(keys))
        """Whether query i sees the keys j with |i - j| ≤ `window`, as in self-attention."""
        self.sees_all = bool((first == 0).all() and (last == keys - 1).all())
        """Whether every query sees every key."""
        starts = np.arange(0, len(first), SIDE)
        ends = np.minimum(starts + SIDE, len(first)) - 1
        self.pairs_in_blocks = int(((ends + 1 - starts) * (last[ends] + 1 - first[starts])).sum())
        """Pairs of queries and keys in blocks of 128 queries with all keys that any of them sees."""
        self.register_buffer("bounds", torch.tensor(np.stack([first, last]), dtype=torch.int64), persistent=False)
        self.runs = _runs(first, last, max(window, BLOCK))
        self.block_mask: Any = None
        """That of `wxml_kernels.flex_windows` on the device of the bounds, once it is made."""

    def __getstate__(self) -> dict[str, Any]:
        """What a copy takes along: all but the block mask, in which there is a function."""
        return {**self.__dict__, "block_mask": None}

    @classmethod
    def among(cls, nodes: int, window: int) -> Self:
        """The window of self-attention: query i sees the keys j with |i - j| ≤ `window`."""
        return cls(np.arange(nodes), nodes, window)


def _runs(first: NDArray[np.int64], last: NDArray[np.int64], size: int) -> list[Run]:
    """The blocks of `size` queries in runs; `first` and `last` are the keys that each query sees first and last."""
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
