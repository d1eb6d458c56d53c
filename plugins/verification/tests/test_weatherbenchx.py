"""Metrics give the numbers of WeatherBench-X, recorded by `peer-tests/record_weatherbenchx.py`."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, PluginChoice, Variable, VerificationSpace, VerifiedFields
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
    *(
        PluginChoice(plugin=name, thresholds={"t_850": [0.5]})
        for name in ("csi", "ets", "hss", "sedi", "f1", "pod", "far")
    ),
    PluginChoice(plugin="energy", **WIND),
    PluginChoice(plugin="energy", fair=False, **WIND),
    PluginChoice(plugin="variogram", **WIND),
]


SQUARES = PluginChoice(plugin="fss", thresholds={"t_850": [0.5]}, windows_km=[], windows_pixels=[1, 3], ensemble="mean")


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
    is_regular = np.all(np.diff(order) == 1)
    if is_regular:
        grid = replace(Grid.regular(GIVEN["latitudes"], GIVEN["longitudes"]), area_weights=grid.area_weights)
    members = len(forecast["t_850"][0])
    variables = tuple(Variable(name, units="K" if name == "t_850" else "m s-1") for name in VARIABLES)
    space = VerificationSpace(variables, grid, {"all": grid.area_weights}, members)
    made = made_metrics([*CHOICES, SQUARES] if is_regular else CHOICES, space)
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
        for subject, expected in by_subject.items() if name in made or name != "fss" else ():
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
    assert compared == (27 if members == 1 else 49) + (2 if is_regular else 0)


@pytest.mark.parametrize("case", list(RECORD["seeps"]))
def test_seeps_equals_that_of_weatherbench_x_with_the_same_climatology(case, tmp_path) -> None:
    rain, places = GIVEN["rain"], {"latitude": GIVEN["latitudes"], "longitude": GIVEN["longitudes"]}
    axes = ("hour", "dayofyear", "latitude", "longitude")
    parts = {f"tp_seeps_{part}": (axes, np.array(rain[part])) for part in ("dry_fraction", "threshold")}
    coordinates = {"hour": rain["hours"], "dayofyear": rain["days"], **places}
    empty = {name: {"_FillValue": None} for name in ("hour", "dayofyear", "latitude", "longitude")}
    xr.Dataset(parts, coordinates).to_zarr(tmp_path / "rain.zarr", zarr_format=2, encoding=empty)
    regular = Grid.regular(GIVEN["latitudes"], GIVEN["longitudes"])
    grid = replace(regular, area_weights=np.repeat(GIVEN["rows"], len(GIVEN["longitudes"])))
    space = VerificationSpace((Variable("tp", units="m"),), grid, {"all": grid.area_weights}, 1)
    choice = PluginChoice(plugin="seeps", variables=["tp"], climatology=str(tmp_path / "rain.zarr"))
    (metric,) = made_metrics([choice], space).values()
    total = 0
    for time, forecast, truth, holes in zip(TIMES, rain["forecast"], rain["truth"], rain["holes"], strict=True):
        gaps = np.array(holes, bool) & (case == "missing")
        own, other = (np.where(gaps, np.nan, np.array(one)).reshape(len(LEADS), -1) for one in (forecast, truth))
        fields = VerifiedFields({"tp": own[None]}, {"tp": other}, {}, grid.area_weights[None], time, LEADS)
        total = total + metric.statistics(metric.subjects[0], fields)
    np.testing.assert_allclose(metric.value(total)[:, 0], RECORD["seeps"][case], rtol=1e-10)
