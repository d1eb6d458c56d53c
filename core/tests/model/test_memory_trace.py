"""Bytes that live at the same time, for sequences of operations worked out by hand."""

import gc

import torch
from torch import Tensor, nn
from wxml.model.memory_trace import MemoryTrace

FLOATS = 4


def test_the_peak_of_a_known_sequence() -> None:
    with MemoryTrace() as trace:
        first = torch.empty(100)
        second = torch.empty(300)
        del first
        third = torch.empty(50, 2)
        assert trace.live.total() == 400 * FLOATS  # 300 + 100
        fourth = second * 2
        assert trace.live.total() == trace.at_peak.total() == 700 * FLOATS
        del second, third, fourth
    assert trace.live.total() == 0
    assert trace.at_peak.total() == 700 * FLOATS


def test_a_view_is_no_memory_and_keeps_all_of_what_it_looks_at() -> None:
    with MemoryTrace() as trace:
        whole = torch.empty(1000)
        corner = whole.view(10, 100)[:2, :3].t()
        expanded = torch.empty(5, 1).expand(5, 1000)
        assert trace.live.total() == 1005 * FLOATS
        del whole, expanded
        assert trace.live.total() == 1000 * FLOATS
        del corner
    assert trace.live.total() == 0


def test_operations_in_place_are_no_memory() -> None:
    values = torch.zeros(100)
    with MemoryTrace() as trace:
        trace.hold("held", values)
        values.add_(1).mul_(2)
        torch.add(values, values, out=values)
        assert trace.at_peak.total() == 100 * FLOATS


def test_what_is_held_twice_counts_once_and_under_its_first_label() -> None:
    weight = torch.zeros(100)
    part = weight[:10]
    with MemoryTrace() as trace:
        trace.hold("weights", part, weight)
        trace.hold("graph", weight)
        with trace.labelled("inner"):
            made = weight + 1
        rest = weight + 2
        assert dict(trace.live) == {"weights": 400, "inner": 400, "other": 400}
        del made, rest


def test_what_autograd_saves_is_freed_by_the_backward_pass() -> None:
    """Exp saves its result, sin its input, which is the leaf; at the end there is the gradient."""
    leaf = torch.zeros(1000, requires_grad=True)
    with MemoryTrace() as trace:
        trace.hold("leaf", leaf)
        total = (leaf.exp() + leaf.sin()).sum()
        assert trace.live["other"] == 1000 * FLOATS + FLOATS
        with trace.labelled("backward"):
            total.backward()
        del total
        gc.collect()
        assert dict(trace.live) == {"leaf": 4000, "other": 0, "backward": 4000}  # the gradient


def test_a_linear_network_by_hand() -> None:
    """Tanh keeps its result, which is what the next product keeps of its input; sum keeps nothing."""

    def forward(layers: list[nn.Linear], values: Tensor) -> Tensor:
        for layer in layers:
            values = torch.tanh(layer(values))
        return values.sum()

    layers = [nn.Linear(16, 16, bias=False) for _ in range(5)]
    values = torch.zeros(64, 16)
    with MemoryTrace() as trace:
        trace.hold("given", values, *(layer.weight for layer in layers))
        total = forward(layers, values)
        assert trace.live["other"] == 5 * 64 * 16 * FLOATS + FLOATS
        del total
