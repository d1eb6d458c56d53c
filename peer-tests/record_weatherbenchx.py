"""Writes down the numbers of WeatherBench-X that the tests of wxml-verification compare with.

    python peer-tests/record_weatherbenchx.py    in an environment of its own, with WeatherBench-X at commit 2047a84
    python peer-tests/record_weatherbenchx.py --check    compares what is written with what WeatherBench-X gives

(`pip install git+https://github.com/google-research/weatherbenchX@2047a84`; it is in no registry.) The file holds the
inputs, too, so that nothing of the peer and no random number is needed where they are read.
"""

import dataclasses
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from weatherbenchX import aggregation, weighting
from weatherbenchX.metrics import base, categorical, deterministic, probabilistic, spatial, wrappers

RECORDED = Path(__file__).parents[1] / "plugins" / "verification" / "tests" / "weatherbenchx.json"
TIMES, LEADS, MEMBERS = 3, (6, 18), 4  # four members: the peer has probabilities in single precision, exact in quarters
LATITUDES, LONGITUDES = (60.0, 10.0, -20.0, -70.0), tuple(np.arange(0.0, 360.0, 72.0).tolist())
VARIABLES = ("t_850", "u_850", "v_850")
THRESHOLD = {"t_850": 0.5}
SIDES = (1, 3)  # of the windows of the fractions skill score
RAIN_DAYS, RAIN_HOURS = (1, 3, 5), (6, 18)
spatial.np = types.SimpleNamespace(**{**vars(np), "float32": np.float64})  # it averages in single precision, else
AXES = ("init_time", "lead_time", "latitude", "longitude")
Fields = dict[str, xr.DataArray]


@dataclasses.dataclass
class Given(weighting.Weighting):
    """The weights that the file holds, by latitude."""

    rows: xr.DataArray

    def weights(self, statistic: xr.DataArray) -> xr.DataArray:
        """The weight of each row, for a statistic that has rows."""
        return self.rows if "latitude" in statistic.dims else xr.DataArray(1)


def inputs() -> dict[str, Any]:
    """Draw forecasts, truth and climatology, rounded; `holes` are the values that the case `missing` lacks."""
    draw = np.random.default_rng(29)
    shape = (TIMES, len(LEADS), len(LATITUDES), len(LONGITUDES))
    edges = np.radians([90.0, 35.0, -5.0, -45.0, -90.0])
    return {
        "rain": rain_inputs(),
        "forecast": {name: draw.normal(size=(MEMBERS, *shape)).round(4).tolist() for name in VARIABLES},
        "truth": {name: draw.normal(size=shape).round(4).tolist() for name in VARIABLES},
        "climatology": {name: (draw.normal(size=shape) / 2).round(4).tolist() for name in VARIABLES},
        "rows": np.abs(np.diff(np.sin(edges))).tolist(),
        "holes": [(draw.random(shape) < share).astype(int).tolist() for share in (0.1, 0.15)],
        "whole_hole": [1, 0],  # a time and a lead time at which the truth lacks every value
        "latitudes": LATITUDES,
        "longitudes": LONGITUDES,
        "lead_hours": LEADS,
        "threshold": THRESHOLD,
    }


def rain_inputs() -> dict[str, Any]:
    """Precipitation in m, rounded, and its climatology by hour, day of the year and nodes; some shares are masked."""
    draw = np.random.default_rng(31)
    shape, nodes = (TIMES, len(LEADS), len(LATITUDES), len(LONGITUDES)), (len(LATITUDES), len(LONGITUDES))
    fields = (2, *shape)
    amounts = np.where(draw.random(fields) < 0.4, 0.0001, draw.gamma(0.8, 0.004, fields)).round(6)
    by_time = (len(RAIN_HOURS), len(RAIN_DAYS), *nodes)
    shares = np.clip(draw.uniform(0.0, 1.0, nodes) + draw.uniform(-0.05, 0.05, by_time), 0.01, 0.99)
    return {
        "forecast": amounts[0].tolist(),
        "truth": amounts[1].tolist(),
        "dry_fraction": shares.round(4).tolist(),
        "threshold": draw.uniform(0.002, 0.006, by_time).round(6).tolist(),
        "holes": (draw.random(shape) < 0.1).astype(int).tolist(),
        "days": RAIN_DAYS,
        "hours": RAIN_HOURS,
    }


