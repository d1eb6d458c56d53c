"""Building a dataset of a NetCDF file, beside anemoi-datasets and beside copies, in one run.

    python benchmarks/dataset_build.py [--dates 400] [--variables 40] [--nodes 10000] [--runs 3] [--quick]

Makes a file of smooth fields with noise in a temporary folder, and measures the following in turns, each in a process
of its own:

- `copy`: a plain copy of as many bytes as the values have in float32, to a file that is flushed to the disk;
- `recode`: netCDF4 reads date by date, zarr writes with the codec of wxml, nothing else: no statistics, no checksums;
- `wxml`, `wxml-2`: `wxml dataset build` with one thread, and with two;
- `quarter`: `wxml` on a quarter of the dates: its peak memory is that of `wxml` if memory is flat in their number;
- `anemoi-datasets`: `anemoi-datasets create` in the environment that WXML_PEERS_DATASETS names, if it does.

Prints one JSON line for each, and writes `dataset-build.md`: medians of wall and CPU seconds and of the peak memory,
and the median over the rounds of the ratios to those of `wxml`. The page cache is warm.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import netCDF4
import numpy as np
from bench.report import OUTPUT, show, table, write_page

HERE = Path(sys.executable).parent
RECIPE = "source: {{plugin: xarray, path: {data}}}\n"
PEER = """
description: synthetic
dates: {{start: 2000-01-01T00:00:00, end: {end}, frequency: 6h}}
input: {{netcdf: {{path: {data}}}}}
build: {{group_by: monthly}}
"""
NOTES = """`recode` is the copy that a build is held against: it reads the same file with the same library, packs the
same chunks with the same codec, and writes them. `copy` reads and writes bytes as they are, neither unpacks nor packs,
and no program that packs can come near it; its ratio says what packing costs, not what wxml adds. On a busy machine
look at processor time.

`quarter` has a quarter of the dates. A source of up to 512 MiB keeps what was read until a task of 64 dates is done, a
larger one keeps nothing, so a small dataset may need a little more memory than a large one.
"""
MEASURE = """
import resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(code)
"""
"""Runs a command from a small process: a child's peak counts what its parent had when it was started."""
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
    whole = [str(out) if part == "OUT" else part for part in command]
    with (folder / "log").open("w") as log:
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *whole],
            check=False,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{(folder / 'log').read_text()[-2000:]}")
    wall, processor, peak = map(float, done.stdout.split())
    return {"wall_s": wall, "cpu_s": processor, "peak_MiB": peak / 1024}


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("dates", 400), ("variables", 40), ("nodes", 10_000), ("runs", 3), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--quick", action="store_true", help="a small file, one run: shows that all runs")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    if options.quick:
        options.dates, options.variables, options.nodes, options.runs = 8, 2, 100, 1
    rows: list[dict[str, object]] = []
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
        show({"benchmark": "dataset_build", "case": case, **medians, **ratios}, rows)
    write_page(options.output, "dataset-build", page(rows, options), rows)


def page(rows: list[dict[str, object]], options: argparse.Namespace) -> str:
    """The page of the results."""
    head = ("case", "wall s", "processor s", "peak MiB", "wall / wxml", "processor / wxml", "peak / wxml")
    keys = ("case", "wall_s", "cpu_s", "peak_MiB", "wall_s_to_wxml", "cpu_s_to_wxml", "peak_MiB_to_wxml")
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    said = (
        f"{options.dates} dates × {options.variables} variables × {options.nodes} nodes, medians of {options.runs} "
        f"rounds, on {os.cpu_count()} cores; the loads of the machine at the end were {busy}. What each case does: the "
        "first lines of `benchmarks/dataset_build.py`."
    )
    return "\n".join(
        ["# Building a dataset", "", said, "", table(head, [[row[key] for key in keys] for row in rows]), NOTES]
    )


if __name__ == "__main__":
    main()
