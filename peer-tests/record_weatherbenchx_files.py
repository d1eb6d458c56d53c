"""Writes down what WeatherBench-X makes of the files of `integration-tests/weatherbench_files.py`.

python peer-tests/record_weatherbenchx_files.py    in the environment of `record_weatherbenchx.py`
python peer-tests/record_weatherbenchx_files.py --check    compares what is written with what it gives
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from weatherbenchX import aggregation, binning, weighting
from weatherbenchX.data_loaders import xarray_loaders
from weatherbenchX.metrics import base, deterministic

TESTS = Path(__file__).parents[1] / "integration-tests"
RECORDED = TESTS / "weatherbench_files.json"
sys.path.insert(0, str(TESTS))

from weatherbench_files import (  # noqa: E402  # found there
    CLIMATOLOGY,
    LEADS,
    ON_LEVELS,
    REGIONS,
    SEASONS,
    STARTS,
    write_climatology,
    write_files,
)

NAMES = [*ON_LEVELS, "2m_temperature"]
PLACES = ("latitude", "longitude")
EVERYWHERE = {"global": ((-90, 90), (0, 360))}


def recorded() -> dict[str, Any]:
    """Metric in wxml → variable → region → value by level, if there are levels, and lead time."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder))
        forecast, truth = loaded(folder, STARTS)
    metrics: dict[str, base.Metric] = {
        "rmse": deterministic.RMSE(),
        "bias": deterministic.Bias(),
        "mae": deterministic.MAE(),
        "vector-rmse": deterministic.WindVectorRMSE(
            ["u_component_of_wind"], ["v_component_of_wind"], ["wind"]
        ),
    }  # fmt: skip
    found = compared(metrics, forecast, truth)
    return {"numbers": {str(name): values(found[name]) for name in found}, "anomalies": of_anomalies()}


def loaded(folder: str, starts: Any) -> list[dict[str, Any]]:
    """The forecast and the truth at its valid times, in double precision."""
    found = [
        loader(path=f"{folder}/{name}.nc", variables=NAMES, preprocessing_fn=lambda one: one.sortby("latitude"))
        for loader, name in (
            (xarray_loaders.PredictionsFromXarray, "forecast"),
            (xarray_loaders.TargetsFromXarray, "truth"),
        )
    ]
    return [widened(one.load_chunk(starts, LEADS)) for one in found]


def widened(fields: Any) -> dict[str, Any]:
    """Fields in double precision."""
    return {name: one.astype(np.float64) for name, one in fields.items()}


def of_anomalies() -> dict[str, Any]:
    """The same of anomalies from the climatology that is a file, and of the climatology as a forecast."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), SEASONS)
        write_climatology(Path(folder))
        forecast, truth = loaded(folder, SEASONS)
        usual = xr.open_zarr(f"{folder}/{CLIMATOLOGY}").load()
        loader = xarray_loaders.ClimatologyFromXarray(path=f"{folder}/{CLIMATOLOGY}", variables=NAMES)
        climatology = widened(loader.load_chunk(SEASONS, LEADS))
    usual = usual.astype(np.float64)
    metrics: dict[str, base.Metric] = {
        "acc-pooled": deterministic.ACC(usual),
        "activity-forecast": deterministic.PredictionActivity(usual),
    }
    found = dict(compared(metrics, forecast, truth))
    found |= dict(compared({"rmse-climatology": deterministic.RMSE()}, climatology, truth))
    each = compared({"acc": deterministic.ACC(usual)}, forecast, truth, PLACES)
    found |= {name: one.mean("init_time") for name, one in each.items()}
    return {str(name): values(one) for name, one in found.items()}


def compared(
    metrics: dict[str, base.Metric], forecast: Any, truth: Any, over: tuple[str, ...] = ("init_time", *PLACES)
) -> Any:
    """The numbers of WeatherBench-X in the regions."""
    aggregator = aggregation.Aggregator(
        reduce_dims=list(over), weigh_by=[weighting.GridAreaWeighting()], bin_by=[binning.Regions(EVERYWHERE | REGIONS)]
    )
    return aggregation.compute_metric_values_for_single_chunk(metrics, aggregator, forecast, truth)


def values(array: Any) -> dict[str, Any]:
    """Region → values by level and lead time."""
    order = [name for name in ("level", "lead_time") if name in array.dims]
    return {str(one.item()): array.sel(region=one).transpose(*order).values.tolist() for one in array.region}


def main() -> None:
    """Write the file, or compare it."""
    found = recorded()
    if "--check" in sys.argv:
        before = json.loads(RECORDED.read_text(encoding="utf-8"))
        for part, numbers in before.items():
            for name, regions in numbers.items():
                for region, kept in regions.items():
                    new = found[part][name][region]
                    np.testing.assert_allclose(new, kept, rtol=1e-10, err_msg=f"{name} {region}")
        return
    RECORDED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
