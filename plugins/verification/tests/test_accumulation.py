"""Sums over cases against numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml_verification.accumulation import METRICS, Accumulation

WEIGHTS = np.array([0.75, 0.25])
NAN = np.nan


def case(*forecasts: list[list[float]], truth: list[list[float]], climatology: list[list[float]]) -> Accumulation:
    """One case with one variable; every argument has the shape `[lead_time, node]`."""
    stacked = np.array(forecasts, float)[:, :, None]
    return Accumulation.of_case(stacked, np.array(truth)[:, None], np.array(climatology)[:, None], WEIGHTS)


FIRST = case([[1.0, 4.0], [2.0, 2.0]], truth=[[1.0, 2.0], [1.0, 4.0]], climatology=[[0.0, 0.0], [0.0, 0.0]])
"""Errors 0 and 2 at the first lead time, 1 and −2 at the second."""
SECOND = case([[3.0, 1.0], [3.0, NAN]], truth=[[1.0, 1.0], [4.0, 1.0]], climatology=[[0.0, 0.0], [0.0, 0.0]])
"""Errors 2 and 0 at the first lead time, −1 and a missing one at the second."""


def scores(accumulation: Accumulation) -> dict[str, list[float]]:
    """Each metric of the first forecast by lead time."""
    values, _, _ = accumulation.results()
    return {metric: values[number, 0, 0].tolist() for number, metric in enumerate(METRICS)}


def test_the_scores_of_one_case() -> None:
    found = scores(FIRST)
    assert found["rmse"] == pytest.approx([np.sqrt(0.25 * 4), np.sqrt(0.75 * 1 + 0.25 * 4)])
    assert found["bias"] == pytest.approx([0.25 * 2, 0.75 * 1 - 0.25 * 2])
    assert found["mae"] == pytest.approx([0.25 * 2, 0.75 * 1 + 0.25 * 2])
    # Σ w f′o′ / √(Σ w f′² · Σ w o′²): 0.75 · 1 + 0.25 · 8; 0.75 + 0.25 · 16 and 0.75 + 0.25 · 4
    assert found["acc"][0] == pytest.approx(2.75 / np.sqrt(4.75 * 1.75))


def test_the_mean_over_cases_is_inside_the_root() -> None:
    found = scores(FIRST + SECOND)
    assert found["rmse"] == pytest.approx([np.sqrt((1 + 3) / 2), np.sqrt((1.75 + 1) / 2)])
    assert found["bias"] == pytest.approx([(0.5 + 1.5) / 2, (0.25 - 1) / 2])
    assert found["mae"] == pytest.approx([(0.5 + 1.5) / 2, (1.25 + 1) / 2])


def test_the_maps_are_bias_and_rmse_of_the_first_forecast_at_each_node() -> None:
    other = case([[9.0, 9.0]], [[0.0, 0.0]], truth=[[1.0, 2.0]], climatology=[[0.0, 0.0]])
    _, _, maps = other.results()
    np.testing.assert_allclose(maps, [[[[8.0, 7.0]]], [[[8.0, 7.0]]]])
    _, _, maps = (FIRST + SECOND).results()
    assert maps.shape == (2, 1, 2, 2)  # [metric, variable, lead_time, node]
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps[0, 0], [[1.0, 1.0], [0.0, -2.0]])  # the missing value counts nowhere
    np.testing.assert_allclose(maps[1, 0], [[np.sqrt(2), np.sqrt(2)], [1.0, 2.0]])


def test_every_forecast_has_its_own_scores() -> None:
    two = case([[1.0, 2.0]], [[3.0, 2.0]], truth=[[1.0, 2.0]], climatology=[[0.0, 0.0]])
    values, counts, _ = two.results()
    assert values.shape == (len(METRICS), 2, 1, 1)  # [metric, forecast, variable, lead_time]
    assert values[:3, :, 0, 0].tolist() == [[0.0, pytest.approx(np.sqrt(3))], [0.0, 1.5], [0.0, 1.5]]
    assert counts.shape == (2, 1, 1)


def test_the_acc_needs_anomalies_from_the_climatology() -> None:
    usual = [[1.0, 2.0]]
    forecast, truth = [[2.0, 1.0]], [[3.0, 0.0]]  # anomalies 1, −1 and 2, −2
    assert scores(case(forecast, truth=truth, climatology=usual))["acc"] == pytest.approx([1.0])
    itself = case(usual, truth=truth, climatology=usual) + case(forecast, truth=truth, climatology=usual)
    assert scores(itself)["acc"] == pytest.approx([1.0])  # the climatology's own ACC does not exist, so one case counts


def test_cases_without_values_count_nowhere() -> None:
    empty = case([[NAN, NAN], [NAN, NAN]], truth=[[1.0, 2.0], [1.0, 4.0]], climatology=[[0.0, 0.0], [0.0, 0.0]])
    values, counts, maps = empty.results()
    assert np.isnan(values).all()
    assert np.isnan(maps).all()
    assert (counts == 0).all()
    assert empty.cases == 0
    both = FIRST + empty
    assert both.cases == 1
    assert scores(both) == scores(FIRST)
    _, counts, _ = both.results()
    assert counts.tolist() == [[[1, 1]]]
    _, counts, _ = (both + SECOND).results()
    assert counts.tolist() == [[[2, 2]]]
    assert (both + SECOND).cases == 2


def test_variables_and_lead_times_stay_apart() -> None:
    """Two variables with errors 1 and 3 at the first lead time, 2 and 4 at the second, on one node."""
    forecast = np.array([[[1.0], [3.0]], [[2.0], [4.0]]])
    zero = np.zeros_like(forecast)
    values, counts, maps = Accumulation.of_case(forecast[None], zero, zero, np.ones(1)).results()
    assert values[1, 0].tolist() == [[1.0, 2.0], [3.0, 4.0]]  # [variable, lead_time]
    assert counts.shape == (1, 2, 2)
    assert maps[0, :, :, 0].tolist() == [[1.0, 2.0], [3.0, 4.0]]


@settings(deadline=None)
@given(errors=st.lists(st.lists(st.floats(-100, 100), min_size=2, max_size=2), min_size=1, max_size=6))
def test_the_scores_are_those_of_all_cases_at_once(errors: list[list[float]]) -> None:
    zero = [[0.0, 0.0]]
    parts = [case([each], truth=zero, climatology=zero) for each in errors]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    all_errors = np.array(errors)
    found = scores(total)
    assert found["rmse"] == pytest.approx([np.sqrt(np.mean(all_errors**2 @ WEIGHTS))])
    assert found["bias"] == pytest.approx([np.mean(all_errors @ WEIGHTS)], abs=1e-9)
    assert found["mae"] == pytest.approx([np.mean(np.abs(all_errors) @ WEIGHTS)])
    assert total.cases == len(errors)
