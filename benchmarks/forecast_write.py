"""How fast forecasts are written, against plain xarray: one JSON line per run, each in a process of its own.

The cases with the prefix `xarray-` hold the whole forecast in memory and write it at once, with the same chunks and
the same compression; the others write it step by step.

    python benchmarks/forecast_write.py [--times 4] [--leads 10] [--variables 6] [--rounds 3]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from numcodecs import Blosc  # type: ignore[import-untyped]
from numpy.typing import NDArray
from wxml.data.fields import Fields
from wxml.data.grid import Grid
from wxml.data.variables import Variable
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.writer import ForecastWriter
from wxml_forecast_writers.netcdf_writer import NetcdfWriter
from wxml_forecast_writers.zarr_writer import ZarrWriter

LATITUDES, LONGITUDES = np.linspace(90, -90, 181), np.arange(360.0)
MEBIBYTE = 2**20


def header_of(times: int, leads: int, variables: int) -> ForecastHeader:
    """A forecast on the global grid of one degree."""
    return ForecastHeader(
        Grid.regular(LATITUDES, LONGITUDES),
        tuple(Variable(f"t_{level}", param="t", level=level, units="K") for level in range(variables)),
        np.datetime64("2020-01-01", "s") + np.arange(times) * np.timedelta64(86400, "s"),
        np.arange(1, leads + 1) * np.timedelta64(21600, "s"),
        1,
        {},
    )


def steps(header: ForecastHeader) -> Iterator[tuple[Fields, np.timedelta64]]:
    """Waves with a little noise, moved on from step to step; the clock counts this in every case."""
    rng = np.random.default_rng(0)
    wave = 280 + 20 * np.sin(np.radians(header.grid.longitudes * 5)) * np.cos(np.radians(header.grid.latitudes))
    noise = rng.normal(0, 0.5, (1, len(header.variables), len(header.grid)))
    values = (wave + noise).astype(np.float32)
    names = tuple(variable.name for variable in header.variables)
    for initial in header.initial_times:
        for lead in header.lead_times:
            values += np.float32(0.01)
            yield Fields(initial + lead, names, values), lead


def stepwise(make: Callable[[str], ForecastWriter], path: str, header: ForecastHeader) -> None:
    writer = make(path)
    writer.open(header)
    for fields, lead in steps(header):
        writer.write(fields, lead)
    writer.close()


def at_once(header: ForecastHeader) -> xr.Dataset:
    """The whole forecast as one dataset."""
    shape = (len(header.initial_times), len(header.lead_times), *header.grid.shape)
    arrays: dict[str, NDArray[np.float32]] = {v.name: np.empty(shape, np.float32) for v in header.variables}
    for number, (fields, _) in enumerate(steps(header)):
        for name, array in arrays.items():
            array[divmod(number, shape[1])] = fields[name].reshape(header.grid.shape)
    dimensions = ("time", "prediction_timedelta", "latitude", "longitude")
    coordinates = dict(zip(dimensions, (header.initial_times, header.lead_times, LATITUDES, LONGITUDES), strict=True))
    return xr.Dataset({name: (dimensions, array) for name, array in arrays.items()}, coordinates)


def xarray_zarr(path: str, header: ForecastHeader) -> None:
    packing = {
        "compressors": Blosc(cname="zstd", clevel=1, shuffle=Blosc.SHUFFLE),
        "chunks": (1, 1, *header.grid.shape),
    }
    at_once(header).to_zarr(path, zarr_format=2, encoding={v.name: packing for v in header.variables})


def xarray_netcdf(path: str, header: ForecastHeader) -> None:
    packing = {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": (1, 1, *header.grid.shape)}
    at_once(header).to_netcdf(path, engine="netcdf4", encoding={v.name: packing for v in header.variables})


CASES: dict[str, Callable[[str, ForecastHeader], None]] = {
    "zarr": lambda path, header: stepwise(ZarrWriter, path, header),
    "zarr-format-3": lambda path, header: stepwise(lambda p: ZarrWriter(p, zarr_format=3), path, header),
    "zarr-level-5": lambda path, header: stepwise(lambda p: ZarrWriter(p, level=5), path, header),
    "zarr-lz4": lambda path, header: stepwise(lambda p: ZarrWriter(p, compression="lz4"), path, header),
    "zarr-none": lambda path, header: stepwise(lambda p: ZarrWriter(p, compression="none"), path, header),
    "xarray-to-zarr": xarray_zarr,
    "netcdf": lambda path, header: stepwise(NetcdfWriter, path, header),
    "netcdf-level-5": lambda path, header: stepwise(lambda p: NetcdfWriter(p, level=5), path, header),
    "netcdf-none": lambda path, header: stepwise(lambda p: NetcdfWriter(p, compression="none"), path, header),
    "xarray-to-netcdf": xarray_netcdf,
}


def measure(case: str, header: ForecastHeader) -> dict[str, float | str]:
    """One case in this process: seconds, uncompressed MB/s, size on disk, and memory beyond the imports."""
    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        CASES[case](f"{folder}/forecast", header)
        seconds = time.perf_counter() - start
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    steps_count = len(header.initial_times) * len(header.lead_times)
    total = 4 * steps_count * len(header.variables) * len(header.grid)
    return {
        "case": case,
        "seconds": round(seconds, 3),
        "megabytes_per_second": round(total / seconds / 1e6, 1),
        "size_ratio": round(size / total, 3),
        "memory_mib": round(peak / MEBIBYTE, 1),
        "forecast_mib": round(total / MEBIBYTE, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"times": 4, "leads": 10, "variables": 6, "rounds": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--case", choices=CASES, help="one case, in this process")
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case, header_of(options.times, options.leads, options.variables))))
        return
    for case in list(CASES) * options.rounds:
        subprocess.run([sys.executable, *sys.argv, "--case", case], check=True)


if __name__ == "__main__":
    main()
