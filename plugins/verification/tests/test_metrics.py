"""Each metric against numbers worked out by hand."""

import numpy as np
import pytest
from wxml_verification.metrics import (
    anomaly_correlation,
    error,
    mean_absolute_error,
    mean_squared_error,
    weighted_mean,
)

WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])
TRUTH = np.array([1.0, 2.0, 3.0, 4.0])
FORECAST = np.array([2.0, 2.0, 1.0, 4.0])  # errors 1, 0, -2, 0


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (error, 0.4 * 1 + 0.2 * -2),
        (mean_absolute_error, 0.4 * 1 + 0.2 * 2),
        (mean_squared_error, 0.4 * 1 + 0.2 * 4),
    ],
)
def test_errors_are_weighted_means(metric, expected) -> None:
    assert metric(FORECAST, TRUTH, WEIGHTS) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [(error, 0.4 / 0.8), (mean_absolute_error, 0.4 / 0.8), (mean_squared_error, 0.4 / 0.8)],
)
def test_a_missing_node_is_left_out_and_the_weights_renormalised(metric, expected) -> None:
    gappy = np.where(np.arange(4) == 2, np.nan, TRUTH)
    assert metric(FORECAST, gappy, WEIGHTS) == pytest.approx(expected)  # Σ w of the others is 0.8
    assert metric(np.where(np.arange(4) == 2, np.nan, FORECAST), TRUTH, WEIGHTS) == pytest.approx(expected)


def test_a_field_without_values_has_no_score_and_harms_no_other() -> None:
    values = np.array([[np.nan, np.nan], [1.0, 3.0]])
    np.testing.assert_array_equal(weighted_mean(values, np.array([0.5, 0.5])), [np.nan, 2.0])


def test_nodes_of_weight_zero_alone_have_no_mean() -> None:
    assert np.isnan(weighted_mean(np.array([1.0, np.nan]), np.array([0.0, 1.0])))


def test_anomaly_correlation_by_hand() -> None:
    climatology = np.array([1.0, 1.0, 1.0, 1.0])
    # f' = 1, 1, 0, 3 and o' = 0, 1, 2, 3: Σ w f'o' = 0.3 + 0.9; Σ w f'² = 0.4 + 0.3 + 0.9; Σ w o'² = 0.3 + 0.8 + 0.9
    expected = 1.2 / np.sqrt(1.6 * 2.0)
    assert anomaly_correlation(FORECAST, TRUTH, climatology, WEIGHTS) == pytest.approx(expected)


def test_anomaly_correlation_does_not_take_off_the_mean_over_the_area() -> None:
    climatology = np.zeros(4)
    # A constant has no correlation about its mean, but its anomaly from the climatology points the right way.
    assert anomaly_correlation(np.ones(4), np.full(4, 3.0), climatology, WEIGHTS) == pytest.approx(1.0)


def test_anomaly_correlation_ignores_size_and_sees_sign() -> None:
    climatology = np.full(4, 2.5)
    double, mirrored = climatology + 2 * (TRUTH - climatology), climatology - (TRUTH - climatology)
    assert anomaly_correlation(double, TRUTH, climatology, WEIGHTS) == pytest.approx(1.0)
    assert anomaly_correlation(mirrored, TRUTH, climatology, WEIGHTS) == pytest.approx(-1.0)


def test_anomaly_correlation_of_small_numbers_such_as_humidity() -> None:
    found = anomaly_correlation(1e-3 * FORECAST, 1e-3 * TRUTH, np.full(4, 1e-3), WEIGHTS)
    assert found == pytest.approx(1.2 / np.sqrt(1.6 * 2.0))  # as above, in other units


def test_anomaly_correlation_of_the_climatology_is_undefined() -> None:
    assert np.isnan(anomaly_correlation(np.full(4, 2.5), TRUTH, np.full(4, 2.5), WEIGHTS))


def test_anomaly_correlation_uses_the_same_nodes_in_all_its_sums() -> None:
    gappy = np.array([1.0, 2.0, np.nan, 4.0])
    rest = [0, 1, 3]
    all_but_one = anomaly_correlation(FORECAST[rest], TRUTH[rest], np.zeros(3), WEIGHTS[rest])
    assert anomaly_correlation(FORECAST, gappy, np.zeros(4), WEIGHTS) == pytest.approx(float(all_but_one))
