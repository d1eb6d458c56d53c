"""Thresholds that are percentiles of the climatology, in closed form and by brute force."""

from functools import cache

import numpy as np
import pytest
from wxml import DataSource, Grid, PluginChoice, SourceHeader, Variable, VerificationSpace, VerifiedFields
from wxml.errors import ConfigError, DataError
from wxml.verification.metric import PastFields
from wxml.verification.metric_choice import made_metrics

GRID = Grid.regular([30.0, -30.0], [0.0, 120.0, 240.0])
PAST = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2004-01-01", "s"), np.timedelta64(12, "h"))
START, LEADS = np.datetime64("2005-01-04", "s"), np.array([12, 24], "timedelta64[h]").astype("timedelta64[s]")
METRICS = ("brier", "reliability", "roc", "csi", "ets", "hss", "sedi", "f1", "pod", "far", "pofd", "frequency-bias")


class Known(DataSource):
    """Values in memory, shape `[time, node]`; of one variable."""

    def __init__(self, values, name="t"):
        self.header = SourceHeader(GRID, (Variable(name, units="K"),), PAST)
        self.values = values

    def _read(self, time_indices, variable_indices, out):
        out[...] = self.values[time_indices][:, None, None]

    def provenance(self):
        return {"source": "known"}


@cache
def past_of(source):
    """One for each source, whose quantiles are made once."""
    return PastFields(source, PAST)


def sums_of(name, source, forecast, truth, **options):
    """A metric and its sums over a case, whose nodes come in two blocks if they may."""
    past = None if source is None else past_of(source)
    space = VerificationSpace((Variable("t", units="K"),), GRID, {"all": GRID.area_weights}, len(forecast), past)
    (metric,) = made_metrics([PluginChoice(plugin=name, **options)], space).values()
    sums, weights = 0, GRID.area_weights[None]
    for nodes in (slice(0, 4), slice(4, 6)) if metric.adds_over_nodes else (slice(0, 6),):
        fields = VerifiedFields(
            {"t": forecast[..., nodes]}, {"t": truth[..., nodes]}, {}, weights[:, nodes], START, LEADS, nodes.start
        )
        sums = sums + metric.statistics(metric.subjects[0], fields)
    return metric, metric.of_case(sums)


def value(name, source, forecast, truth, **options):
    metric, sums = sums_of(name, source, forecast, truth, **options)
    return metric.value(sums)[:, 0]


def test_a_percentile_is_that_of_the_node_and_of_the_time_of_year() -> None:
    """Years have the values 0, 1 and 2, ten more at each next node: 20 % is 0, 50 % is 1 and 90 % is 2."""
    years = PAST.astype("datetime64[Y]").astype(int) - 31
    source = Known((years[:, None] + 10 * np.arange(6)).astype(np.float32))
    level = np.array([[0.5], [1.5]]) + 10 * np.arange(6)
    for percentile, events in (("20%", [1, 1]), ("50%", [0, 1]), ("90%", [0, 0])):
        metric, sums = sums_of("csi", source, level[None], level, thresholds={"t": [percentile]})
        assert metric.subjects[0].name == f"t > {percentile}"
        np.testing.assert_allclose(sums[1, :, 0], events, atol=1e-12)  # hits


def thresholds_by_hand(past, share):
    """From the definition, value by value: `[lead_time, node]`."""
    hours = PAST.astype("datetime64[h]").astype(int) % 24
    day = (PAST.astype("datetime64[D]") - PAST.astype("datetime64[Y]")).astype(int)
    found = np.empty((2, 6))
    for lead, after in enumerate(LEADS):
        valid = START + after
        own = (valid.astype("datetime64[D]") - valid.astype("datetime64[Y]")).astype(int)
        near = np.minimum(abs(day - own), 366 - abs(day - own)) <= 15
        sample = past[near & (hours == valid.astype("datetime64[h]").astype(int) % 24)]
        found[lead] = np.nanquantile(sample.astype(float), share, axis=0)
    return found


@pytest.fixture(scope="module")
def case():
    """A past with gaps and a yearly cycle, and a forecast of three members."""
    draw = np.random.default_rng(0)
    season = 8 * np.cos(2 * np.pi * (PAST - PAST[0]) / np.timedelta64(365, "D"))
    past = (280 + season[:, None] + draw.normal(0, 3, (len(PAST), 6))).astype(np.float32)
    past[draw.random(past.shape) < 0.1] = np.nan
    truth = 288 + draw.normal(0, 3, (2, 6))
    truth[1, 4] = np.nan
    return Known(past), truth + draw.normal(0, 2, (3, 2, 6)), truth


def test_events_are_those_above_the_quantile_of_the_past(case) -> None:
    """Each metric has the numbers of the same fields less the threshold, above 0."""
    source, forecast, truth = case
    limit = thresholds_by_hand(source.values, 0.75)
    for name in METRICS:
        found = value(name, source, forecast, truth, thresholds={"t": ["75%"]})
        expected = value(name, None, forecast - limit, truth - limit, thresholds={"t": [0.0]})
        np.testing.assert_allclose(found, expected, atol=1e-12, err_msg=name)
    found = value("economic-value", source, forecast, truth, thresholds={"t": ["75%"]})
    assert np.isfinite(found).any()
    windows = {"windows_km": [0.0, 9000.0]}
    found = value("fss", source, forecast, truth, thresholds={"t": ["75%"]}, **windows)
    expected = value("fss", None, forecast - limit, truth - limit, thresholds={"t": [0.0]}, **windows)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_numbers_and_percentiles_stand_side_by_side(case) -> None:
    source, forecast, _ = case
    space = VerificationSpace(
        (Variable("t", units="K"),), GRID, {"all": GRID.area_weights}, len(forecast), PastFields(source, PAST)
    )
    (metric,) = made_metrics([PluginChoice(plugin="brier", thresholds={"t": [285.0, "5%", "99.5%"]})], space).values()
    assert [one.name for one in metric.subjects] == ["t > 285", "t > 5%", "t > 99.5%"]
    with pytest.raises(ConfigError, match="thresholds"):
        made_metrics([PluginChoice(plugin="brier", thresholds={"t": ["120%"]})], space)


@pytest.mark.carries_out("name past data in `verification.climatology.source`, or write the threshold as a number")
def test_without_a_past_a_percentile_is_refused(case) -> None:
    source, forecast, truth = case
    for absent in (None, Known(source.values, name="q")):
        with pytest.raises(DataError, match=r"no past data to take 75% of t from"):
            value("brier", absent, forecast, truth, thresholds={"t": ["75%"]})
    for known, threshold in ((source, "75%"), (None, 285.0)):
        assert np.isfinite(value("brier", known, forecast, truth, thresholds={"t": [threshold]})).all()


def test_a_time_of_day_without_a_past_does_not_count(case, monkeypatch) -> None:
    source, forecast, truth = case
    monkeypatch.setitem(globals(), "START", START + np.timedelta64(6, "h"))
    assert np.isnan(value("brier", source, forecast, truth, thresholds={"t": ["75%"]})).all()
