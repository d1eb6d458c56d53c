"""Attention in windows on a CPU, in blocks and all pairs at once: where `wxml_kernels.windows.DENSE` belongs.

    python benchmarks/window_forms.py [--quick] [--rounds 15]

Each case prints one JSON line: milliseconds of processor time of a forward and a backward pass, medians, of `blocks`
and of `scaled_dot_product_attention` with a mask (`at_once`); the ratio, above 1 where `at_once` is faster; how many
pairs it has for each pair in blocks; and which of the two `auto` takes. One thread.
"""

import statistics
import time
from collections.abc import Callable

import torch
from bench.cases import measure_cases
from torch import Tensor
from wxml_kernels import KeyWindow, window_attention, windows

CASES = [
    (70, 64, 8),
    (162, 64, 4),
    (162, 512, 4),
    (642, 64, 1),
    (642, 256, 1),
    (642, 512, 1),
    (2562, 64, 1),
    (2562, 512, 1),
]
"""Nodes, window, batch; 64 channels in 4 heads."""


def milliseconds(form: Callable[..., Tensor], parts: list[Tensor], rounds: int) -> float:
    """The median processor time of a forward and a backward pass."""
    taken = []
    for _ in range(rounds + 1):
        start = time.process_time()
        out = form(*parts)
        torch.autograd.grad(out, parts, torch.ones_like(out))
        taken.append(1e3 * (time.process_time() - start))
    return round(statistics.median(taken[1:]), 2)


def measured(nodes: int, window: int, batch: int, rounds: int) -> dict[str, object]:
    """The figures of a case."""
    seen = KeyWindow.among(nodes, window)
    parts = [torch.randn(batch, 4, nodes, 16, requires_grad=True) for _ in range(3)]
    blocks = milliseconds(lambda q, k, v: window_attention(q, k, v, seen, backend="blocks"), parts, rounds)
    at_once = milliseconds(lambda q, k, v: windows._all_at_once(q, k, v, seen), parts, rounds)
    return {
        "nodes": nodes,
        "window": window,
        "batch": batch,
        "blocks_ms": blocks,
        "at_once_ms": at_once,
        "ratio": round(blocks / at_once, 2),
        "pairs": round(nodes**2 / seen.pairs_in_blocks, 2),
        "auto": "at once" if windows._is_small(seen) else "blocks",
    }


if __name__ == "__main__":
    measure_cases(__doc__, CASES, measured, 15)
