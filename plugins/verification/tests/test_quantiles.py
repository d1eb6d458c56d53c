"""Distributions beside those of scipy and by hand."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance
from wxml import Grid, PluginChoice, Variable, VerificationSpace, VerifiedFields
from wxml.errors import ConfigError, DataError
from wxml.verification.metric_choice import made_metrics

COUNT = 4000
AREAS = np.random.default_rng(9).random(COUNT)
GRID = Grid.unstructured(np.zeros(COUNT), np.linspace(0, 359, COUNT), AREAS)


def made(**options):
    space = VerificationSpace((Variable("t", units="K"),), GRID, {"all": GRID.area_weights}, 1)
    (metric,) = made_metrics([PluginChoice(plugin="quantiles", **options)], space).values()
    return metric


def sums_of(metric, forecast, truth):
    """Over two cases, in halves of the nodes; forecast `[member, node]`."""
    total = 0
    for nodes in (slice(0, 1500), slice(1500, COUNT)):
        fields = VerifiedFields(
            {"t": np.atleast_2d(forecast)[:, None, nodes]},
            {"t": truth[None, nodes]},
            {},
            GRID.area_weights[None, nodes],
            np.datetime64("2001-01-01", "s"),
            np.array([6], "timedelta64[h]"),
        )
        total = total + metric.statistics(metric.subjects[0], fields)
    return 2 * total


def fields(seed=0):
    draw = np.random.default_rng(seed)
    return 280 + 5 * draw.normal(size=COUNT), 282 + 8 * draw.normal(size=COUNT)


def test_the_distance_is_that_of_all_values() -> None:
    forecast, truth = fields()
    metric = made(bins=2000, ranges={"t": [200, 360]})
    sums = sums_of(metric, forecast, truth)
    expected = wasserstein_distance(forecast, truth, GRID.area_weights, GRID.area_weights)
    assert float(metric.value(sums)[0, 0]) == pytest.approx(expected, rel=1e-3)
    assert float(metric.value(sums_of(metric, truth, truth))[0, 0]) == 0
    shifted = sums_of(metric, truth + 0.8, truth)  # ten bins
    assert float(metric.value(shifted)[0, 0]) == pytest.approx(0.8, rel=1e-6)


def test_quantiles_and_tails_are_those_of_the_weighted_values() -> None:
    forecast, truth = fields()
    metric = made(bins=4000, ranges={"t": [200, 360]})
    sums = sums_of(metric, forecast, truth)

    def quantile(values, share):
        order = np.argsort(values)
        return values[order][np.searchsorted(np.cumsum(GRID.area_weights[order]), share)]

    further = metric.further_values(sums)
    for name, share in (("tail-95", 0.95), ("tail-99", 0.99), ("tail-99.9", 0.999)):
        expected = quantile(forecast, share) - quantile(truth, share)
        assert float(further[name][0, 0]) == pytest.approx(expected, abs=0.3)
    curve = metric.curves(sums)["truth"]
    expected = [quantile(truth, share) for share in curve.positions]
    np.testing.assert_allclose(curve.values[:, 0, 0][5:-5], expected[5:-5], atol=0.15)


def test_densities_are_of_both_and_integrate_to_one() -> None:
    forecast, truth = fields()
    metric = made(ranges={"t": [200, 360]})
    curves = metric.curves(sums_of(metric, forecast, truth))
    for name in ("density-forecast", "density-truth"):
        assert curves[name].positions[[0, -1]] == pytest.approx([200.4, 359.6])
        assert curves[name].values[:, 0, 0].sum() * 0.8 == pytest.approx(1)


def test_members_are_all_in_the_distribution_and_gaps_are_not() -> None:
    forecast, truth = fields()
    metric = made(bins=1600, ranges={"t": [200, 360]})
    both = sums_of(metric, np.stack([truth, truth + 1.6]), truth)
    assert float(metric.value(both)[0, 0]) == pytest.approx(0.8, rel=1e-6)
    holes = np.where(np.arange(COUNT) < 100, np.nan, truth)
    left = sums_of(metric, np.where(np.arange(COUNT) < 100, 1e6, truth), holes)
    assert float(metric.value(left)[0, 0]) == 0
    assert np.isnan(metric.value(sums_of(metric, forecast, np.full(COUNT, np.nan)))).all()


def test_ranges_are_checked() -> None:
    with pytest.raises(ConfigError, match="'q' is not scored"):
        made(ranges={"q": [0, 1]})
    with pytest.raises(ConfigError, match="must rise, got 3 and 2"):
        made(ranges={"t": [3, 2]})


@pytest.mark.carries_out("write `ranges` of `quantiles`, or name past data in `verification.climatology.source`")
def test_without_past_a_range_is_needed() -> None:
    with pytest.raises(DataError, match="does not know the range of 't'"):
        sums_of(made(), *fields())
    assert sums_of(made(ranges={"t": [200, 360]}), *fields()).any()