def rain_numbers(given: dict[str, Any], rows: xr.DataArray, *, gappy: bool) -> list[float | None]:
    """SEEPS by lead time, of all values or without those that `holes` names."""
    places = {"latitude": list(LATITUDES), "longitude": list(LONGITUDES)}
    times = {
        "init_time": np.array(["2001-01-01", "2001-01-03", "2001-01-05"], "datetime64[ns]"),
        "lead_time": np.array(LEADS, "timedelta64[h]").astype("timedelta64[ns]"),
    }
    forecast, truth = (xr.DataArray(given[kind], times | places, AXES, "tp") for kind in ("forecast", "truth"))
    known = xr.DataArray(np.array(given["holes"]) == 0, times | places, AXES)
    climatology = xr.Dataset(
        {
            f"tp_seeps_{part}": (("hour", "dayofyear", "latitude", "longitude"), given[part])
            for part in ("dry_fraction", "threshold")
        },
        {"hour": list(given["hours"]), "dayofyear": list(given["days"]), **places},
    )
    metric = categorical.SEEPS(["tp"], climatology)
    truth = truth.assign_coords(mask=known if gappy else xr.ones_like(known))
    statistics = base.compute_unique_statistics_for_all_metrics({"s": metric}, {"tp": forecast}, {"tp": truth})
    aggregator = aggregation.Aggregator(
        reduce_dims=["init_time", "latitude", "longitude"], weigh_by=[Given(rows)], masked=True
    )
    found = aggregator.aggregate_statistics(statistics).metric_values({"s": metric})
    return [float(one) for one in found["s.tp"].values]


def arrays(given: dict[str, Any]) -> tuple[Fields, Fields, Fields]:
    """Forecast, truth and climatology of the case without gaps."""
    coordinates = {
        "init_time": np.array(["2001-01-01", "2001-01-03", "2001-01-05"], "datetime64[ns]"),
        "lead_time": np.array(LEADS, "timedelta64[h]").astype("timedelta64[ns]"),
        "latitude": list(LATITUDES),
        "longitude": list(LONGITUDES),
    }
    forecast, truth, usual = (
        {
            name: xr.DataArray(values, coordinates, ("number", *AXES) if kind == "forecast" else AXES, name)
            for name, values in given[kind].items()
        }
        for kind in ("forecast", "truth", "climatology")
    )
    return forecast, truth, usual


def cases(given: dict[str, Any]) -> dict[str, tuple[Fields, Fields]]:
    """Forecast and truth of each case."""
    forecast, truth, _ = arrays(given)
    of_forecast, of_truth = (np.array(each, bool) for each in given["holes"])
    gappy = {name: one.copy() for name, one in forecast.items()}
    lacking = {name: one.copy() for name, one in truth.items()}
    time, lead = given["whole_hole"]
    for name in VARIABLES:
        gappy[name].values[1][of_forecast] = np.nan
        lacking[name].values[of_truth] = np.nan
        lacking[name].values[time, lead] = np.nan
    first = {"init_time": slice(0, 1)}
    return {
        "plain": (forecast, truth),
        "missing": (gappy, lacking),
        "one member": ({name: one.isel(number=slice(0, 1)) for name, one in forecast.items()}, truth),
        "one time": (
            {name: one.isel(first) for name, one in forecast.items()},
            {name: one.isel(first) for name, one in truth.items()},
        ),
    }


