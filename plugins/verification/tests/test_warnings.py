"""Scores of warnings, by hand and from their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import Grid, PluginChoice, Variable, VerificationSpace, VerifiedFields
from wxml.verification.metric_choice import made_metrics

NAMES = ("csi", "ets", "hss", "sedi", "f1", "pod", "far", "pofd", "frequency-bias")


def metric_and_sums(name, forecast, truth, weights, **options):
    """A metric, and its statistics of one case; forecast `[member, node]`, truth `[node]`."""
    grid = Grid.unstructured(np.zeros(len(weights)), np.arange(len(weights)), weights)
    members = np.atleast_2d(np.asarray(forecast, float))
    space = VerificationSpace((Variable("t", units="K"),), grid, {"all": grid.area_weights}, options.pop("m", 1))
    choice = PluginChoice(plugin=name, thresholds={"t": [0.0]}, **options)
    (metric,) = made_metrics([choice], space).values()
    start, leads = np.datetime64("2001-01-01", "s"), np.array([6], "timedelta64[h]")
    truths = {"t": np.asarray(truth, float)[None]}
    fields = VerifiedFields({"t": members[:, None]}, truths, {}, grid.area_weights[None], start, leads)
    return metric, metric.of_case(metric.statistics(metric.subjects[0], fields))


def value(name, *case, **options):
    metric, sums = metric_and_sums(name, *case, **options)
    return float(metric.value(sums)[0, 0])


def of_table(h, f, m, n):
    """Forecast, truth and weights of a table."""
    return [1, 1, -1, -1], [1, -1, 1, -1], [h, f, m, n]


def test_scores_of_a_table_by_hand() -> None:
    """Finley's tornadoes: 28 hits, 72 false alarms, 23 misses, 2680 correct negatives (Wilks 2011, section 8.2)."""
    found = {name: value(name, *of_table(28, 72, 23, 2680)) for name in NAMES}
    assert found["csi"] == pytest.approx(0.228, abs=5e-4)
    assert found["ets"] == pytest.approx(0.216, abs=5e-4)
    assert found["hss"] == pytest.approx(0.355, abs=5e-4)
    assert found["pod"] == pytest.approx(0.549, abs=5e-4)
    assert found["far"] == pytest.approx(0.720, abs=5e-4)
    assert found["pofd"] == pytest.approx(0.0262, abs=5e-5)
    assert found["frequency-bias"] == pytest.approx(1.96, abs=5e-3)
    assert found["f1"] == pytest.approx(2 * 28 / (2 * 28 + 72 + 23))
    hit, alarm = 28 / 51, 72 / 2752
    above = np.log(alarm) - np.log(hit) + np.log(1 - hit) - np.log(1 - alarm)
    below = np.log(alarm) + np.log(hit) + np.log(1 - hit) + np.log(1 - alarm)
    assert found["sedi"] == pytest.approx(above / below)


def test_perfect_and_empty_tables() -> None:
    perfect = {name: value(name, *of_table(3, 0, 0, 7)) for name in NAMES}
    best = dict.fromkeys(NAMES, 1.0) | {"far": 0.0, "pofd": 0.0}
    assert perfect == pytest.approx(best)
    nothing = {name: value(name, *of_table(0, 0, 0, 7)) for name in NAMES}
    assert {name for name, number in nothing.items() if not np.isnan(number)} == {"pofd"}
    always = {name: value(name, *of_table(0.1 + 0.2, 0, 0, 0)) for name in NAMES}
    assert {name for name, number in always.items() if np.isnan(number)} == {"ets", "hss", "pofd", "sedi"}


def test_a_node_without_truth_is_in_no_table() -> None:
    assert value("pod", [1, -1, -1], [1, 1, np.nan], [1, 1, 5]) == pytest.approx(0.5)


def test_members_warn_by_their_mean_or_by_their_share() -> None:
    members, truth = [[9.0, -1.0], [-1.0, 3.0], [-1.0, -9.0]], [1.0, 1.0]  # means 7/3 and −7/3, shares a third each
    assert value("pod", members, truth, [1, 1], m=3) == 0.5
    assert value("pod", members, truth, [1, 1], m=3, least_share=1 / 3) == 1.0
    assert value("pod", members, truth, [1, 1], m=3, least_share=0.5) == 0.0


def test_the_value_of_a_single_forecast_by_hand() -> None:
    """H = ½, F = ⅛ and ō = 0.2: at α = 0.2 it is H − F; at α = 0.5, (0.2 − 0.05 + 0.05 − 0.2) / 0.1 is nothing."""
    metric, sums = metric_and_sums("economic-value", *of_table(0.1, 0.1, 0.1, 0.7))
    assert float(metric.value(sums)[0, 0]) == pytest.approx(0.5 - 0.125)
    curve = metric.curves(sums)["value"]
    at = {round(float(ratio), 2): float(one[0, 0]) for ratio, one in zip(curve.positions, curve.values, strict=True)}
    assert at[0.2] == pytest.approx(0.375)
    assert at[0.5] == pytest.approx(0, abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(
    members=st.lists(st.lists(st.sampled_from([-1.0, 1.0]), min_size=6, max_size=6), min_size=2, max_size=4),
    truth=st.lists(st.sampled_from([-1.0, 1.0]), min_size=6, max_size=6).filter(lambda one: len(set(one)) == 2),
)
def test_the_value_is_that_of_the_cheapest_rule(members, truth) -> None:
    """The cost of every rule, counted node by node."""
    metric, sums = metric_and_sums("economic-value", members, truth, np.ones(6), m=len(members))
    curve = metric.curves(sums)["value"]
    count, event = (np.array(members) > 0).sum(axis=0), np.array(truth) > 0
    for place in (4, 49, 89):
        ratio = curve.positions[place]
        costs = [np.where(count >= least, ratio, event).mean() for least in range(len(members) + 2)]
        without, perfect = min(ratio, event.mean()), ratio * event.mean()
        assert curve.values[place, 0, 0] == pytest.approx((without - min(costs)) / (without - perfect), abs=1e-12)
