"""Small forecasts, and the writers that every test is run with."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from wxml import Fields, Grid, Variable
from wxml.forecasting.layout import ForecastHeader
from wxml_forecast_writers.netcdf_writer import NetcdfWriter
from wxml_forecast_writers.zarr_writer import ZarrWriter

WRITERS = {
    "zarr-2": lambda folder: ZarrWriter(f"{folder}/forecast.zarr", zarr_format=2),
    "zarr-3": lambda folder: ZarrWriter(f"{folder}/forecast.zarr"),
    "netcdf": lambda folder: NetcdfWriter(f"{folder}/forecast.nc"),
}

TEMPERATURE = Variable("t_850", param="t", level=850, units="K")
PRESSURE = Variable("msl", units="Pa")


def hours(*counts):
    return np.array(counts, "timedelta64[h]").astype("timedelta64[s]")


def _header(grid=None, variables=(TEMPERATURE, PRESSURE), **changes):
    """Two initial times and three lead times on a grid of 3 by 4 nodes, unless something else is said."""
    parts = {
        "grid": Grid.regular([60, 0, -60], [0, 90, 180, 270]) if grid is None else grid,
        "variables": tuple(variables),
        "initial_times": np.array(["2020-01-01T00", "2020-01-01T12"], "datetime64[s]"),
        "lead_times": hours(6, 12, 24),
        "members": 1,
        "provenance": {"checkpoint": "abc"},
    }
    return ForecastHeader(**(parts | changes))


def _fields(header, time, lead, values):
    """The fields of one step, with values that broadcast to [member, variable, node]."""
    shape = (header.members, len(header.variables), len(header.grid))
    return Fields(
        header.initial_times[time] + header.lead_times[lead],
        tuple(variable.name for variable in header.variables),
        np.ascontiguousarray(np.broadcast_to(np.asarray(values, np.float32), shape)),
    )


def _written(writer, header, steps):
    """The path of a forecast with these steps, each `(time, lead, values)`."""
    writer.open(header)
    for time, lead, values in steps:
        writer.write(_fields(header, time, lead, values), header.lead_times[lead])
    writer.close()
    return writer.target


@pytest.fixture(scope="session")
def make_header():
    return _header


@pytest.fixture(scope="session")
def make_fields():
    return _fields


@pytest.fixture(scope="session")
def write_forecast():
    return _written


@pytest.fixture(scope="session", params=WRITERS)
def make_writer(request):
    """A function from a folder to a writer into it, of each format in turn."""
    return WRITERS[request.param]


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 512 KiB."""
    folder = Path(tmp_path / "disk")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here")
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    # Lazily, since the NetCDF library may hold on to a file that it could not finish.
    subprocess.run(["umount", "-l", str(folder)], check=True)
