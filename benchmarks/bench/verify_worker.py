"""One side of `verify_pass.py`: scores cases that are in memory, and prints what it took; run in either environment.

python verify_worker.py wxml|weatherbenchX CASES
"""

__all__ = ["main"]

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS, MEMBERS, LEADS = 181, 360, 8, 4
START = np.datetime64("2001-01-01", "s")
Fields = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def fields(number: int) -> Fields:
    """Forecast `[member, lead_time, node]`, truth and climatology `[lead_time, node]` of one case."""
    draw = np.random.default_rng(number)
    shape = (LEADS, ROWS * COLUMNS)
    return (
        draw.standard_normal((MEMBERS, *shape), dtype=np.float32),
        draw.standard_normal(shape, dtype=np.float32),
        draw.standard_normal(shape, dtype=np.float32),
    )


def wxml_side(cases: int) -> tuple[Callable[[int, Fields], None], Callable[[], dict[str, float]]]:
    """What scores one case, and what gives the numbers at the end."""
    from wxml import Grid, PluginChoice, Variable, VerificationSpace
    from wxml.verification.metric_choice import made_metrics
    from wxml_verification.one_pass import Case, LotStatistics

    grid = Grid.regular(np.linspace(90, -90, ROWS), np.arange(COLUMNS))
    space = VerificationSpace((Variable("t"),), grid, {"all": grid.area_weights}, MEMBERS)
    names = ("bias", "mae", "rmse", "acc-pooled", "crps", "fair-crps", "spread", "skill", "rank-histogram")
    warnings = [PluginChoice(plugin=name, thresholds={"t": [0.5]}) for name in ("csi", "ets", "hss", "sedi")]
    metrics = made_metrics([*(PluginChoice(plugin=name) for name in names), *warnings], space)
    statistics = LotStatistics(metrics, space, ("t",), cases)
    leads = (6 * np.arange(1, LEADS + 1)).astype("timedelta64[h]").astype("timedelta64[s]")

    def add(number: int, given: Fields) -> None:
        forecast, truth, usual = given
        case = Case({"forecast": {"t": forecast}}, {"t": truth}, {"t": usual}, START, leads)
        statistics.add(number, case)

    def numbers() -> dict[str, float]:
        found = {}
        for name in ("rmse", "fair-crps", "ets"):
            sums = statistics.arrays[name][:, 0, 0, 0].sum(axis=0)
            found[name] = float(metrics[name].value(sums)[0])
        return found

    return add, numbers


def peer_side(cases: int) -> tuple[Callable[[int, Fields], None], Callable[[], dict[str, float]]]:
    """The same of WeatherBench-X, as its documentation evaluates: the statistics of each case are added up."""
    import xarray as xr
    from weatherbenchX import aggregation, weighting
    from weatherbenchX.metrics import base, categorical, deterministic, probabilistic, wrappers

    del cases
    weights = [weighting.GridAreaWeighting()]
    aggregator = aggregation.Aggregator(reduce_dims=["init_time", "latitude", "longitude"], weigh_by=weights)
    mean = wrappers.EnsembleMean("predictions", ensemble_dim="number")
    binary = wrappers.ContinuousToBinary("both", 0.5, "threshold")
    axes = ("number", "init_time", "lead_time", "latitude", "longitude")
    states: list[Any] = []
    last: dict[str, Any] = {}

    def add(number: int, given: Fields) -> None:
        shape = (LEADS, ROWS, COLUMNS)
        places = {"latitude": np.linspace(90, -90, ROWS), "longitude": np.arange(COLUMNS) * 1.0}
        times = {
            "init_time": [START.astype("datetime64[ns]") + np.timedelta64(number, "D")],
            "lead_time": (6 * np.arange(1, LEADS + 1)).astype("timedelta64[h]").astype("timedelta64[ns]"),
        }
        forecast = xr.DataArray(given[0].reshape(MEMBERS, 1, *shape), {**times, **places}, axes, "t")
        truth = xr.DataArray(given[1].reshape(1, *shape), {**times, **places}, axes[1:], "t")
        valid = {"time": times["init_time"][0] + times["lead_time"], **places}
        usual = xr.Dataset({"t": xr.DataArray(given[2].reshape(shape), valid, ("time", "latitude", "longitude"))})
        metrics = {
            "bias": wrappers.WrappedMetric(deterministic.Error(), [mean]),
            "mae": wrappers.WrappedMetric(deterministic.AbsoluteError(), [mean]),
            "rmse": wrappers.WrappedMetric(deterministic.RMSE(), [mean]),
            "acc-pooled": wrappers.WrappedMetric(deterministic.ACC(usual), [mean]),
            "crps": probabilistic.CRPSEnsemble(fair=False, use_sort=True),
            "fair-crps": probabilistic.CRPSEnsemble(fair=True, use_sort=True),
            "spread": probabilistic.EnsembleRootMeanVariance(),
            "skill": probabilistic.UnbiasedEnsembleMeanRMSE(),
            "rank-histogram": probabilistic.RankHistogram(),
            **{
                name: wrappers.WrappedMetric(one, [mean, binary])
                for name, one in (
                    ("csi", categorical.CSI()),
                    ("ets", categorical.ETS()),
                    ("hss", categorical.HSS()),
                    ("sedi", categorical.SEDI()),
                )
            },
        }
        statistics = base.compute_unique_statistics_for_all_metrics(metrics, {"t": forecast}, {"t": truth})
        states.append(aggregator.aggregate_statistics(statistics))
        last.update(metrics=metrics)

    def numbers() -> dict[str, float]:
        values = aggregation.AggregationState.sum(states).metric_values(last["metrics"])
        return {name: float(np.ravel(values[f"{name}.t"].values)[0]) for name in ("rmse", "fair-crps", "ets")}

    return add, numbers


def main() -> int:
    """Print the cost in JSON: the time to draw the fields is no part of it."""
    side, cases = sys.argv[1], int(sys.argv[2])
    add, numbers = (wxml_side if side == "wxml" else peer_side)(cases)
    drawn = fields(0)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall = processor = 0.0
    for number in range(cases):
        drawn = fields(number)
        begin = time.perf_counter(), time.process_time()
        add(number, drawn)
        wall, processor = wall + time.perf_counter() - begin[0], processor + time.process_time() - begin[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cost = {"wall_s": wall, "cpu_s": processor, "peak_mib": (peak - resident) / 1024}
    sys.stdout.write(json.dumps({"side": side, "cases": cases, **cost, "numbers": numbers()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
