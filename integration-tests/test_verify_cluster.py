"""`wxml verify --scheduler`: the scores of a cluster are those of one process, to the last bit."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from click.testing import CliRunner, Result
from wxml.cli import group

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the cluster is forked")

AXES = {"latitude": np.linspace(75, -75, 6), "longitude": 45.0 * np.arange(8)}
LEADS = np.array([6, 12, 24], "timedelta64[h]").astype("timedelta64[ns]")
CASES = 17
OPTIONS = (
    "verification.climatology={period: ['2000-01-07', '2000-01-20']}",
    "verification.baselines=[ridge]",
    "verification.latitude_bands=60",
    "verification.cases=0",
    "verification.maps=1",
    "verification.coastlines=false",
    "verification.metrics=[rmse, acc]",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A truth, and forecasts of two variables with errors and a gap."""
    made, random = tmp_path_factory.mktemp("cluster-verification"), np.random.default_rng(0)
    times = np.datetime64("2000-01-01", "ns") + 6 * np.arange(120) * np.timedelta64(1, "h")
    truth = xr.Dataset(
        {
            name: (("time", *AXES), random.normal(280, 5, (120, 6, 8)).astype("f4"), {"units": "K"})
            for name in ("t_850", "t_500")
        },
        {"time": times, **AXES},
    )
    truth.to_netcdf(made / "truth.nc")
    starts = times[:CASES]
    valid = xr.DataArray(starts[:, None] + LEADS, dims=("time", "lead"))
    forecast = truth.sel(time=valid).drop_vars("time").rename(lead="prediction_timedelta")
    forecast = forecast.assign_coords(time=starts, prediction_timedelta=LEADS)
    error = random.normal(0, 1, (CASES, 3, 6, 8)).astype("f4")
    error[3, 1, 2, 3] = np.nan
    for name, factor in (("forecast", 1), ("older", 2)):
        errors = xr.DataArray(factor * error, dims=("time", "prediction_timedelta", *AXES))
        (forecast + errors).to_netcdf(made / f"{name}.nc")
    return made


@pytest.fixture
def cluster(new_cluster: Callable[[Path], Any], tmp_path: Path) -> Iterator[Any]:
    made = new_cluster(tmp_path / "cluster")
    yield made
    made.stop()


def verified(folder: Path, output: Path, *arguments: str) -> Result:
    files = str(folder / "forecast.nc"), "--truth", str(folder / "truth.nc")
    older = f"verification.forecasts={{older: {folder / 'older.nc'}}}"
    return CliRunner().invoke(group, ["verify", *files, *OPTIONS, older, "-o", str(output), *arguments])


def arrays(output: Path) -> dict[str, bytes]:
    """All numbers of the scores, by name."""
    statistics = zarr.open_group(str(output / "statistics.zarr"), mode="r")
    found = {f"{key}/{name}": one for key in ("", "truth", "space") for name, one in statistics[key or "/"].arrays()}
    with xr.open_dataset(output / "scores.nc") as scores:
        found |= {f"scores/{name}": scores[name].values for name in scores.variables}
        return {name: np.asarray(one[...]).tobytes() for name, one in found.items()}


@pytest.fixture(scope="module")
def wanted(folder: Path) -> Path:
    """The scores of one process."""
    done = verified(folder, folder / "alone")
    assert done.exit_code == 0, done.output
    return folder / "alone"


def test_a_cluster_gives_the_scores_of_one_process_also_if_a_worker_is_killed(
    folder: Path, wanted: Path, cluster: Any, tmp_path: Path
) -> None:
    killed: list[float] = []

    def kill_one_at_work() -> None:
        with distributed.Client(cluster.address, set_as_default=False) as client:
            while not all(client.processing().values()) or len(client.processing()) < 2:
                time.sleep(0.005)
            cluster.kill("worker")
            killed.append(time.monotonic())

    thread = threading.Thread(target=kill_one_at_work)
    thread.start()
    done = verified(folder, tmp_path / "scores", "--scheduler", cluster.address)
    ended = time.monotonic()
    thread.join()
    assert done.exit_code == 0, done.output
    assert killed[0] < ended
    assert arrays(tmp_path / "scores") == arrays(wanted)
    assert (tmp_path / "scores" / "scores.csv").read_bytes() == (wanted / "scores.csv").read_bytes()


def test_a_cluster_that_does_not_answer_is_told(folder: Path, tmp_path: Path) -> None:
    from dask import config

    with config.set({"distributed.comm.timeouts.connect": "1s"}):
        done = verified(folder, tmp_path / "scores", "--scheduler", "tcp://127.0.0.1:1")
    assert "the cluster at tcp://127.0.0.1:1 did not finish the work" in done.output
    assert not (tmp_path / "scores").exists()
