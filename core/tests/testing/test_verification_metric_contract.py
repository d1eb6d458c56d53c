"""The contract of verification metrics: good ones pass, each broken one fails the check of its fault and no other."""

from dataclasses import replace

import numpy as np
import pytest
from wxml import Curve, Further, PointwiseMetric, Subject, VerificationMetric
from wxml.testing import VerificationMetricContract
from wxml.verification.metric import mean_statistics


class Absolute(PointwiseMetric):
    """The mean distance of the forecast from the truth."""

    def values(self, subject, fields):
        return np.abs(fields.error(subject.name))[None]

    def value(self, sums):
        return mean_statistics(sums)[0]


class Range(PointwiseMetric):
    """The distance of the highest member from the lowest one, and the share of the area below 2."""

    takes_members = True
    better = "neither"
    further = {"narrow": Further("neither", has_units=False)}

    def values(self, subject, fields):
        ordered, known = fields.ordered(subject.name), np.isfinite(fields.truth(subject.name))
        distance = ordered[-1] - ordered[0]
        return np.where(known, np.stack([distance, distance < 2]), np.nan)

    def value(self, sums):
        return mean_statistics(sums)[0]

    def further_values(self, sums):
        return {"narrow": mean_statistics(sums)[1]}

    def curves(self, sums):
        return {"both": Curve("number", np.arange(2.0), mean_statistics(sums))}


class Largest(VerificationMetric):
    """The largest error in a region, a mean over cases."""

    def statistics(self, subject, fields):
        error = np.abs(fields.error(subject.name))
        inside = np.where((fields.weights[:, None] > 0) & np.isfinite(error), error, -1.0).max(axis=-1).T
        return np.stack([(inside >= 0).astype(float), np.maximum(inside, 0.0)])

    def value(self, sums):
        return mean_statistics(sums)[0]


class TestAbsolute(VerificationMetricContract):
    plugin = Absolute


class TestRange(VerificationMetricContract):
    plugin = Range


class TestLargest(VerificationMetricContract):
    plugin = Largest


class Small(Absolute):
    better = "small"


class Regionless(Absolute):
    def value(self, sums):
        return mean_statistics(sums)


class Unknown(Range):
    def further_values(self, sums):
        return {"wide": mean_statistics(sums)[1]}


class Short(Range):
    def curves(self, sums):
        return {"both": Curve("number", np.arange(3.0), mean_statistics(sums))}


class Sorts(Range):
    def values(self, subject, fields):
        fields.forecasts[subject.name].sort(axis=0)
        return super().values(subject, fields)


class Clips(Absolute):
    def values(self, subject, fields):
        np.maximum(fields.truths[subject.name], 0, out=fields.truths[subject.name])
        return super().values(subject, fields)


class Recentres(Absolute):
    def values(self, subject, fields):
        fields.climatologies[subject.name][...] -= 1
        return super().values(subject, fields)


class FirstNodes(Largest):
    def statistics(self, subject, fields):
        weights = fields.weights * (np.arange(fields.weights.shape[1]) < 40)
        return super().statistics(subject, replace(fields, weights=weights))


class Fills(Absolute):
    def values(self, subject, fields):
        error = super().values(subject, fields)
        return np.where(
            np.isfinite(error) | np.isnan(fields.truths[subject.name]).all(), error, fields.mean(subject.name)
        )


class Counts(Largest):
    def value(self, sums):
        return np.nan_to_num(mean_statistics(sums)[0])


class Weighs(Largest):
    def statistics(self, subject, fields):
        found = super().statistics(subject, fields)
        found[0] = 1.0
        return found


class Global(Largest):
    def statistics(self, subject, fields):
        return super().statistics(subject, replace(fields, weights=np.ones_like(fields.weights)))


class Splits(Largest):
    adds_over_nodes = True


class Reversed(Absolute):
    better = "larger"


class Score(Absolute):
    def value(self, sums):
        return 1 / mean_statistics(sums)[0]


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Small, "it_says_what_is_better", "`better` must be one of smaller, larger, .*, got 'small'"),
        (Regionless, "there_is_a_number_for_each_lead_time_and_region", r"`value` must have shape .*, got \(1, 2, 2\)"),
        (Unknown, "there_is_a_number_for_each_lead_time_and_region", r"must give \['narrow'\], got \['wide'\]"),
        (Short, "there_is_a_number_for_each_lead_time_and_region", "curve 'both' must have shape"),
        (Sorts, "the_arrays_are_not_modified", "`statistics` changed the forecast"),
        (Clips, "the_arrays_are_not_modified", "`statistics` changed the truth"),
        (Recentres, "the_arrays_are_not_modified", "`statistics` changed the climatology"),
        (FirstNodes, "a_node_counts_by_its_place_alone", "the value depends on the order of the nodes"),
        (Fills, "nodes_without_truth_count_nowhere", "nodes without truth change the value"),
        (Counts, "without_any_truth_there_is_no_value", "the value must be NaN where nothing counts"),
        (Global, "a_region_is_made_of_its_nodes_alone", "the value of a region depends on nodes outside of it"),
        (Splits, "some_nodes_and_the_others_add_up", "halves of the nodes do not add up"),
        (Reversed, "a_forecast_nearer_to_the_truth_is_better", "nearer forecasts have smaller values"),
        (Score, "a_forecast_nearer_to_the_truth_is_better", "nearer forecasts have larger values"),
    ],
)
def test_a_broken_metric_is_found_out(fails_alone, plugin, check, message) -> None:
    fails_alone(VerificationMetricContract, plugin, check, message)


class Empty(Absolute):
    @property
    def subjects(self):
        return ()


class Elsewhere(Absolute):
    @property
    def subjects(self):
        return (Subject("z", "m", ("z",)),)


class Flat(Largest):
    def statistics(self, subject, fields):
        return super().statistics(subject, fields)[..., 0]


class Infinite(Largest):
    def statistics(self, subject, fields):
        return super().statistics(subject, fields) + np.inf


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (Empty, "`subjects` must not be empty"),
        (Elsewhere, "`subjects` has variables that are not there: z"),
        (Flat, "`statistics` must have shape"),
        (Infinite, "`statistics` must be finite"),
    ],
)
def test_every_check_needs_statistics_that_fit(find_out, plugin, message) -> None:
    for check in ("it_can_be_made_and_used", "a_region_is_made_of_its_nodes_alone"):
        find_out(VerificationMetricContract, plugin, check, message)


def test_a_weight_without_truth_is_found_out_twice(find_out) -> None:
    find_out(VerificationMetricContract, Weighs, "without_any_truth_there_is_no_value", "it must be 0 without truth")
    find_out(VerificationMetricContract, Weighs, "a_case_without_truth_changes_nothing", "changes the value")
