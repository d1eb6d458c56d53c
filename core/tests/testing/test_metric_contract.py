"""The contract of metrics: good ones pass, each broken one fails the check of its fault and no other."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from wxml import Grid, Metric
from wxml.testing import MetricContract


class Absolute(Metric):
    """The mean distance of the forecast from the truth."""

    def statistics(self, forecast, truth):
        return np.abs(forecast[0] - truth)[None]

    def value(self, means):
        return means[0]


class Range(Metric):
    """The distance of the highest from the lowest member."""

    takes_members: ClassVar[bool] = True
    better = "higher"

    def statistics(self, forecast, truth):
        ordered = np.sort(forecast, axis=0)
        return (ordered[-1] - ordered[0])[None]

    def value(self, means):
        return means[0]


class TestAbsolute(MetricContract):
    plugin = Absolute


class TestRange(MetricContract):
    plugin = Range


class Small(Absolute):
    better = "small"


class Regionless(Absolute):
    def value(self, means):
        return means[0, :, 0]


class Logarithm(Absolute):
    def value(self, means):
        return np.full_like(means[0], -np.inf)


class Sorts(Range):
    def statistics(self, forecast, truth):
        forecast.sort(axis=0)
        return (forecast[-1] - forecast[0])[None]


class Clips(Absolute):
    def statistics(self, forecast, truth):
        np.maximum(truth, 270, out=truth)
        return super().statistics(forecast, truth)


class FirstNodes(Absolute):
    def statistics(self, forecast, truth):
        return super().statistics(forecast, truth) * (np.arange(truth.shape[1])[:, None] < 10)


class NoSpace(Absolute):
    def __init__(self, space) -> None:
        super().__init__(replace(space, grid=Grid.unstructured([0.0], [0.0])))


class Mixes(Absolute):
    def statistics(self, forecast, truth):
        errors = super().statistics(forecast, truth)
        return np.broadcast_to(errors.mean(axis=-1, keepdims=True), errors.shape)


class Remembers(Absolute):
    """Later cases count more."""

    calls = 0

    def statistics(self, forecast, truth):
        self.calls += 1
        return super().statistics(forecast, truth) * self.calls


class Reversed(Absolute):
    better = "higher"


class Score(Absolute):
    def value(self, means):
        return 1 / means[0]


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Small, "it_says_what_is_better", "must be one of lower, higher, zero, one, got 'small'"),
        (Regionless, "there_is_a_number_for_each_step_region_and_variable", r"must have shape .*, got \(2, 2\)"),
        (Logarithm, "there_is_a_number_for_each_step_region_and_variable", "`value` is not finite"),
        (Sorts, "the_arrays_are_not_modified", "`statistics` changed the forecast"),
        (Clips, "the_arrays_are_not_modified", "`statistics` changed the truth"),
        (FirstNodes, "a_node_counts_by_its_place_alone", "the value depends on the order of the nodes"),
        (NoSpace, "a_node_counts_by_its_place_alone", "`space` must be kept as it is"),
        (Mixes, "a_variable_counts_alone", "the value of a variable depends on the forecast of another one"),
        (Remembers, "the_order_of_the_cases_does_not_matter", "the value depends on the order of the cases"),
        (Reversed, "a_forecast_nearer_to_the_truth_is_better", "nearer forecasts have lower values"),
        (Score, "a_forecast_nearer_to_the_truth_is_better", "nearer forecasts have greater values"),
    ],
)
def test_a_broken_metric_is_found_out(fails_alone, plugin, check, message) -> None:
    fails_alone(MetricContract, plugin, check, message)


class Flat(Absolute):
    def statistics(self, forecast, truth):
        return super().statistics(forecast, truth)[0]


class Ratio(Absolute):
    def statistics(self, forecast, truth):
        return np.log(np.zeros_like(truth)[None], where=truth[None] > 1e9, out=np.full_like(truth[None], np.nan))


@pytest.mark.parametrize(
    ("plugin", "message"), [(Flat, "`statistics` must have shape"), (Ratio, "`statistics` is not finite")]
)
def test_every_check_needs_statistics_that_fit(find_out, plugin, message) -> None:
    for check in ("it_can_be_made_and_used", "a_variable_counts_alone"):
        find_out(MetricContract, plugin, check, message)
