"""Ranges of targets whose edges fit a budget."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml_kernels import EdgeIndex, segment_sum
from wxml_kernels.edges import Range, sum_range

TARGETS = 6


def edge_index(degrees: list[int]) -> EdgeIndex:
    """So many edges into each target, from the first sources on."""
    target = np.repeat(np.arange(TARGETS), degrees)
    source = np.concatenate([np.arange(degree) for degree in degrees]).astype(int)
    return EdgeIndex(source, target, 9, TARGETS)


def test_by_hand() -> None:
    edges = edge_index([2, 0, 3, 1, 7, 1])
    assert edges.ranges(10, 50) == (
        Range(slice(0, 3), slice(0, 5)),
        Range(slice(3, 4), slice(5, 6)),
        Range(slice(4, 5), slice(6, 13)),
        Range(slice(5, 6), slice(13, 14)),
    )


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=TARGETS, max_size=TARGETS), st.integers(1, 70))
def test_ranges_follow_each_other_fit_and_sum_to_the_whole(degrees: list[int], budget: int) -> None:
    edges = edge_index(degrees)
    ranges = edges.ranges(1, budget)
    assert [part.targets.start for part in ranges] == [0, *(part.targets.stop for part in ranges[:-1])]
    assert ranges[-1].targets.stop == TARGETS
    for part in ranges:
        assert part.edges.stop - part.edges.start <= budget or part.targets.stop - part.targets.start == 1
    values = torch.randn(1, sum(degrees), 3, dtype=torch.float64)
    parts = [sum_range(values[0, part.edges], edges, part) for part in ranges]
    torch.testing.assert_close(torch.cat(parts), segment_sum(values, edges)[0])


@pytest.mark.parametrize("budget", [1, 10**9])
def test_without_edges(budget: int) -> None:
    ranges = edge_index([0] * TARGETS).ranges(4, budget)
    assert ranges == (Range(slice(0, TARGETS), slice(0, 0)),)
