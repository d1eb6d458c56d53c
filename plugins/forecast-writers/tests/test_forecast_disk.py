"""A disk that is full or refuses: always an OSError that says so."""

import contextlib
import errno
import shutil
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from wxml import Grid


def fill(disk):
    """Leave not one free block."""
    free = shutil.disk_usage(disk).free
    (disk / "filler").write_bytes(b"0" * free)
    assert shutil.disk_usage(disk).free == 0


def close(writer):
    """Close after a failure, as core does: the library may say once more that the disk is full, and nothing else."""
    with contextlib.suppress(OSError):
        writer.close()


def write_all(writer, header, make_fields):
    """Every step, of noise, which cannot be packed."""
    for time, lead in np.ndindex(2, 3):
        values = np.random.default_rng(lead).standard_normal((1, 2, len(header.grid)))
        writer.write(make_fields(header, time, lead, values), header.lead_times[lead])


def test_a_disk_that_fills_up_while_writing(
    small_disk, tmp_path, make_writer, make_header, make_fields, write_forecast
) -> None:
    header = make_header(
        Grid.unstructured(np.linspace(-80, 80, 10_000), np.zeros(10_000))
    )  # 240 kB of coordinates, 80 kB a step
    writer = make_writer(small_disk)
    writer.open(header)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_all(writer, header, make_fields)
    assert caught.value.errno == errno.ENOSPC
    close(writer)
    elsewhere = write_forecast(make_writer(tmp_path), header, [(0, 0, 3.0)])
    with xr.open_dataset(elsewhere) as dataset:
        assert float(dataset.msl[0, 0].mean()) == 3.0


def test_a_disk_that_is_full_from_the_start(small_disk, make_writer, make_header) -> None:
    fill(small_disk)
    writer = make_writer(small_disk)
    with pytest.raises(OSError, match="No space left on device") as caught:
        writer.open(make_header())
    assert caught.value.errno == errno.ENOSPC
    close(writer)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
import numpy as np
from wxml import Fields, Grid, Variable
from wxml.forecasting.layout import ForecastHeader
from wxml_forecast_writers.netcdf_writer import NetcdfWriter
grid = Grid.unstructured(np.zeros(50_000), np.linspace(0, 359, 50_000))
start, lead = np.array(["2020-01-01"], "datetime64[s]"), np.array([3600], "timedelta64[s]")
header = ForecastHeader(grid, (Variable("t"),), start, lead, 1, {})
writer = NetcdfWriter(sys.argv[1], compression="none")
try:
    writer.open(header)
    writer.write(Fields(start[0] + lead[0], ("t",), np.ones((1, 1, 50_000), np.float32)), lead[0])
    writer.close()
except OSError as error:
    print("errno", error.errno)
"""


def test_a_limit_on_the_size_of_files_is_an_oserror(tmp_path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "forecast.nc")]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    assert result.stdout.strip() == f"errno {errno.EIO}"
