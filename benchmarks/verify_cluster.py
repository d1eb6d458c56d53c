"""Time `wxml verify` in one process and with `--scheduler` on 1, 2, … workers of this machine, in turns.

64 forecasts of 40 lead times on a grid of 2 degrees (8 parts), with the climatology of a year, four times a day, and
the default metrics in bands of latitude. Says for each the seconds until the command ends, the processor time of the
command and that of the worker that takes longest: their sum is what it takes on a machine that nobody else uses. The
scores must be the same to the last bit.

python benchmarks/verify_cluster.py [--workers 1 2] [--turns 2] [--ridge]
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr
from distributed import Client, LocalCluster

CASES, STEP = 64, np.timedelta64(6, "h")
LEADS = STEP * np.arange(1, 41)
TIMES = np.datetime64("2000-01-01", "ns") + STEP * np.arange(4 * 400)
FIRST = 4 * 366  # the first initial time: the year before it is the past
AXES = {"latitude": np.arange(89.0, -90, -2), "longitude": np.arange(0.0, 360, 2)}


def write(folder: Path) -> None:
    """A truth of waves and noise, and forecasts that are off by more and more."""
    random = np.random.default_rng(0)
    shape = tuple(len(one) for one in AXES.values())
    waves = 280 + 10 * np.cos(np.radians(3 * AXES["longitude"]) + np.arange(len(TIMES))[:, None, None] / 8)
    values = (waves + random.normal(0, 1, (len(TIMES), *shape))).astype("f4")
    truth = xr.Dataset({"t": (("time", *AXES), values, {"units": "K"})}, {"time": TIMES, **AXES})
    truth.to_netcdf(folder / "truth.nc")
    starts = FIRST + np.arange(CASES)
    rows = starts[:, None] + np.arange(1, len(LEADS) + 1)
    error = random.normal(0, 1, (CASES, len(LEADS), *shape)) * np.arange(1, len(LEADS) + 1)[:, None, None] / 6
    axes = ("time", "prediction_timedelta", *AXES)
    forecast = {"t": (axes, (values[rows] + error).astype("f4"), {"units": "K"})}
    places = {"time": TIMES[starts], "prediction_timedelta": LEADS.astype("timedelta64[ns]"), **AXES}
    xr.Dataset(forecast, places).to_netcdf(folder / "forecast.nc")


def verified(folder: Path, output: Path, *more: str) -> tuple[float, float]:
    """Run the command; the seconds until it ends, and its processor time."""
    wxml = Path(sys.executable).with_name("wxml")
    words = [str(wxml), "verify", str(folder / "forecast.nc"), "--truth", str(folder / "truth.nc"), "-o", str(output)]
    words += ["verification.climatology={period: ['2000-01-01', '2000-12-31']}", "verification.latitude_bands=30"]
    words += ["verification.maps=1", "verification.cases=0", *more]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def on_cluster(workers: int, folder: Path, output: Path, *more: str) -> tuple[float, float, float]:
    """The same on a cluster, and the processor time of the worker that takes longest."""
    local = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
    with local as cluster, Client(cluster, set_as_default=False) as client:
        client.run(__import__, "wxml_verification.cluster_scoring")
        before = client.run(time.process_time)
        took = verified(folder, output, "--scheduler", cluster.scheduler_address, *more)
        after = client.run(time.process_time)
    return *took, max(after[one] - before[one] for one in after)


def main() -> int:
    """Print a line for each way and turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--ridge", action="store_true", help="with the baseline `ridge`, too")
    asked = parser.parse_args()
    more = ["verification.baselines=[ridge]"] if asked.ridge else []
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder)
        for turn in range(asked.turns):
            output = folder / f"alone-{turn}"
            took, own = verified(folder, output, *more)
            table = (output / "scores.csv").read_bytes()
            print(f"one process: {took:6.1f} s; processor: {own:.1f} s", flush=True)
            for workers in asked.workers:
                output = folder / f"{workers}-{turn}"
                took, own, most = on_cluster(workers, folder, output, *more)
                same = "same scores" if (output / "scores.csv").read_bytes() == table else "OTHER SCORES"
                parts = f"command {own:.1f} s, longest worker {most:.1f} s, together {own + most:.1f} s"
                print(f"{workers} workers: {took:6.1f} s; processor: {parts}; {same}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
