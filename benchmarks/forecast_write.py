"""How fast forecasts are written, against plain xarray: one JSON line per run, each in a process of its own.

The cases with the prefix `xarray-` hold the whole forecast in memory and write it at once, with the same chunks and
the same compression; the others write it step by step, as a forecast does: in a thread, by the outputs of core, from
a rollout that costs nothing. The clock stops when the bytes are on the disk (fsync); the same disk takes as many bytes
of noise from one plain file, with an fsync, too, right before and right after. `fields_of_disk` is the rate of the
fields (4 bytes a value) over the rate of that file; `file_of_disk` is that of the bytes in the forecast file, which are
fewer where they are packed. Where the second one is near 1, the disk holds the writer up.

    python benchmarks/forecast_write.py [--times 4] [--leads 10] [--variables 6] [--rounds 3] [--degrees 1]
        [--threads 2] [--folder DIR]
"""

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from numcodecs import Blosc  # type: ignore[import-untyped]
from numpy.typing import NDArray
from wxml.data.fields import Fields
from wxml.data.grid import Grid
from wxml.data.variables import Variable
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.outputs import Output, OutputFile, fan_out
from wxml.forecasting.view import WHOLE
from wxml.forecasting.writer import ForecastWriter
from wxml.plugins.options.choices import PluginChoice
from wxml_forecast_writers.netcdf_writer import NetcdfWriter
from wxml_forecast_writers.zarr_writer import ZarrWriter
from wxml_grib_writer.writer import Grib2Writer

MEBIBYTE = 2**20
MADE = 4
Steps = list[tuple[Fields, np.timedelta64]]
Case = Callable[[str, ForecastHeader, Steps], None]


def header_of(times: int, leads: int, variables: int, degrees: float) -> ForecastHeader:
    """A forecast on a global grid."""
    rows = round(180 / degrees)
    return ForecastHeader(
        Grid.regular(np.linspace(90, -90, rows + 1), degrees * np.arange(2 * rows)),
        tuple(Variable(f"t_{level}", param="t", level=level, units="K") for level in range(variables)),
        np.datetime64("2020-01-01", "s") + np.arange(times) * np.timedelta64(86400, "s"),
        np.arange(1, leads + 1) * np.timedelta64(21600, "s"),
        1,
        {},
    )


def steps(header: ForecastHeader) -> Iterator[tuple[Fields, np.timedelta64]]:
    """Waves with a little noise; a few steps in turns, made before the first one is given."""
    rng = np.random.default_rng(0)
    wave = 280 + 20 * np.sin(np.radians(header.grid.longitudes * 5)) * np.cos(np.radians(header.grid.latitudes))
    shape = (1, len(header.variables), len(header.grid))
    made = itertools.cycle([(wave + rng.normal(0, 0.5, shape)).astype(np.float32) for _ in range(MADE)])
    names = tuple(variable.name for variable in header.variables)
    for initial, lead in itertools.product(header.initial_times, header.lead_times):
        yield Fields(initial + lead, names, next(made)), lead


def stepwise(make: Callable[[str], ForecastWriter], path: str, header: ForecastHeader, made: Steps) -> None:
    """Write what a rollout yields, as core does it."""
    writer = make(path)
    writer.open(header)
    output = Output(Path(path), PluginChoice(plugin="any"), "benchmark", WHOLE)
    fan_out([OutputFile(output, writer)], ((lead, fields) for fields, lead in made), 8)


def at_once(header: ForecastHeader, made: Steps) -> xr.Dataset:
    """The whole forecast as one dataset."""
    shape = (len(header.initial_times), len(header.lead_times), *header.grid.shape)
    arrays: dict[str, NDArray[np.float32]] = {v.name: np.empty(shape, np.float32) for v in header.variables}
    for number, (fields, _) in enumerate(made):
        for name, array in arrays.items():
            array[divmod(number, shape[1])] = fields[name].reshape(header.grid.shape)
    dimensions = ("time", "prediction_timedelta", "latitude", "longitude")
    places = header.grid.latitudes.reshape(header.grid.shape)[:, 0], header.grid.longitudes[: header.grid.shape[1]]
    coordinates = dict(zip(dimensions, (header.initial_times, header.lead_times, *places), strict=True))
    return xr.Dataset({name: (dimensions, array) for name, array in arrays.items()}, coordinates)


