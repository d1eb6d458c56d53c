"""Ranges of targets whose edges fit a budget."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from wxml import EdgeSet, NodeSet
from wxml_kernels.edges import EdgeIndex, Range, segment_sum, sum_range

TARGETS = 6


def edge_index(degrees: list[int]) -> EdgeIndex:
    """So many edges into each target, from the first sources on."""
    target = np.repeat(np.arange(TARGETS), degrees)
    source = np.concatenate([np.arange(degree) for degree in degrees]).astype(int)
    sources, targets = (NodeSet(np.linspace(-60, 60, n), np.linspace(0, 200, n)) for n in (9, TARGETS))
    return EdgeIndex(EdgeSet.between(sources, targets, source, target))


def test_by_hand() -> None:
    edges = edge_index([2, 0, 3, 1, 7, 1])
    assert edges.ranges(10, 50) == (Range(0, 3, 0, 5), Range(3, 4, 5, 6), Range(4, 5, 6, 13), Range(5, 6, 13, 14))


@given(st.lists(st.integers(0, 9), min_size=TARGETS, max_size=TARGETS), st.integers(1, 70))
def test_ranges_follow_each_other_fit_and_sum_to_the_whole(degrees: list[int], budget: int) -> None:
    edges = edge_index(degrees)
    ranges = edges.ranges(1, budget)
    assert [r.first_target for r in ranges] == [0, *(r.last_target for r in ranges[:-1])]
    assert ranges[-1].last_target == TARGETS
    for part in ranges:
        assert part.last_edge - part.first_edge <= budget or part.last_target - part.first_target == 1
    values = torch.randn(1, sum(degrees), 3, dtype=torch.float64)
    parts = [sum_range(values[0, part.first_edge : part.last_edge], edges, part) for part in ranges]
    torch.testing.assert_close(torch.cat(parts), segment_sum(values, edges)[0])


@pytest.mark.parametrize("budget", [1, 10**9])
def test_without_edges(budget: int) -> None:
    ranges = edge_index([0] * TARGETS).ranges(4, budget)
    assert ranges == (Range(0, TARGETS, 0, 0),)
