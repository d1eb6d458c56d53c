"""Metrics give the numbers of WeatherBench-X, recorded by `peer-tests/record_weatherbenchx.py`."""

import json
from pathlib import Path

import numpy as np
import pytest
from wxml import Grid, PluginChoice, Variable, VerificationSpace
from wxml.verification.metric_choice import made_metrics
from wxml_verification.one_pass import Case, LotStatistics
from wxml_verification.scoring import scored
from wxml_verification.statistics_file import StatisticsFile, StatisticsHeader

RECORD = json.loads(Path(__file__).with_name("weatherbenchx.json").read_text(encoding="utf-8"))
GIVEN = RECORD["inputs"]
VARIABLES = tuple(GIVEN["truth"])
TIMES = np.array(["2001-01-01", "2001-01-03", "2001-01-05"], "datetime64[s]")
LEADS = np.array(GIVEN["lead_hours"], "timedelta64[h]").astype("timedelta64[s]")
WIND = {"groups": {"wind": ["u_850", "v_850"]}}
CHOICES = [
    *(
        PluginChoice(plugin=name)
        for name in ("bias", "mae", "mse", "rmse", "acc-pooled", "activity", "vector-rmse", "crps", "fair-crps")
    ),
    *(PluginChoice(plugin=name) for name in ("spread", "skill", "spread-skill", "rank-histogram")),
    *(
        PluginChoice(plugin=name, thresholds=GIVEN["threshold"] and {"t_850": [0.5]})
        for name in ("brier", "reliability")
    ),
    PluginChoice(plugin="energy", **WIND),
    PluginChoice(plugin="energy", fair=False, **WIND),
    PluginChoice(plugin="variogram", **WIND),
]


def fields(case, order):
    """Forecast `[case, member, lead_time, node]`, truth and climatology `[case, lead_time, node]`, by variable."""
    forecast, truth, usual = (
        {name: np.array(values) for name, values in GIVEN[kind].items()}
        for kind in ("forecast", "truth", "climatology")
    )
    if case == "missing":
        holes, (time, lead) = [np.array(one, bool) for one in GIVEN["holes"]], GIVEN["whole_hole"]
        for name in VARIABLES:
            forecast[name][1][holes[0]] = np.nan
            truth[name][holes[1]] = np.nan
            truth[name][time, lead] = np.nan
    members = slice(0, 1) if case == "one member" else slice(None)
    times = slice(0, 1) if case == "one time" else slice(None)
    flat = lambda values: values.reshape(*values.shape[:-2], -1)[..., order]  # noqa: E731
    return (
        {name: flat(values)[members, times].swapaxes(0, 1) for name, values in forecast.items()},
        {name: flat(values)[times] for name, values in truth.items()},
        {name: flat(values)[times] for name, values in usual.items()},
    )


@pytest.fixture(params=["rows", "shuffled"])
def order(request):
    """The nodes row by row, or in any order."""
    count = len(GIVEN["latitudes"]) * len(GIVEN["longitudes"])
    return np.arange(count) if request.param == "rows" else np.random.default_rng(3).permutation(count)


@pytest.mark.parametrize("case", list(RECORD["numbers"]))
def test_every_shared_metric_equals_that_of_weatherbench_x(case, order, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("wxml_verification.one_pass.VALUES_AT_ONCE", 1)  # and the sums of blocks are those of all
    monkeypatch.setattr("wxml_verification.one_pass.LEAST_NODES", 7)
    forecast, truth, usual = fields(case, order)
    rows, columns = np.meshgrid(GIVEN["latitudes"], GIVEN["longitudes"], indexing="ij")
    weights = np.repeat(GIVEN["rows"], len(GIVEN["longitudes"]))[order]
    grid = Grid.unstructured(rows.ravel()[order], columns.ravel()[order], weights)
    members = len(forecast["t_850"][0])
    variables = tuple(Variable(name, units="K" if name == "t_850" else "m s-1") for name in VARIABLES)
    space = VerificationSpace(variables, grid, {"all": grid.area_weights}, members)
    made = made_metrics(CHOICES, space)
    metrics = {name: metric for name, metric in made.items() if members > 1 or not metric.takes_members}
    statistics = LotStatistics(metrics, space, VARIABLES, len(truth["t_850"]))
    for number in range(len(truth["t_850"])):
        own, other, climate = (
            {name: values[number] for name, values in each.items()} for each in (forecast, truth, usual)
        )
        statistics.add(number, Case({"forecast": own}, other, climate, TIMES[number], LEADS))
    subjects = {name: metric.subjects for name, metric in metrics.items()}
    header = StatisticsHeader(
        TIMES[: len(truth["t_850"])],
        LEADS,
        ("forecast",),
        ("all",),
        VARIABLES,
        tuple(one.units for one in variables),
        members,
        subjects,
        {name: {"plugin": name, "options": {}} for name in metrics},
    )
    file = StatisticsFile.new(tmp_path / "statistics.zarr", header, {})
    for name, values in statistics.arrays.items():
        file.put(name, subjects[name], values)
    found = scored(StatisticsFile.open(tmp_path / "statistics.zarr"), metrics)
    compared = 0
    for name, by_subject in RECORD["numbers"][case].items():
        for subject, expected in by_subject.items():
            values = np.array(expected, float)
            if name == "reliability-frequency":  # the peer has ten bins, of which the five probabilities fill five
                own = found.curves[name][subject].values[..., 0]
                np.testing.assert_allclose(own, values[[0, 2, 4, 7, 9]], rtol=1e-6)  # it counts in single precision
            elif name in found.curves:
                np.testing.assert_allclose(found.curves[name][subject].values[..., 0], values, rtol=1e-10, atol=1e-12)
            else:
                own = found.values[0, found.names.index(name), 0, found.subjects.index(subject)]
                np.testing.assert_allclose(own, values[0], rtol=1e-10, atol=1e-12, err_msg=f"{name} of {subject}")
            compared += 1
    assert compared == (20 if members == 1 else 42)
