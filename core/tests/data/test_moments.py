"""Moments against plain references; merging is exact and has one order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from wxml import DataError, Moments

WEIGHTS = np.array([0.5, 0.25, 0.25])


def some(dates: int, seed: int = 0, missing: float = 0.3) -> NDArray[np.float32]:
    """Values `[date, 2 members, 3 variables, 3 nodes]`, some of them missing."""
    random = np.random.default_rng(seed)
    values = random.normal([[[5], [-3e4], [0]]], [[[2], [10], [1e-6]]], (dates, 2, 3, 3)).astype(np.float32)
    values[random.random(values.shape) < missing] = np.nan
    return values


def by_date(values: NDArray[np.float32], weights: NDArray[np.float64] = WEIGHTS) -> Moments:
    return Moments.stack([Moments.of(one, weights) for one in values])


def test_two_values_by_hand() -> None:
    found = Moments.of(np.array([[[1, 5, np.nan]]]), np.array([3.0, 1, 1]))
    # the mean is (3 · 1 + 5) / 4 = 2, the squares are 3 · 1² + 3² = 12
    assert {name: array.tolist() for name, array in found.arrays().items()} == {
        "weight": [4],
        "mean": [2],
        "squares": [12],
        "minimum": [1],
        "maximum": [5],
        "missing": [1],
    }
    assert found.std.tolist() == [np.sqrt(3)]
    assert found.root_mean_square.tolist() == pytest.approx([np.sqrt((3 * 1 + 25) / 4)])


def test_changes_by_hand() -> None:
    earlier, later = np.array([[[1, 2, np.nan]]], np.float32), np.array([[[2, np.nan, 3]]], np.float32)
    found = Moments.of_change(earlier, later, np.array([1.0, 1, 1]))
    assert (found.weight[0], found.mean[0], found.missing[0]) == (1, 1, 2)


def test_a_change_is_not_rounded_to_single_precision() -> None:
    earlier, later = np.full((1, 1, 1), -1, np.float32), np.full((1, 1, 1), 2**-30, np.float32)
    assert Moments.of_change(earlier, later, np.ones(1)).mean.tolist() == [1 + 2**-30]


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_merged_dates_equal_a_plain_reference(dates: int, seed: int) -> None:
    values = some(dates, seed).astype(np.float64)
    weights = np.where(np.isnan(values), 0, WEIGHTS)
    found = by_date(values).merged()
    for index in range(3):
        x, w = values[:, :, index].ravel(), weights[:, :, index].ravel()
        there = ~np.isnan(x)
        assert found.missing[index] == np.count_nonzero(~there)
        assert found.weight[index] == pytest.approx(w.sum())
        if not there.any():
            assert (found.mean[index], found.minimum[index], found.maximum[index]) == (0, np.inf, -np.inf)
            continue
        mean = np.average(x[there], weights=w[there])
        assert found.mean[index] == pytest.approx(mean, rel=1e-12, abs=1e-18)
        variance = np.average((x[there] - mean) ** 2, weights=w[there])
        assert found.std[index] == pytest.approx(np.sqrt(variance), rel=1e-9, abs=1e-18)
        assert (found.minimum[index], found.maximum[index]) == (np.nanmin(x), np.nanmax(x))


def test_a_small_deviation_of_a_large_mean_survives() -> None:
    """Sums of squares would lose it: 1e8² has no room for 1 in double precision."""
    values = np.full((1000, 1, 1, 2), 1e8)
    values[..., 1] += 1
    assert by_date(values, np.ones(2)).merged().std.tolist() == [0.5]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_the_bits_do_not_depend_on_who_computed_which_dates(sizes: list[int], seed: int) -> None:
    values = some(sum(sizes), seed)
    parts = [by_date(part) for part in np.split(values, np.cumsum(sizes)[:-1])]
    together = Moments.from_arrays(
        {name: np.concatenate([part.arrays()[name] for part in parts]) for name in parts[0].arrays()}
    )
    assert same(together.merged(), by_date(values).merged())


def test_the_bits_of_a_date_do_not_depend_on_the_other_variables_or_on_the_layout() -> None:
    values = some(1)[0]
    alone = Moments.of(values[:, 1:2], WEIGHTS)
    assert same(alone, Moments.of(values, WEIGHTS)[1:2])
    assert same(alone, Moments.of(np.asfortranarray(values), WEIGHTS)[1:2])


def test_nothing_changes_no_bit() -> None:
    one, nothing = by_date(some(1)).merged(), Moments.nothing(3)
    assert same(one + nothing, one)
    assert same(nothing + one, one)
    assert same(Moments.nothing(0, 3).merged(), nothing)


@pytest.mark.carries_out("compute the moments again")
def test_arrays_that_do_not_belong_together() -> None:
    arrays = by_date(some(2)).arrays()
    with pytest.raises(DataError, match=r"must have one shape.*'mean': \(1, 3\)"):
        Moments.from_arrays(arrays | {"mean": arrays["mean"][:1]})
    assert same(Moments.from_arrays(by_date(some(2)).arrays()), by_date(some(2)))


def same(first: Moments, second: Moments) -> bool:
    """Whether every array has the same bits."""
    pairs = zip(first.arrays().values(), second.arrays().values(), strict=True)
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 300), st.sampled_from([0.0, 0.2, 1.0]), st.integers(0, 99))
def test_the_bits_are_those_of_all_variables_at_once(
    members: int, variables: int, nodes: int, missing: float, seed: int
) -> None:
    """Datasets hold moments of earlier versions, and a training on other data must have the same bits."""
    random = np.random.default_rng(seed)
    values, weights = random.normal(280, 9, (members, variables, nodes)).astype(np.float32), random.random(nodes)
    values[random.random(values.shape) < missing] = np.nan
    x = np.ascontiguousarray(np.swapaxes(values, 0, 1), np.float64)
    w = np.where(np.isnan(x), 0.0, weights)
    x[np.isnan(x)] = 0.0
    weight = w.sum((1, 2))
    mean = (w * x).sum((1, 2)) / np.where(weight > 0, weight, 1.0)
    squares = ((x - mean[:, None, None]) ** 2 * w).sum((1, 2))
    found = Moments.of(values, weights)
    for name, expected in {"weight": weight, "mean": mean, "squares": squares}.items():
        np.testing.assert_array_equal(getattr(found, name), expected)
