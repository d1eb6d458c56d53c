"""Intervals hold the true mean as often as they say, of series with known correlation; closed forms and edges."""

import numpy as np
import pytest
from wxml_verification.block_bootstrap import block_length, drawn_counts, percentile_interval
from wxml_verification.influence import influence
from wxml_verification.significance import Cases, intervals
from wxml_verification.spacing import spacing_of
from wxml_verification.t_tests import geer_error, hac_error

DAY = np.timedelta64(1, "D")


def days(count):
    return np.datetime64("2001-01-01", "s") + np.arange(count) * DAY


def mean(sums):
    return {"mean": sums[1] / sums[0]}


def autoregressive(one, two, count, series, seed=0):
    """Series of an AR(2) whose mean is 0, shape `[case, series]`."""
    noise = np.random.default_rng(seed).normal(size=(count + 100, series))
    values = np.zeros_like(noise)
    for time in range(2, len(values)):
        values[time] = one * values[time - 1] + two * values[time - 2] + noise[time]
    return values[100:]


def cases(values, times=None):
    present = np.isfinite(values)
    statistics = np.stack([present, np.where(present, values, 0.0)]).astype(float)
    return Cases(mean, statistics, present, days(len(values)) if times is None else times)


def coverage(values, method, times=None):
    """How often the interval of 95 % holds 0."""
    found = intervals(cases(values, times), method)["mean"]
    assert np.isfinite(found.low).all()
    np.testing.assert_array_equal(found.p > 0.05, (found.low < 0) & (found.high > 0))
    return np.mean((found.low < 0) & (found.high > 0))


