"""Building a dataset of a NetCDF file, beside anemoi-datasets and beside copies, in one run.

    python benchmarks/dataset_build.py [--dates 500] [--variables 40] [--nodes 10000] [--runs 3]

Makes a file of smooth fields with noise in a temporary folder, and measures the following in turns, each in a process
of its own:

- `copy`: a plain copy of as many bytes as the values have in float32, to a file that is flushed to the disk;
- `recode`: netCDF4 reads date by date, zarr writes with the codec of wxml, nothing else: no statistics, no checksums;
- `wxml`, `wxml-2`: `wxml dataset build` with one thread, and with two;
- `quarter`: `wxml` on a quarter of the dates, for the memory;
- `anemoi-datasets`: `anemoi-datasets create` in the environment that WXML_PEERS_DATASETS names, if it does.

Prints one JSON line for each: medians of wall and CPU seconds and of the peak memory, and the median over the rounds of
the ratio of the CPU and wall seconds to those of `wxml`. The page cache is warm.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import netCDF4
import numpy as np

HERE = Path(sys.executable).parent
RECIPE = "source: {{plugin: xarray, path: {data}}}\n"
PEER = """
description: synthetic
dates: {{start: 2000-01-01T00:00:00, end: {end}, frequency: 6h}}
input: {{netcdf: {{path: {data}}}}}
build: {{group_by: monthly}}
"""
COPY = """
import os, sys
with open(sys.argv[1], "rb") as old, open(sys.argv[2], "wb") as new:
    while block := old.read(2**24):
        new.write(block)
    new.flush()
    os.fsync(new.fileno())
"""
RECODE = """
import sys, netCDF4, numpy as np, zarr
from zarr.codecs import BloscCodec
with netCDF4.Dataset(sys.argv[1]) as file:
    names = [name for name in file.variables if name.startswith("v")]
    dates, nodes = len(file["time"]), file[names[0]][0].size
    array = zarr.create_array(sys.argv[2], shape=(dates, len(names), 1, nodes), chunks=(1, len(names), 1, nodes),
        dtype="f4", compressors=BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"))
    for date in range(dates):
        array[date] = np.stack([np.asarray(file[name][date]).reshape(1, -1) for name in names])
"""


def make(folder: Path, dates: int, variables: int, nodes: int) -> None:
    """Write `data.nc`, the raw values, and the recipes."""
    side = round(nodes**0.5)
    random = np.random.default_rng(0)
    latitudes, longitudes = 90 - (np.arange(side) + 0.5) * 180 / side, np.arange(side) * 360.0 / side
    north, east = (np.radians(axis).astype("f4") for axis in (np.repeat(latitudes, side), np.tile(longitudes, side)))
    waves = random.normal(size=(variables, 3)).astype("f4")
    with netCDF4.Dataset(folder / "data.nc", "w") as file, (folder / "raw").open("wb") as raw:
        for name, length in (("time", dates), ("latitude", side), ("longitude", side)):
            file.createDimension(name, length)
        axes = {"time": "hours since 2000-01-01", "latitude": "degrees_north", "longitude": "degrees_east"}
        for (name, units), values in zip(axes.items(), (6 * np.arange(dates), latitudes, longitudes), strict=True):
            axis = file.createVariable(name, "f8", (name,))
            axis.units, axis.standard_name = units, name
            axis[:] = values
        for number, (a, b, c) in enumerate(waves):
            variable = file.createVariable(f"v{number:02}", "f4", tuple(axes), chunksizes=(1, side, side))
            variable.units = "K"
            for date in range(dates):
                field = (
                    10 * number + a * np.sin(2 * north + 0.1 * date) + b * np.cos(3 * east) + c * np.sin(east + north)
                )
                field += 0.01 * random.standard_normal(side * side, dtype="f4")
                variable[date] = field.reshape(side, side)
                raw.write(field.astype("f4").tobytes())
    end = np.datetime64("2000-01-01T00:00:00") + np.timedelta64(6 * (dates - 1), "h")
    (folder / "recipe.yaml").write_text(RECIPE.format(data=folder / "data.nc"))
    (folder / "peer.yaml").write_text(PEER.format(data=folder / "data.nc", end=end))


def commands(folder: Path, dates: int) -> dict[str, list[str]]:
    """The command of each case; the last argument is what it writes."""
    build = [str(HERE / "wxml"), "dataset", "build", str(folder / "recipe.yaml")]
    quarter = np.datetime64("2000-01-01T00", "h") + np.timedelta64(6 * (dates // 4 - 1), "h")
    found = {
        "copy": [sys.executable, "-c", COPY, str(folder / "raw")],
        "recode": [sys.executable, "-c", RECODE, str(folder / "data.nc")],
        "wxml": [*build, "--workers", "1"],
        "wxml-2": [*build, "--workers", "2"],
        "quarter": [*build, f"dates.end={quarter}", "--workers", "1"],
    }
    found = {case: [*command[:4], "OUT", *command[4:]] for case, command in found.items()}
    if peers := os.environ.get("WXML_PEERS_DATASETS"):
        found["anemoi-datasets"] = [f"{peers}/bin/anemoi-datasets", "create", str(folder / "peer.yaml"), "OUT"]
    return found


def measured(command: list[str], folder: Path) -> dict[str, float]:
    """Wall and CPU seconds and the peak memory in MiB of a command."""
    out = folder / "out.zarr"
    shutil.rmtree(out, ignore_errors=True)
    out.unlink(missing_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WXML_CACHE": str(folder / "cache")}
    began = time.perf_counter()
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(
            [str(out) if part == "OUT" else part for part in command], env=environment, stdout=log, stderr=log
        )
        _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[0]} failed:\n{(folder / 'log').read_text()[-2000:]}")
    return {"wall_s": wall, "cpu_s": used.ru_utime + used.ru_stime, "peak_MiB": used.ru_maxrss / 1024}


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("dates", 500), ("variables", 40), ("nodes", 10_000), ("runs", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, options.dates, options.variables, options.nodes)
        cases = commands(folder, options.dates)
        rounds = [{case: measured(command, folder) for case, command in cases.items()} for _ in range(options.runs)]
    for case in cases:
        medians = {key: round(statistics.median(one[case][key] for one in rounds), 2) for key in rounds[0][case]}
        ratios = {
            f"{key}_to_wxml": round(statistics.median(one[case][key] / one["wxml"][key] for one in rounds), 3)
            for key in ("wall_s", "cpu_s", "peak_MiB")
        }
        print(json.dumps({"benchmark": "dataset_build", "case": case, **medians, **ratios}), flush=True)


if __name__ == "__main__":
    main()
