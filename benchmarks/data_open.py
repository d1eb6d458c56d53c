"""What it costs to open an archive of many NetCDF files, and to read of it first, as ratios to netCDF4 alone.

    python benchmarks/data_open.py [--files 480] [--times 125] [--runs 3]

Makes the archive in a temporary folder, with three variables on 19 × 36 nodes and an empty cache, and measures the CPU
seconds of the following, each in a process of its own, in turns:

- `netCDF4`: opens every file and reads its dates and its places, which is what the ratios are to;
- `first`: `xarray` opens the archive with an empty cache; `again`: with what the first one has kept;
- `one-by-one`: every file is examined, as if it were of a kind of its own;
- `one-read`: two times of all variables are read from an open archive, in place of opening it.

Imports are not counted. Prints one JSON line for each: the median of the CPU seconds, and that of the ratio to
`netCDF4` in the same round.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr

HOUR = np.timedelta64(1, "h")
START = """
import sys, time, glob
import netCDF4, xarray, numpy as np
import wxml_dataset_sources.xarray_reading.alike as alike
from wxml_dataset_sources.xarray_source import XarraySource
path = sys.argv[1]
begin = time.process_time()
"""
END = "\nprint(time.process_time() - begin)"
CASES = {
    "netCDF4": """
for name in sorted(glob.glob(path)):
    with netCDF4.Dataset(name) as file:
        for axis in ("time", "latitude", "longitude"):
            file[axis][:]
""",
    "first": "XarraySource(path=path)",
    "again": "XarraySource(path=path)",
    "one-by-one": "alike.FEW = 10**9; XarraySource(path=path)",
    "one-read": """
source = XarraySource(path=path)
begin = time.process_time()
source.read(source.header.times[[len(source.header.times) // 2, 7]], source.header.names)
""",
}


def make(folder: Path, files: int, times: int) -> None:
    """Write the archive; the dates of each file count from its first one."""
    random = np.random.default_rng(0)
    for number in range(files):
        dates = np.datetime64("1980-01-01", "ns") + 6 * HOUR * np.arange(number * times, (number + 1) * times)
        values = random.normal(size=(times, 19, 36)).astype("f4")
        xr.Dataset(
            {name: (("time", "latitude", "longitude"), values, {"units": "K"}) for name in "abc"},
            {
                "time": dates,
                "latitude": ("latitude", np.linspace(90, -90, 19), {"units": "degrees_north"}),
                "longitude": ("longitude", 10.0 * np.arange(36), {"units": "degrees_east"}),
            },
        ).to_netcdf(folder / f"{number:04}.nc")


def seconds(case: str, folder: Path, cache: Path) -> float:
    """The CPU seconds of one case."""
    environment = {**os.environ, "WXML_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    code = START + CASES[case] + END
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "*.nc")], env=environment, stdout=subprocess.PIPE, check=True
    )
    return float(done.stdout)


def measure(files: int, times: int, runs: int) -> list[dict[str, float]]:
    """The seconds of every case in every round; the cache is empty before `first`."""
    with tempfile.TemporaryDirectory() as work:
        folder, cache = Path(work) / "archive", Path(work) / "cache"
        folder.mkdir()
        make(folder, files, times)
        rounds = []
        for _ in range(runs):
            shutil.rmtree(cache, ignore_errors=True)
            rounds.append({case: seconds(case, folder, cache) for case in CASES})
        return rounds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=480)
    parser.add_argument("--times", type=int, default=125, help="of each file")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    rounds = measure(**vars(arguments))
    for case in CASES:
        own = statistics.median(each[case] for each in rounds)
        ratio = statistics.median(each[case] / each["netCDF4"] for each in rounds)
        row = {"benchmark": "data_open", "case": case, "cpu_s": round(own, 3), "ratio": round(ratio, 2)}
        print(json.dumps(row | vars(arguments)), flush=True)


if __name__ == "__main__":
    main()
