"""Writes down how sure WeatherBench-X takes scores and differences of scores to be.

    python peer-tests/record_weatherbenchx_significance.py    in the environment of `record_weatherbenchx.py`
    python peer-tests/record_weatherbenchx_significance.py --check    compares what is written with what it gives

The file holds the inputs, too: two forecasts of one variable whose errors are correlated in time, with missing values.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from arch.bootstrap import optimal_block_length
from record_weatherbenchx import Given, check, masked
from weatherbenchX import aggregation
from weatherbenchX.metrics import base, deterministic
from weatherbenchX.statistical_inference import autodiff, t_test

jax.config.update("jax_enable_x64", True)
RECORDED = Path(__file__).parents[1] / "plugins" / "verification" / "tests" / "weatherbenchx_significance.json"
TIMES, LEADS = 60, (12, 24)
LATITUDES, LONGITUDES = (50.0, -10.0), (0.0, 120.0, 240.0)
AXES = ("init_time", "lead_time", "latitude", "longitude")
METHODS = {"geer": t_test.GeerAR2Corrected, "hac": t_test.LazarusHACEWC}
Fields = dict[str, xr.DataArray]


def inputs() -> dict[str, Any]:
    """Draw two forecasts, truth and climatology, and the rows' weights; None is a missing value."""
    draw = np.random.default_rng(16)
    shape = (TIMES, len(LEADS), len(LATITUDES), len(LONGITUDES))
    noise = {name: draw.normal(size=shape) for name in ("truth", "first", "second", "common")}
    for series in noise.values():
        for time in range(2, TIMES):
            series[time] += 0.5 * series[time - 1] + 0.2 * series[time - 2]
    truth = noise["truth"]
    first = truth + 0.4 * noise["first"] + 0.5 * noise["common"] + 0.1
    second = truth + 0.5 * noise["second"] + 0.5 * noise["common"]
    first[draw.random(shape) < 0.1] = np.nan
    second[np.isnan(first)] = np.nan
    fields = {"truth": truth, "first": first, "second": second, "climatology": draw.normal(size=shape) / 4}
    listed = {name: np.round(one, 4).tolist() for name, one in fields.items()}
    return {
        **json.loads(json.dumps(listed).replace("NaN", "null")),
        "rows": [0.6, 0.9],
        "latitudes": LATITUDES,
        "longitudes": LONGITUDES,
        "lead_hours": LEADS,
    }


def field(given: dict[str, Any], name: str) -> Fields:
    """One of the inputs."""
    coordinates = {
        "init_time": np.datetime64("2001-01-01", "ns") + np.arange(TIMES) * np.timedelta64(1, "D"),
        "lead_time": np.array(LEADS, "timedelta64[h]").astype("timedelta64[ns]"),
        "latitude": list(LATITUDES),
        "longitude": list(LONGITUDES),
    }
    return {"t_850": xr.DataArray(np.array(given[name], float), coordinates, AXES, "t_850")}


def metrics(given: dict[str, Any]) -> dict[str, base.Metric]:
    """By the name in wxml."""
    usual = field(given, "climatology")["t_850"]
    stacked = usual.assign_coords(time=usual.init_time + usual.lead_time).stack(at=("init_time", "lead_time"))
    stacked = stacked.swap_dims(at="time").drop_vars(("at", "init_time", "lead_time"))
    climatology = xr.Dataset({"t_850": stacked})
    return {
        "rmse": deterministic.RMSE(),
        "mae": deterministic.AbsoluteError(),
        "bias": deterministic.Error(),
        "acc-pooled": deterministic.ACC(climatology),
    }


def statistics(given: dict[str, Any], name: str) -> aggregation.AggregationState:
    """Of each initial time."""
    rows = xr.DataArray(given["rows"], {"latitude": list(LATITUDES)}, ("latitude",))
    own, truth = masked(field(given, name), field(given, "truth"), "")
    found = base.compute_unique_statistics_for_all_metrics(metrics(given), own, truth)
    for statistic in found.values():
        for key, one in statistic.items():
            statistic[key] = one.assign_coords(mask=truth["t_850"].mask)
    aggregator = aggregation.Aggregator(reduce_dims=["latitude", "longitude"], weigh_by=[Given(rows)], masked=True)
    return aggregator.aggregate_statistics(found)


def numbers(given: dict[str, Any]) -> dict[str, Any]:
    """Method → what is tested → metric → value, error, lower and upper end, p, each by lead time; and block lengths."""
    first, second, about = statistics(given, "first"), statistics(given, "second"), metrics(given)
    found: dict[str, Any] = {}
    for name, method in METHODS.items():
        found[name] = {
            "first": told(method(about, first, "init_time")),
            "difference": told(method.for_baseline_comparison(about, first, second, experimental_unit_dim="init_time")),
        }
    _, apart = autodiff.per_unit_values_linearized_around_mean_statistics(about, first, "init_time")
    lengths = {
        key: [optimal_block_length(one["t_850"].isel(lead_time=lead).values).stationary.item() for lead in range(2)]
        for key, one in apart.items()
    }
    return {**found, "block-length": lengths}


def told(method: t_test._Base) -> dict[str, list[list[float]]]:
    """What a method says of each metric."""
    parts = (
        method.point_estimates(),
        method.standard_error_estimates(),
        *method.confidence_intervals(),
        method.p_values(),
    )
    return {key: [np.asarray(one[key]["t_850"].values, float).tolist() for one in parts] for key in parts[0]}


def main() -> None:
    """Record everything, or compare."""
    given = inputs()
    found = {"peer": "weatherbenchX 2047a84", "inputs": given, "numbers": numbers(given)}
    if "--check" in sys.argv:
        check(json.loads(RECORDED.read_text("utf-8")), json.loads(json.dumps(found)), "")
        return
    RECORDED.write_text(json.dumps(found, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