def xarray_zarr(path: str, header: ForecastHeader, made: Steps) -> None:
    packing = {
        "compressors": Blosc(cname="lz4", clevel=1, shuffle=Blosc.SHUFFLE),
        "chunks": (1, 1, *header.grid.shape),
    }
    at_once(header, made).to_zarr(path, zarr_format=2, encoding={v.name: packing for v in header.variables})


def xarray_netcdf(path: str, header: ForecastHeader, made: Steps) -> None:
    packing = {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": (1, 1, *header.grid.shape)}
    at_once(header, made).to_netcdf(path, engine="netcdf4", encoding={v.name: packing for v in header.variables})


def by(make: Callable[[str], ForecastWriter]) -> Case:
    return lambda path, header, made: stepwise(make, path, header, made)


CASES: dict[str, Case] = {
    "zarr": by(ZarrWriter),
    "zarr-format-2": by(lambda path: ZarrWriter(path, zarr_format=2)),
    "zarr-zstd": by(lambda path: ZarrWriter(path, compression="zstd")),
    "zarr-none": by(lambda path: ZarrWriter(path, compression="none")),
    "xarray-to-zarr": xarray_zarr,
    "netcdf": by(NetcdfWriter),
    "netcdf-level-5": by(lambda path: NetcdfWriter(path, level=5)),
    "netcdf-none": by(lambda path: NetcdfWriter(path, compression="none")),
    "xarray-to-netcdf": xarray_netcdf,
    "grib2": by(Grib2Writer),
    "grib2-simple": by(lambda path: Grib2Writer(path, packing="simple")),
    "grib2-ieee": by(lambda path: Grib2Writer(path, packing="ieee")),
}


def to_disk(folder: str) -> None:
    """Wait until the files are on the disk."""
    for path in Path(folder).rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def disk_seconds(folder: str, size: int) -> float:
    """How long the disk takes for as many bytes of noise in one plain file."""
    block = np.random.default_rng(1).bytes(16 * MEBIBYTE)
    start = time.perf_counter()
    with open(f"{folder}/plain", "wb") as file:
        for written in range(0, size, len(block)):
            file.write(block[: size - written])
    to_disk(folder)
    seconds = time.perf_counter() - start
    Path(folder, "plain").unlink()
    return seconds


def measure(case: str, header: ForecastHeader, where: str | None) -> dict[str, float | str]:
    """One case in this process: seconds, uncompressed MB/s, size on disk, and memory beyond the imports and the steps.

    The seconds end when the bytes are on the disk.
    """
    made = list(steps(header))
    total = 4 * len(made) * len(header.variables) * len(header.grid)
    with tempfile.TemporaryDirectory(dir=where) as folder:
        plain = disk_seconds(folder, total)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, used = time.perf_counter(), time.process_time()
        CASES[case](f"{folder}/forecast", header, made)
        to_disk(folder)
        seconds, used = time.perf_counter() - start, time.process_time() - used
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        plain = (plain + disk_seconds(folder, total)) / 2
    return {
        "case": case,
        "threads": torch.get_num_threads(),
        "seconds": round(seconds, 3),
        "processor_seconds": round(used, 3),
        "megabytes_per_second": round(total / seconds / 1e6, 1),
        "disk_megabytes_per_second": round(total / plain / 1e6, 1),
        "fields_of_disk": round(plain / seconds, 2),
        "file_of_disk": round(size / total * plain / seconds, 2),
        "size_ratio": round(size / total, 3),
        "files": len(files),
        "memory_mib": round(peak / MEBIBYTE, 1),
        "forecast_mib": round(total / MEBIBYTE, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"times": 4, "leads": 10, "variables": 6, "rounds": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--degrees", type=float, default=1.0, help="between the nodes of the grid")
    parser.add_argument("--case", choices=CASES, help="one case, in this process")
    parser.add_argument("--threads", type=int, help="as `forecast.threads`")
    parser.add_argument("--folder", help="on the disk that is meant; by default that of temporary files")
    options = parser.parse_args()
    if options.case:
        torch.set_num_threads(options.threads or torch.get_num_threads())
        header = header_of(options.times, options.leads, options.variables, options.degrees)
        print(json.dumps(measure(options.case, header, options.folder)))
        return
    for case in list(CASES) * options.rounds:
        subprocess.run([sys.executable, *sys.argv, "--case", case], check=True)


if __name__ == "__main__":
    main()
