"""The order of edges, against NumPy's sorts of pairs."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from wxml.graphs.edge_order import by_source, is_ordered, ordered

NUMBERS = st.one_of(st.integers(0, 3), st.integers(0, 2**31 - 1))
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=50)


def columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    source, target = np.array(pairs, np.int64).reshape(-1, 2).T
    return source, target


@given(PAIRS, st.sampled_from([np.int64, np.int32, np.uint64]))
def test_pairs_come_once_by_target_and_then_by_source(pairs: list[tuple[int, int]], kind: type) -> None:
    source, target = ordered(*(column.astype(kind) for column in columns(pairs)))
    assert list(zip(target.tolist(), source.tolist(), strict=True)) == sorted({(b, a) for a, b in pairs})
    assert source.dtype == target.dtype == np.int64
    assert is_ordered(source, target)


@given(PAIRS)
def test_an_order_is_told_from_others(pairs: list[tuple[int, int]]) -> None:
    swapped = [(b, a) for a, b in pairs]
    assert is_ordered(*columns(pairs)) == (swapped == sorted(swapped))


def test_an_order_is_told_across_blocks(monkeypatch) -> None:
    monkeypatch.setattr("wxml.graphs.edge_order.BLOCK", 4)
    source, target = np.arange(13), np.zeros(13, int)
    assert is_ordered(source, target)
    for place in range(12):
        swapped = source.copy()
        swapped[place : place + 2] = swapped[place : place + 2][::-1]
        assert not is_ordered(swapped, target)


@given(st.lists(NUMBERS, max_size=50), st.sampled_from([2**31, 2**62]))
def test_by_source_is_a_stable_sort(numbers: list[int], count: int) -> None:
    source = np.array(numbers, np.int64)
    permutation = by_source(source, count)
    assert permutation.tolist() == np.argsort(source, kind="stable").tolist()
    assert permutation.dtype == np.int64