@pytest.mark.parametrize(
    ("one", "two", "method", "count", "least"),
    [
        (0.0, 0.0, "hac", 30, 0.93),
        (0.5, 0.0, "hac", 30, 0.92),
        (0.5, 0.2, "hac", 180, 0.91),
        (0.0, 0.0, "geer", 180, 0.93),
        (0.5, 0.2, "geer", 365, 0.91),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(one, two, method, count, least) -> None:
    """With 1500 series the share of hits has a standard deviation of 0.006."""
    assert least <= coverage(autoregressive(one, two, count, 1500), method) <= 0.975


def test_gaps_keep_what_intervals_promise() -> None:
    series = autoregressive(0.5, 0.0, 200, 1500, seed=1)
    kept = np.random.default_rng(2).random(200) > 0.15
    for method in ("hac", "geer"):
        assert 0.91 <= coverage(series[kept], method, days(200)[kept]) <= 0.975


def test_the_bootstrap_holds_the_truth_about_as_often() -> None:
    series = autoregressive(0.3, 0.0, 150, 40, seed=3)
    found = intervals(cases(series), "bootstrap")["mean"]
    assert 0.82 <= np.mean((found.low < 0) & (found.high > 0)) <= 1
    hac = intervals(cases(series), "hac")["mean"]
    np.testing.assert_allclose((found.high - found.low).mean(), (hac.high - hac.low).mean(), rtol=0.25)


@pytest.mark.parametrize(("one", "two"), [(0.0, 0.0), (0.6, 0.0), (0.5, 0.25), (-0.4, 0.0)])
def test_the_error_of_a_long_series_is_the_closed_form(one, two) -> None:
    """Of an AR(2) with noise of variance 1 the variance of √n · mean is 1/(1 − φ₁ − φ₂)²."""
    series = autoregressive(one, two, 40_000, 4)
    expected = 1 / (1 - one - two) / np.sqrt(len(series))
    apart, spacing = series - series.mean(axis=0), spacing_of(days(len(series)))
    for error in (geer_error, hac_error):
        np.testing.assert_allclose(np.mean(error(apart, spacing)[0]), expected, rtol=0.06)


def test_pairs_on_both_sides_of_a_gap_are_no_neighbours() -> None:
    """Of 3, 1 | −2, −1 | 1, −1 | 0, −1 with a gap after each pair; the variance is 18/7."""
    apart = np.array([3.0, 1, -2, -1, 1, -1, 0, -1])[:, None]
    spacing = spacing_of(days(12)[[0, 1, 3, 4, 6, 7, 9, 10]])
    first = (3 + 2 - 1 + 0) / 4 / (18 / 7)
    second = (-2 - 1 + 0) / 3 / (18 / 7)  # 1 beside −2, −1 beside 1, −1 beside 0
    one, two = first * (1 - second) / (1 - first**2), (second - first**2) / (1 - first**2)
    factor = np.sqrt(1 - first * one - second * two) / (1 - one - two)
    error, freedom = geer_error(apart, spacing)
    np.testing.assert_allclose(error, np.sqrt(18 / 7 / 8) * factor)
    assert freedom == 7


def test_few_cases_and_uneven_ones_have_no_interval() -> None:
    values = autoregressive(0.0, 0.0, 40, 2)
    values[7:, 1] = np.nan
    found = intervals(cases(values), "hac")["mean"]
    assert np.isfinite(found.p[0])
    assert np.isnan([found.low[1], found.high[1], found.p[1]]).all()
    uneven = days(40) + np.cumsum(np.random.default_rng(0).integers(0, 90_000, 40))
    assert np.isnan(intervals(cases(values, uneven), "geer")["mean"].p).all()


@pytest.mark.parametrize("method", ["geer", "hac", "bootstrap"])
def test_what_never_varies_is_sure(method) -> None:
    found = intervals(cases(np.ones((30, 2)) * [0.0, 2.0]), method)["mean"]
    np.testing.assert_allclose(found.low, [0, 2], atol=1e-12)
    np.testing.assert_allclose(found.high, [0, 2], atol=1e-12)
    assert found.p[0] == 1
    assert found.p[1] <= 0.001


def test_the_influence_is_the_derivative_in_closed_form() -> None:
    """Of a/√(b c) over means with weights w, as the pooled anomaly correlation is."""
    random = np.random.default_rng(4)
    weight = random.uniform(0.5, 1, (1, 50, 3))
    statistics = np.concatenate([weight, random.uniform(0.1, 2, (3, 50, 3)) * weight])
    statistics[:, 4, 1] = 0
    present = statistics[0] > 0
    found = influence(lambda sums: {"": sums[1] / np.sqrt(sums[2] * sums[3])}, statistics, present)[""]
    _, a, b, c = sums = statistics.sum(axis=1)
    value = a / np.sqrt(b * c)
    apart = present.sum(axis=0) * statistics - sums[:, None] * present
    expected = value * (apart[1] / a - apart[2] / b / 2 - apart[3] / c / 2)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-9)


def test_draws_are_blocks_of_the_mean_length() -> None:
    spacing = spacing_of(days(200))
    counts = drawn_counts(spacing, 10.0)
    assert (counts.sum(axis=1) == 200).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=0.12)
    pairs = np.mean((counts[:, 1:] - 1) * (counts[:, :-1] - 1)) / np.var(counts)
    assert pairs == pytest.approx(0.9, abs=0.02)  # a neighbour is drawn, too, with the probability 1 − 1/10
    np.testing.assert_array_equal(counts, drawn_counts(spacing, 10.0))


def test_blocks_are_longer_the_longer_the_memory() -> None:
    spacing = spacing_of(days(1000))
    lengths = [block_length(autoregressive(one, 0.0, 1000, 1)[:, 0], spacing) for one in (0.0, 0.5, 0.9)]
    assert lengths[0] < lengths[1] < lengths[2]
    # of an AR(1): (2 (2φ/(1 − φ²))² … )^⅓ n^⅓ = (2φ/(1 − φ²))^⅔ n^⅓
    np.testing.assert_allclose(lengths[1], (2 * 0.5 / 0.75) ** (2 / 3) * 10, rtol=0.25)


def test_the_ends_of_drawn_numbers() -> None:
    low, high, p = percentile_interval(np.linspace(-1, 9, 1001), 0.9)
    assert (low, high) == pytest.approx((-0.5, 8.5))
    assert p == pytest.approx(2 * 102 / 1002)
    assert np.isnan(percentile_interval(np.array([1.0, np.nan, np.nan]), 0.9)).all()