def numbers(forecast: Fields, truth: Fields, usual: Fields, rows: xr.DataArray) -> dict[str, Any]:
    """Metric in wxml → subject → value by lead time; curves have a position first."""
    mean = {name: one.mean("number", skipna=False) for name, one in forecast.items()}
    found = values(_deterministic(usual), mean, truth, rows)
    found |= values(_of_members(len(forecast["t_850"].number)), forecast, truth, rows)
    binary = wrappers.ContinuousToBinary("both", THRESHOLD["t_850"], "threshold")
    above = {"t_850": binary.transform_fn(forecast["t_850"]).mean("number", skipna=False).isel(threshold=0)}
    event = {"t_850": binary.transform_fn(truth["t_850"]).isel(threshold=0)}
    brier = {"brier": deterministic_mse()}
    found |= values(brier, {"t_850": above["t_850"].astype(float)}, {"t_850": event["t_850"].astype(float)}, rows)
    warned = {"t_850": binary.transform_fn(mean["t_850"]).isel(threshold=0).where(mean["t_850"].notnull())}
    event = {"t_850": event["t_850"].where(truth["t_850"].notnull())}
    found |= values(_of_tables(), warned, event, rows)
    for side in SIDES:
        fss = {"fss": spatial.FSS(side, wrap_longitude=True)}
        own = values(fss, warned, event, rows)["fss"]
        found.setdefault("fss", {}).update({f"{name} ({side} pixels)": numbers for name, numbers in own.items()})
    if len(forecast["t_850"].number) > 1:
        found |= several(forecast, truth, rows)
    return found


def deterministic_mse() -> base.Metric:
    """The mean square error; the square of a probability's error is the Brier score."""
    return deterministic.SquaredError()


def _deterministic(usual: Fields) -> dict[str, base.Metric]:
    """By the name in wxml. The climatology is given at valid times, which differ from each other."""
    stacked = {
        name: one.assign_coords(time=one.init_time + one.lead_time)
        .stack(at=("init_time", "lead_time"))
        .swap_dims(at="time")
        .drop_vars(("at", "init_time", "lead_time"))
        for name, one in usual.items()
    }
    climatology = xr.Dataset(stacked)
    return {
        "bias": deterministic.Error(),
        "mae": deterministic.AbsoluteError(),
        "mse": deterministic.SquaredError(),
        "rmse": deterministic.RMSE(),
        "acc-pooled": deterministic.ACC(climatology),
        "activity-forecast": deterministic.PredictionActivity(climatology),
        "vector-rmse": deterministic.WindVectorRMSE("u_850", "v_850", "u_850, v_850"),
    }


def _of_tables() -> dict[str, base.Metric]:
    return {
        "csi": categorical.CSI(),
        "ets": categorical.ETS(),
        "hss": categorical.HSS(),
        "sedi": categorical.SEDI(),
        "f1": categorical.F1Score(),
        "pod": categorical.Recall(),
        "far": categorical.FalseAlarmRate(),
    }


def _of_members(members: int) -> dict[str, base.Metric]:
    if members == 1:
        return {}
    return {
        "crps": probabilistic.CRPSEnsemble(fair=False),
        "fair-crps": probabilistic.CRPSEnsemble(fair=True),
        "spread": probabilistic.EnsembleRootMeanVariance(),
        "skill-unbiased": probabilistic.UnbiasedEnsembleMeanRMSE(),
        "spread-skill-unbiased": probabilistic.UnbiasedSpreadSkillRatio(),
        "rank-histogram-histogram": probabilistic.RankHistogram(),
        "reliability-frequency": _reliability(),
    }


def _reliability() -> base.Metric:
    binary = wrappers.ContinuousToBinary("both", THRESHOLD["t_850"], "threshold")
    probability = wrappers.EnsembleMean("predictions", ensemble_dim="number")
    only = wrappers.SubselectVariables(categorical.Reliability(), ["t_850"])
    return wrappers.WrappedMetric(only, [binary, probability])


def several(forecast: Fields, truth: Fields, rows: xr.DataArray) -> dict[str, Any]:
    """The scores of two components at each node."""
    both = [
        {"wind": xr.concat([one["u_850"], one["v_850"]], "component", coords="minimal", compat="override")}
        for one in (forecast, truth)
    ]
    metrics = {
        "energy": probabilistic.EnergyScore("component"),
        "energy-2": probabilistic.EnergyScore("component", fair=False),
        "variogram": probabilistic.VariogramScore("component", "number"),
    }
    return values(metrics, both[0], both[1], rows)


