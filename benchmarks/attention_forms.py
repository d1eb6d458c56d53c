"""The two forms of attention along edges for CPUs, in turns: where `wxml_kernels.plain_attention.FEW` belongs.

    python benchmarks/attention_forms.py [--quick] [--rounds 7]

Each case prints one JSON line: milliseconds of processor time of a forward and a backward pass, medians, of the form
that makes the keys and values of edges (`few`) and of the one that never does (`many`); and the median of the ratios,
above 1 where `few` is faster. One thread; every node has eight edges from nodes near it, of 12 features each.
"""

import statistics
import time

import numpy as np
import torch
from bench.cases import measure_cases
from wxml_kernels import AttentionEdges, edge_attention, plain_attention

DEGREE, NEAR, FEATURES = 8, 200, 12
CASES = [(2562, 64, 4), (2562, 64, 16), (10_242, 128, 4), (10_242, 128, 16), (10_242, 256, 8), (2562, 1024, 16)]
"""Nodes, channels, heads."""
FORMS = {"few": 10**9, "many": 0}


def near_edges(nodes: int) -> AttentionEdges:
    """Edges from nodes whose numbers are near."""
    target = np.repeat(np.arange(nodes), DEGREE)
    shift = np.random.default_rng(0).integers(-NEAR, NEAR, len(target))
    return AttentionEdges((target + shift) % nodes, target, nodes, nodes)


def measured(nodes: int, channels: int, heads: int, rounds: int) -> dict[str, object]:
    """The figures of a case."""
    edges, weight = near_edges(nodes), torch.randn(channels, FEATURES, requires_grad=True)
    features = edges.arranged(torch.randn(nodes * DEGREE, FEATURES)).requires_grad_()
    query, key, value = (torch.randn(1, nodes, channels, requires_grad=True) for _ in range(3))
    seconds: dict[str, list[float]] = {form: [] for form in FORMS}
    for _ in range(rounds + 1):
        for form, few in FORMS.items():
            plain_attention.FEW = few
            start = time.process_time()
            out = edge_attention(query, key, value, features, weight, edges, heads)
            out.sum().backward()  # type: ignore[no-untyped-call]
            seconds[form].append(time.process_time() - start)
    medians = {f"{form}_ms": round(1e3 * statistics.median(taken[1:]), 1) for form, taken in seconds.items()}
    ratio = statistics.median(b / a for a, b in zip(seconds["few"][1:], seconds["many"][1:], strict=True))
    return {"nodes": nodes, "channels": channels, "heads": heads, **medians, "ratio": round(ratio, 2)}


if __name__ == "__main__":
    measure_cases(__doc__, CASES, measured, 7)
