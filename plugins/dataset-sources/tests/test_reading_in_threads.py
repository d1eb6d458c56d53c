"""Sources that several threads read at the same time give the right values, and no library crashes."""

import sqlite3  # noqa: F401  # before eccodes, which would load an old one for all tests of the process
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import eccodes
import numpy as np
import pytest
import xarray as xr
from wxml import DataSource
from wxml.data.fetching import fetching_seconds
from wxml_dataset_sources import xarray_source
from wxml_dataset_sources.anemoi_source import AnemoiSource
from wxml_dataset_sources.xarray_reading.opening import release
from wxml_dataset_sources.xarray_source import XarraySource

pytestmark = pytest.mark.filterwarnings("ignore:The data type:zarr.errors.UnstableSpecificationWarning")
TIMES, ROWS, COLUMNS, THREADS, READS = 12, 40, 60, 4, 15
NORTH, EAST = np.linspace(58.5, -58.5, ROWS), np.arange(COLUMNS) * 6.0
DATES = np.datetime64("2020-01-01", "ns") + 6 * np.arange(TIMES) * np.timedelta64(1, "h")
VALUES = (np.arange(TIMES)[:, None, None] * 100 + np.arange(ROWS)[:, None] + np.arange(COLUMNS) / 64).astype("f4")


def dataset(times: slice) -> xr.Dataset:
    axes = {"time": DATES[times], "latitude": ("latitude", NORTH, {"units": "degrees_north"})}
    axes["longitude"] = ("longitude", EAST, {"units": "degrees_east"})
    return xr.Dataset({"t": (("time", "latitude", "longitude"), VALUES[times], {"units": "K"})}, axes)


def netcdf(folder: Path) -> DataSource:
    """One compressed file for every two times."""
    for first in range(0, TIMES, 2):
        how = {"t": {"zlib": True, "chunksizes": (1, 10, 60)}}
        dataset(slice(first, first + 2)).to_netcdf(folder / f"{first:02d}.nc", encoding=how)
    return XarraySource(path=str(folder / "*.nc"))


def zarr_store(folder: Path) -> DataSource:
    how = {"t": {"chunks": (1, ROWS, COLUMNS)}}
    dataset(slice(None)).to_zarr(folder / "a.zarr", zarr_format=2, consolidated=False, encoding=how)
    return XarraySource(path=str(folder / "a.zarr"))


def grib(folder: Path) -> DataSource:
    with open(folder / "a.grib2", "wb") as file:
        for number, field in enumerate(VALUES):
            handle = eccodes.codes_grib_new_from_samples("regular_ll_pl_grib2")
            keys = {
                "Ni": COLUMNS,
                "Nj": ROWS,
                "latitudeOfFirstGridPointInDegrees": NORTH[0],
                "latitudeOfLastGridPointInDegrees": NORTH[-1],
                "longitudeOfFirstGridPointInDegrees": EAST[0],
                "longitudeOfLastGridPointInDegrees": EAST[-1],
                "iDirectionIncrementInDegrees": 6.0,
                "jDirectionIncrementInDegrees": 3.0,
                "dataDate": 20200101,
                "dataTime": 0,
                "step": 6 * number,
                "shortName": "t",
                "level": 500,
                "bitsPerValue": 24,
            }
            for key, value in keys.items():
                eccodes.codes_set(handle, key, value)
            eccodes.codes_set_values(handle, field.astype(np.float64).ravel())
            file.write(eccodes.codes_get_message(handle))
            eccodes.codes_release(handle)
    return XarraySource(path=str(folder / "a.grib2"))


def anemoi(folder: Path) -> DataSource:
    north, east = np.meshgrid(NORTH, EAST, indexing="ij")
    attributes = {"variables": ["t"], "start_date": str(DATES[0]), "end_date": str(DATES[-1]), "frequency": "6h"}
    xr.Dataset(
        {
            "data": (("dates", "variables", "ensembles", "values"), VALUES.reshape(TIMES, 1, 1, -1)),
            "latitudes": ("values", north.ravel()),
            "longitudes": ("values", east.ravel()),
        },
        attrs=attributes,
    ).to_zarr(folder / "b.zarr", zarr_format=2, consolidated=False)
    import zarr

    zarr.open_group(folder / "b.zarr").create_array("dates", data=DATES.astype("M8[s]"))
    return AnemoiSource(path=str(folder / "b.zarr"))


@pytest.mark.parametrize("make", [netcdf, zarr_store, grib, anemoi])
def test_threads_read_the_right_values(
    make: Callable[[Path], DataSource], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While they let go of the open files again and again, as reads do that end or fail."""
    monkeypatch.setattr(xarray_source, "KEPT_IN_MEMORY", 0)
    source, start = make(tmp_path), threading.Barrier(THREADS)
    (name,) = source.header.names

    def work(seed: int) -> int:
        random = np.random.default_rng(seed)
        start.wait()
        for number in range(READS):
            rows = random.permutation(TIMES)[:3]
            found = source.read(source.header.times[rows], [name])[:, 0, 0]
            np.testing.assert_allclose(found.reshape(3, ROWS, COLUMNS), VALUES[rows], atol=2e-4)
            if number % 2 == 0:
                release()
        return seed

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(work, range(THREADS))) == list(range(THREADS))


@pytest.mark.parametrize(("make", "tells"), [(zarr_store, True), (grib, True), (anemoi, True), (netcdf, False)])
def test_what_fetches_bytes_before_it_decodes_them_tells_so(
    tmp_path: Path, make: Callable[[Path], DataSource], tells: bool
) -> None:
    """netCDF4 does both in one call."""
    source = make(tmp_path)
    before, began = fetching_seconds(), time.perf_counter()
    source.read(source.header.times[[3, 5]], source.header.names)
    took, fetched = time.perf_counter() - began, fetching_seconds() - before
    assert 0 < fetched < took if tells else fetched == 0