def values(metrics: dict[str, base.Metric], forecast: Fields, truth: Fields, rows: xr.DataArray) -> dict[str, Any]:
    """Compute metrics where no value is missing, each weighted by area, over nodes and initial times."""
    found: dict[str, Any] = {}
    for name, metric in metrics.items():
        aggregator = aggregation.Aggregator(
            reduce_dims=["init_time", "latitude", "longitude"], weigh_by=[Given(rows)], masked=True
        )
        own, other = masked(forecast, truth, name)
        statistics = base.compute_unique_statistics_for_all_metrics({name: metric}, own, other)
        for statistic in statistics.values() if name != "fss" else ():  # its own masks know the windows
            for key, one in statistic.items():
                mask = next(iter(other.values())).mask if key not in other else other[key].mask
                statistic[key] = one.assign_coords(mask=mask)
        result = aggregator.aggregate_statistics(statistics).metric_values({name: metric})
        for key, one in result.data_vars.items():
            axes = [axis for axis in one.dims if axis not in ("lead_time", "threshold")]
            ordered = one.squeeze("threshold", drop=True) if "threshold" in one.dims else one
            subject = (
                f"t_850 > {THRESHOLD['t_850']:g}"
                if name in ("brier", "fss", "reliability-frequency", *_of_tables())
                else str(key).partition(".")[2]
            )
            listed = ordered.transpose(*axes, "lead_time").values
            found.setdefault(name, {})[subject] = [
                [None if np.isnan(x) else float(x) for x in row] for row in np.atleast_2d(listed)
            ]
    return found


def masked(forecast: Fields, truth: Fields, name: str) -> tuple[Fields, Fields]:
    """The fields with a coordinate that says where all values are known; the peer leaves out the others."""
    masks = {}
    for key, one in truth.items():
        known = (forecast[key] - one).notnull()
        masks[key] = known.all([axis for axis in known.dims if axis not in AXES])
    if name == "vector-rmse":
        both = masks["u_850"] & masks["v_850"]
        masks = dict.fromkeys(masks, both)
    own, other = (
        {key: one.assign_coords(mask=masks[key]) for key, one in fields.items()} for fields in (forecast, truth)
    )
    return own, other


def main() -> None:
    """Record everything."""
    given = inputs()
    rows = xr.DataArray(given["rows"], {"latitude": list(LATITUDES)}, ("latitude",))
    usual = arrays(given)[2]
    peer = {name: numbers(*case, usual, rows) for name, case in cases(given).items()}
    seeps = {name: rain_numbers(given["rain"], rows, gappy=name == "missing") for name in ("plain", "missing")}
    found = {"peer": "weatherbenchX 2047a84", "inputs": given, "numbers": peer, "seeps": seeps}
    if "--check" in sys.argv:
        check(json.loads(RECORDED.read_text("utf-8")), found, "")
        return
    RECORDED.write_text(json.dumps(found, sort_keys=True) + "\n", "utf-8")


def check(recorded: Any, found: Any, place: str) -> None:
    """Compare what is recorded with what the peer gives here, to the last digits.

    Raises:
        AssertionError: names the place of the first difference.
    """
    if isinstance(recorded, dict):
        assert sorted(recorded) == sorted(found), place
        for key, value in recorded.items():
            check(value, found[key], f"{place}/{key}")
    elif isinstance(recorded, list):
        assert len(recorded) == len(found), place
        for number, value in enumerate(recorded):
            check(value, found[number], f"{place}/{number}")
    elif isinstance(recorded, float):
        assert abs(recorded - found) <= 1e-12 + 1e-12 * abs(recorded), (
            f"{place}: {recorded!r} is recorded, not {found!r}"
        )
    else:
        assert recorded == found, f"{place}: {recorded!r} is recorded, not {found!r}"


if __name__ == "__main__":
    main()
