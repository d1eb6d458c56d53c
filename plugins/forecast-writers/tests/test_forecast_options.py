"""The options of the writers change the file as they say, and the writers are found by name."""

import importlib.metadata
import json
import os

import netCDF4
import numpy as np
import pytest
import zarr
from wxml import ForecastWriter, Grid
from wxml.errors import ConfigError
from wxml.plugins.create import parse_options
from wxml_forecast_writers.maps_writer import MapsWriter
from wxml_forecast_writers.netcdf_writer import NetcdfWriter
from wxml_forecast_writers.parquet_writer import ParquetWriter
from wxml_forecast_writers.zarr_writer import ZarrWriter

GRID = Grid.unstructured(np.linspace(-80, 80, 40_000), np.zeros(40_000))
SMOOTH = (280 + np.round(np.sin(np.linspace(0, 9, 40_000)), 2)).astype(np.float32)


def size(path):
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


def chunk_bytes(path, header_only):
    """What the step itself takes: a file with it, less a file without."""
    return size(path) - size(header_only)


@pytest.fixture
def step_bytes(tmp_path, make_header, write_forecast):
    """A function: how many bytes one smooth step of two variables (320 kB) takes in a file of some writer."""

    def measure(writer_class, **options):
        paths = [str(tmp_path / f"{name}-{sorted(options.items())}") for name in ("with", "without")]
        for path, steps in zip(paths, ([(0, 0, SMOOTH)], []), strict=True):
            write_forecast(writer_class(path, **options), make_header(GRID), steps)
        return chunk_bytes(*paths)

    return measure


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compression_of_zarr(step_bytes, compression, zarr_format) -> None:
    plain = step_bytes(ZarrWriter, compression="none", zarr_format=zarr_format)
    index = 2 * (255 * 16 + 4) if zarr_format == 3 else 0  # of the shard of each variable
    assert plain == 320_000 + index
    assert step_bytes(ZarrWriter, compression=compression, zarr_format=zarr_format) < plain / 4


def test_compression_of_netcdf(step_bytes) -> None:
    assert step_bytes(NetcdfWriter, compression="none") >= 320_000
    assert step_bytes(NetcdfWriter) < 320_000 / 4


def test_the_level_reaches_the_file(tmp_path, make_header, write_forecast) -> None:
    with netCDF4.Dataset(write_forecast(NetcdfWriter(str(tmp_path / "a.nc"), level=7), make_header(), [])) as file:
        filters = file["msl"].filters()
        assert (filters["zlib"], filters["shuffle"], filters["complevel"]) == (True, True, 7)
    write_forecast(ZarrWriter(str(tmp_path / "a.zarr"), level=7, compression="lz4", zarr_format=2), make_header(), [])
    packing = json.loads((tmp_path / "a.zarr" / "msl" / ".zarray").read_text())["compressor"]
    assert (packing["id"], packing["cname"], packing["clevel"], packing["shuffle"]) == ("blosc", "lz4", 7, 1)


@pytest.mark.parametrize(("zarr_format", "name"), [(2, ".zmetadata"), (3, "zarr.json")])
def test_the_format_of_zarr(tmp_path, make_header, write_forecast, zarr_format, name) -> None:
    path = write_forecast(ZarrWriter(str(tmp_path / "a.zarr"), zarr_format=zarr_format), make_header(), [])
    assert os.path.exists(os.path.join(path, name))
    assert zarr.open_group(path, mode="r").metadata.zarr_format == zarr_format


def test_the_writers_are_found_by_name() -> None:
    entry_points = importlib.metadata.distribution("wxml-forecast-writers").entry_points
    found = {entry.name: entry.load() for entry in entry_points if entry.group == "wxml.forecast_writers"}
    assert found == {"zarr": ZarrWriter, "netcdf": NetcdfWriter, "parquet": ParquetWriter, "maps": MapsWriter}
    assert all(issubclass(writer, ForecastWriter) for writer in found.values())


@pytest.mark.parametrize(
    ("writer_class", "options"),
    [
        (ZarrWriter, {"compression": "zlib"}),
        (ZarrWriter, {"zarr_format": 4}),
        (ZarrWriter, {"level": 0}),
        (NetcdfWriter, {"compression": "zstd"}),
        (NetcdfWriter, {"level": 10}),
        (NetcdfWriter, {"zarr_format": 2}),
    ],
)
def test_options_that_do_not_exist(writer_class, options) -> None:
    parse_options(writer_class, {}, where="forecast.writer")
    with pytest.raises(ConfigError, match=f"forecast.writer.{next(iter(options))}"):
        parse_options(writer_class, options, where="forecast.writer")
