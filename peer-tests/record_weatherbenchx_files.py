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
from weatherbenchX import aggregation, binning, weighting
from weatherbenchX.data_loaders import xarray_loaders
from weatherbenchX.metrics import base, deterministic

TESTS = Path(__file__).parents[1] / "integration-tests"
RECORDED = TESTS / "weatherbench_files.json"
sys.path.insert(0, str(TESTS))

from weatherbench_files import LEADS, ON_LEVELS, REGIONS, STARTS, write_files  # noqa: E402  # found there


def recorded() -> dict[str, Any]:
    """Metric in wxml → variable → region → value by level, if there are levels, and lead time."""
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder))
        names = [*ON_LEVELS, "2m_temperature"]
        loaded = [
            loader(path=f"{folder}/{name}.nc", variables=names, preprocessing_fn=lambda one: one.sortby("latitude"))
            for loader, name in (
                (xarray_loaders.PredictionsFromXarray, "forecast"),
                (xarray_loaders.TargetsFromXarray, "truth"),
            )
        ]
        forecast, truth = (one.load_chunk(STARTS, LEADS) for one in loaded)
    metrics: dict[str, base.Metric] = {
        "rmse": deterministic.RMSE(),
        "bias": deterministic.Bias(),
        "mae": deterministic.MAE(),
        "vector-rmse": deterministic.WindVectorRMSE(
            ["u_component_of_wind"], ["v_component_of_wind"], ["wind"]
        ),
    }  # fmt: skip
    regions = {"global": ((-90, 90), (0, 360))} | REGIONS
    over = aggregation.Aggregator(
        reduce_dims=["init_time", "latitude", "longitude"],
        weigh_by=[weighting.GridAreaWeighting()],
        bin_by=[binning.Regions(regions)],
    )
    widened = [{name: one.astype(np.float64) for name, one in each.items()} for each in (forecast, truth)]
    found = aggregation.compute_metric_values_for_single_chunk(metrics, over, *widened)
    return {"numbers": {str(name): values(found[name]) for name in found}}


def values(array: Any) -> dict[str, Any]:
    """Region → values by level and lead time."""
    order = [name for name in ("level", "lead_time") if name in array.dims]
    return {str(one.item()): array.sel(region=one).transpose(*order).values.tolist() for one in array.region}


def main() -> None:
    """Write the file, or compare it."""
    found = recorded()
    if "--check" in sys.argv:
        before = json.loads(RECORDED.read_text(encoding="utf-8"))
        for name, regions in before["numbers"].items():
            for region, kept in regions.items():
                np.testing.assert_allclose(found["numbers"][name][region], kept, rtol=1e-10, err_msg=f"{name} {region}")
        return
    RECORDED.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
