"""Intervals are those of WeatherBench-X, recorded by `peer-tests/record_weatherbenchx_significance.py`."""

import json
from pathlib import Path

import numpy as np
import pytest
from wxml import Grid, PluginChoice, Variable, VerificationSpace
from wxml.verification.metric_choice import made_metrics
from wxml_verification.block_bootstrap import block_length
from wxml_verification.influence import influence
from wxml_verification.one_pass import Case, LotStatistics
from wxml_verification.significance import Cases, intervals
from wxml_verification.spacing import spacing_of

RECORD = json.loads(Path(__file__).with_name("weatherbenchx_significance.json").read_text(encoding="utf-8"))
GIVEN, NUMBERS = RECORD["inputs"], RECORD["numbers"]
LEADS = np.array(GIVEN["lead_hours"], "timedelta64[h]").astype("timedelta64[s]")
TIMES = np.datetime64("2001-01-01", "s") + np.arange(len(GIVEN["truth"])) * np.timedelta64(1, "D")
NAMES = ("rmse", "mae", "bias", "acc-pooled")


def field(name):
    """Shape `[time, lead_time, node]`."""
    values = np.array(GIVEN[name], float)
    return values.reshape(*values.shape[:2], -1)


@pytest.fixture(scope="module")
def metrics():
    rows, columns = np.meshgrid(GIVEN["latitudes"], GIVEN["longitudes"], indexing="ij")
    grid = Grid.unstructured(rows.ravel(), columns.ravel(), np.repeat(GIVEN["rows"], 3))
    space = VerificationSpace((Variable("t_850", units="K"),), grid, {"all": grid.area_weights}, 1)
    return made_metrics([PluginChoice(plugin=name) for name in NAMES], space)


@pytest.fixture(scope="module")
def statistics(metrics):
    """Forecast → metric → its statistics, shape `[statistic, case, lead_time]`."""
    found = {}
    for name in ("first", "second"):
        own, truth, usual = field(name), field("truth"), field("climatology")
        truth = np.where(np.isfinite(own), truth, np.nan)
        lot = LotStatistics(metrics, next(iter(metrics.values())).space, ("t_850",), len(TIMES))
        for number, time in enumerate(TIMES):
            each = ({"t_850": values[number]} for values in (truth, usual))
            lot.add(number, Case({"forecast": {"t_850": own[number][None]}}, *each, time, LEADS))
        found[name] = {key: np.moveaxis(one[:, :, 0, 0, :, 0], 2, 0) for key, one in lot.arrays.items()}
    return found


@pytest.mark.parametrize("method", ["geer", "hac"])
@pytest.mark.parametrize("name", NAMES)
def test_intervals_of_scores_and_of_differences_are_those_of_the_peer(method, name, metrics, statistics) -> None:
    value, first, second = metrics[name].value, statistics["first"][name], statistics["second"][name]
    count = len(first)
    tested = {
        "first": Cases(lambda sums: {"": value(sums)}, first, first[0] > 0, TIMES),
        "difference": Cases(
            lambda sums: {"": value(sums[:count]) - value(sums[count:])},
            np.concatenate([first, second]),
            first[0] > 0,
            TIMES,
        ),
    }
    for what, cases in tested.items():
        found = intervals(cases, method)[""]
        number, error, low, high, p = np.array(NUMBERS[method][what][name])
        np.testing.assert_allclose(cases.value(cases.statistics.sum(axis=1))[""], number, rtol=1e-10, atol=1e-12)
        assert (error > 0).all()
        np.testing.assert_allclose(found.low, low, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(found.high, high, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(found.p, p, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_have_the_length_of_the_peer(name, metrics, statistics) -> None:
    own, spacing = statistics["first"][name], spacing_of(TIMES)
    apart = influence(lambda sums: {"": metrics[name].value(sums)}, own, own[0] > 0)[""]
    found = [block_length(series, spacing) for series in apart.T]
    np.testing.assert_allclose(found, np.maximum(NUMBERS["block-length"][name], 1), rtol=1e-9)
