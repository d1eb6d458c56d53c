"""Attention in windows of an order of nodes: each query sees a contiguous range of keys."""

__all__ = ["KeyWindow", "Run", "window_attention", "windowed_sdpa"]

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from wxml_kernels.block_attention import block_attention

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
        self.window = window
        self.register_buffer("bounds", torch.tensor(np.stack([first, last]), dtype=torch.int64), persistent=False)
        self.runs = _runs(first, last, max(window, BLOCK))

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


def window_attention(query: Tensor, key: Tensor, value: Tensor, window: KeyWindow, dropout: float = 0.0) -> Tensor:
    """softmax(q·k / √d) v over the keys in each query's window, d being the channels of a head.

    The result is exact, in O(queries · window) operations and O(queries + keys) memory. On a CPU (and on tensors
    without values) a kernel of this library computes it, on other devices `windowed_sdpa`.

    >>> value = torch.arange(4.0).view(1, 1, 4, 1)
    >>> window_attention(torch.zeros(1, 1, 4, 1), torch.zeros(1, 1, 4, 1), value, KeyWindow.among(4, 1)).flatten()
    tensor([0.5000, 1.0000, 2.0000, 2.5000])

    Args:
        query: shape `[batch, head, query, head channel]`.
        key: shape `[batch, head, key, head channel]`.
        value: like `key`.
        window: the keys that each query sees.
        dropout: probability with which a weight is zeroed; the others are scaled up.

    Returns:
        Shape of `query`, dtype of `value`.
    """
    if query.device.type in ("cpu", "meta"):
        return block_attention(query, key, value, window.bounds, dropout)
    return windowed_sdpa(query.to(value), key.to(value), value, window, dropout)


def windowed_sdpa(query: Tensor, key: Tensor, value: Tensor, window: KeyWindow, dropout: float = 0.0) -> Tensor:
    """The same by `scaled_dot_product_attention`, called once for each run of blocks that share a mask.

    Self-attention has one or two blocks at each border and one run of all others.
    """
    outputs = []
    for run in window.runs:
        keys = slice(run.low, run.low + run.keys + (run.blocks - 1) * run.queries)
        queries = slice(run.start, run.start + run.blocks * run.queries)
        blocks = query[:, :, queries].reshape(*query.shape[:2], run.blocks, run.queries, -1)
        near = (part[:, :, keys].unfold(2, run.keys, run.queries).transpose(-1, -2) for part in (key, value))
        first, last = (window.bounds[:, run.start : run.start + run.queries] - run.low).unsqueeze(-1)
        position = torch.arange(run.keys, device=query.device)
        seen = (position >= first) & (position <= last)  # [query, key] of a block
        q, k, v = (part.transpose(1, 2).flatten(0, 1) for part in (blocks, *near))  # blocks join the batch
        out = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, dropout_p=dropout)
        outputs.append(out.view(len(query), run.blocks, *out.shape[1:]).transpose(1, 2).flatten(2, 3))
    return torch.cat(outputs, dim=-2)
