"""The kernels on edges, against dense references and numerical gradients."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import gradcheck
from wxml_kernels import EdgeIndex, gather_sources, gather_targets, join_edges, segment_softmax, segment_sum

SOURCES, TARGETS = 6, 5


def edge_index(pairs: list[tuple[int, int]]) -> EdgeIndex:
    pairs = sorted(pairs, key=lambda pair: (pair[1], pair[0]))
    return EdgeIndex([s for s, _ in pairs], [t for _, t in pairs], SOURCES, TARGETS)


def test_plain_lists_arrays_and_tensors_make_the_same_index() -> None:
    source, target = [2, 0, 2, 1], [0, 1, 1, 3]
    objects = SimpleNamespace(source=np.array(source), target=np.array(target), source_count=3, target_count=4)
    made = [
        EdgeIndex(source, target, 3, 4),
        EdgeIndex(np.array(source, np.int32), np.array(target, np.int32), 3, 4),
        EdgeIndex(torch.tensor(source), torch.tensor(target), 3, 4),
        EdgeIndex.of(objects),
    ]
    for edges in made:
        assert (edges.source_count, edges.target_count, edges.edge_count) == (3, 4, 4)
        assert edges.pointers.tolist() == [0, 1, 3, 3, 4]
        assert edges.transpose.tolist() == [1, 3, 0, 2]
        assert edges.source_pointers.tolist() == [0, 1, 2, 4]


def test_the_index_shares_no_memory_with_the_arrays() -> None:
    source, target = np.array([0, 1]), np.array([0, 1])
    edges = EdgeIndex(source, target, 2, 2)
    source[:] = 1
    assert edges.source.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ([0, 0], [1, 0], r"`target` must never decrease, got 1 and then 0 at edge 1; sort source, target"),
        ([0, 3], [0, 0], r"`source` must be node numbers from 0 to 2 \(`source_count` is 3\), got 0 to 3"),
        ([0, 0], [0, 2], r"`target` must be node numbers from 0 to 1 \(`target_count` is 2\), got 0 to 2"),
        ([-1], [0], r"`source` must be node numbers from 0 to 2 \(`source_count` is 3\), got -1 to -1"),
        ([0], [0, 0], r"`source` and `target` must have the same length, got 1 and 2"),
        ([0.5], [0], r"`source` must be integers of the shape \[edge\], got float64 of the shape \[1\]"),
        ([[0]], [0], r"`source` must be integers of the shape \[edge\], got int64 of the shape \[1, 1\]"),
    ],
)
def test_edges_that_are_none_are_refused(source: list[int], target: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EdgeIndex(source, target, source_count=3, target_count=2)


def values(batch: int, rows: int, channels: int = 3) -> Tensor:
    return torch.randn(batch, rows, channels, dtype=torch.float64, requires_grad=True)


some_pairs = st.lists(
    st.tuples(st.integers(0, SOURCES - 1), st.integers(0, TARGETS - 1)), min_size=1, max_size=25, unique=True
)


@settings(deadline=None, max_examples=30)
@given(some_pairs, st.integers(1, 3))
def test_kernels_equal_loops_over_edges(pairs: list[tuple[int, int]], batch: int) -> None:
    edges, ordered = edge_index(pairs), sorted(pairs, key=lambda pair: (pair[1], pair[0]))
    source, target, edge = values(batch, SOURCES), values(batch, TARGETS), values(batch, len(pairs))
    for number, (s, t) in enumerate(ordered):
        torch.testing.assert_close(gather_sources(source, edges)[:, number], source[:, s])
        torch.testing.assert_close(gather_targets(target, edges)[:, number], target[:, t])
        joined = target[:, t] + source[:, s] + edge[:, number]
        torch.testing.assert_close(join_edges(target, source, edge, edges)[:, number], joined)
    for t in range(TARGETS):
        into = [number for number, pair in enumerate(ordered) if pair[1] == t]
        torch.testing.assert_close(segment_sum(edge, edges)[:, t], edge[:, into].sum(1))
        torch.testing.assert_close(segment_softmax(edge, edges)[:, into], torch.softmax(edge[:, into], dim=1))


@settings(deadline=None, max_examples=10)
@given(some_pairs)
def test_gradients_equal_finite_differences(pairs: list[tuple[int, int]]) -> None:
    edges, edge = edge_index(pairs), values(2, len(pairs))
    source, target = values(2, SOURCES), values(2, TARGETS)
    assert gradcheck(lambda x: gather_sources(x, edges), source)
    assert gradcheck(lambda x: gather_targets(x, edges), target)
    assert gradcheck(lambda x: segment_sum(x, edges), edge)
    assert gradcheck(lambda x: segment_softmax(x, edges), edge)
    assert gradcheck(lambda t, s, e: join_edges(t, s, e, edges), (target, source, edge))
    shared = torch.randn(len(pairs), 3, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda t, s, e: join_edges(t, s, e, edges), (target, source, shared))


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_softmax_survives_large_logits(size: float) -> None:
    edges = edge_index([(0, 0), (1, 0), (2, 3)])
    logits = torch.tensor([[[size], [size - 1], [-size]]])
    weights = segment_softmax(logits, edges).flatten()
    expected = torch.softmax(torch.tensor([0.0, -1.0]), 0)
    torch.testing.assert_close(weights, torch.tensor([*expected, 1.0]))


def test_a_set_without_edges_sums_to_zero() -> None:
    edges = edge_index([])
    assert gather_sources(torch.ones(2, SOURCES, 3), edges).shape == (2, 0, 3)
    assert torch.equal(segment_sum(torch.ones(2, 0, 3), edges), torch.zeros(2, TARGETS, 3))


def test_indices_are_not_saved_with_the_weights() -> None:
    assert edge_index([(0, 0)]).state_dict() == {}


def test_what_a_planner_makes_without_values_is_not_used_again() -> None:
    edges, values = edge_index([(0, 0), (1, 0), (2, 3)]), torch.ones(2, 3, 4)
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert segment_sum(torch.ones(2, 3, 4), edges).shape == (2, TARGETS, 4)
    assert segment_sum(values, edges)[:, :, 0].tolist() == [[2, 0, 0, 1, 0]] * 2
