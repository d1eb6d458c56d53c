"""Stores of exactly the layouts of WeatherBench 2 and ARCO-ERA5, small ones."""

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml import Grid
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource

HOURS_SINCE_1900 = {"units": "hours since 1900-01-01", "calendar": "proleptic_gregorian"}
LEVELS_37 = [1, 2, 3, 5, 7, 10, 20, 30, 50, 70, 100, 125, 150, 175, 200, 225, 250, 300, 350, 400, 450, 500, 550, 600]
LEVELS_37 += [650, 700, 750, 775, 800, 825, 850, 875, 900, 925, 950, 975, 1000]
LEVELS_13 = [50, 100, 150, 200, 250, 300, 400, 500, 600, 700, 850, 925, 1000]


def write(dataset: xr.Dataset, path: Path, written: slice = slice(None)) -> Path:
    """Zarr of format 2, consolidated, one time a chunk; only the `written` times have chunks."""
    chunks = {name: (1, *array.shape[1:]) for name, array in dataset.data_vars.items() if "time" in array.dims}
    encoding = {name: {"chunks": shape} for name, shape in chunks.items()}
    dataset.to_zarr(path, zarr_format=2, consolidated=True, encoding=encoding)  # type: ignore[call-overload]
    for name in chunks:
        for chunk in (path / str(name)).glob("[0-9]*"):
            if int(chunk.name.partition(".")[0]) not in range(*written.indices(dataset.sizes["time"])):
                chunk.unlink()
    return path


def weatherbench(path: Path, *, longitude_first: bool) -> xr.Dataset:
    """As `era5/1959-2022-6h-64x32_equiangular_conservative.zarr`, with six latitudes: south first, longitude first."""
    random = np.random.default_rng(1)
    places = ("longitude", "latitude") if longitude_first else ("latitude", "longitude")
    sizes = {"time": 4, "level": 13, "longitude": 8, "latitude": 6}

    def field(*dims: str) -> Any:
        return dims, random.normal(280, 10, [sizes[dim] for dim in dims]).astype("f4")

    dataset = xr.Dataset(
        {
            "2m_temperature": (*field("time", *places), {"units": "K", "long_name": "2 metre temperature"}),
            "geopotential": (
                *field("time", "level", *places),
                {"units": "m**2 s**-2", "standard_name": "geopotential"},
            ),
            "land_sea_mask": (*field(*places), {"units": "(0 - 1)"}),
        },
        {
            "time": ("time", 6 * np.arange(4), {"units": "hours since 1959-01-01", "calendar": "proleptic_gregorian"}),
            "level": ("level", LEVELS_13),
            "longitude": ("longitude", np.arange(8) * 45.0),
            "latitude": ("latitude", np.linspace(-75, 75, 6)),
        },
    )
    write(dataset, path)
    return dataset


@pytest.mark.parametrize("longitude_first", [True, False])
def test_weatherbench_2(tmp_path: Path, longitude_first: bool) -> None:
    written = weatherbench(tmp_path / "wb2.zarr", longitude_first=longitude_first)
    source = XarraySource(path=str(tmp_path / "wb2.zarr"))
    expected = ["2m_temperature", *(f"geopotential_{level}" for level in LEVELS_13), "land_sea_mask"]
    assert list(source.header.names) == expected
    fifty = source.header.variables[1]
    assert (fifty.param, fifty.level, fifty.level_units) == ("geopotential", 50.0, "hPa")
    assert (fifty.units, fifty.level_type) == ("m**2 s**-2", "isobaric")
    assert source.header.variables[0].units == "K"
    np.testing.assert_array_equal(source.header.times, np.arange("1959-01-01", "1959-01-02", 6, "M8[h]"))
    values = source.read(source.header.times, ["2m_temperature", "geopotential_850", "land_sea_mask"])
    by_place = written.transpose("time", "level", "latitude", "longitude")
    grid: Grid = source.header.grid
    np.testing.assert_array_equal(grid.latitudes, np.repeat(written.latitude.values, 8))
    np.testing.assert_array_equal(grid.longitudes, np.tile(written.longitude.values, 6))
    np.testing.assert_array_equal(values[:, 0, 0], by_place["2m_temperature"].values.reshape(4, -1))
    np.testing.assert_array_equal(values[:, 0, 1], by_place["geopotential"].sel(level=850).values.reshape(4, -1))
    np.testing.assert_array_equal(values[2, 0, 2], by_place["land_sea_mask"].values.reshape(-1))


def arco(path: Path, **attributes: str) -> xr.Dataset:
    """As `ar/full_37-1h-0p25deg-chunk-1.zarr-v3`, 30° wide: 120 hours on the axis, those of two days written."""
    random = np.random.default_rng(2)
    start = int((np.datetime64("2020-01-01") - np.datetime64("1900-01-01")) / np.timedelta64(1, "h"))
    shape = (120, 37, 7, 12)
    dataset = xr.Dataset(
        {
            "temperature": (("time", "level", "latitude", "longitude"), random.normal(250, 9, shape).astype("f4")),
            "2m_temperature": (("time", "latitude", "longitude"), random.normal(280, 9, (120, 7, 12)).astype("f4")),
        },
        {
            "time": ("time", start + np.arange(120), HOURS_SINCE_1900),
            "level": ("level", LEVELS_37),
            "latitude": ("latitude", np.linspace(90, -90, 7), {"units": "degrees_north", "long_name": "latitude"}),
            "longitude": ("longitude", np.arange(12) * 30.0, {"units": "degrees_east", "long_name": "longitude"}),
        },
        {"valid_time_start": "2020-01-02", "valid_time_stop": "2020-01-03", "valid_time_stop_era5t": "2020-01-04"}
        | attributes,
    )
    for name in ("temperature", "2m_temperature"):
        dataset[name].attrs = {"units": "K", "short_name": "t" if name == "temperature" else "t2m"}
    write(dataset, path, slice(24, 72))
    return dataset


def test_arco_era5_offers_the_times_that_were_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two days of the five on the axis, the last hour of the last day among them; the rest would read as missing."""
    written = arco(tmp_path / "arco.zarr")
    with caplog.at_level(logging.WARNING, "wxml"):
        source = XarraySource(path=str(tmp_path / "arco.zarr"), levels=[1, 850])
        XarraySource(path=str(tmp_path / "arco.zarr"), levels=[1, 850])
    np.testing.assert_array_equal(source.header.times, np.arange("2020-01-02", "2020-01-04", 1, "M8[h]"))
    told = [record.getMessage() for record in caplog.records if "holds data from" in record.getMessage()]
    assert len(told) == 1
    assert "from 2020-01-02T00 to 2020-01-03T23:59:59: the other 72 of the 120 times" in told[0]
    assert source.header.names == ("2m_temperature", "temperature_1", "temperature_850")
    assert source.header.variables[2].level_units == "hPa"
    times = source.header.times[[0, 13, 47]]
    values = source.read(times, ["temperature_850", "2m_temperature"])
    level = written["temperature"].sel(level=850).values
    np.testing.assert_array_equal(values[:, 0, 0], level[[24, 37, 71]].reshape(3, -1))
    np.testing.assert_array_equal(values[:, 0, 1], written["2m_temperature"].values[[24, 37, 71]].reshape(3, -1))


def test_a_time_of_day_in_the_attributes(tmp_path: Path) -> None:
    arco(tmp_path / "arco.zarr", valid_time_start="2020-01-02T05", valid_time_stop="2020-01-02 07:00:00")
    source = XarraySource(path=str(tmp_path / "arco.zarr"), variables=["2m_temperature"])
    np.testing.assert_array_equal(source.header.times, np.arange("2020-01-02T05", "2020-01-02T08", 1, "M8[h]"))


@pytest.mark.carries_out("correct its attributes `{}` and `{}`")
def test_attributes_that_leave_no_time(tmp_path: Path) -> None:
    arco(tmp_path / "arco.zarr", valid_time_start="2021-01-01", valid_time_stop="2021-12-31")
    with pytest.raises(DataError, match=r"from 2021-01-01T00 to .*, and none of its times is between them"):
        XarraySource(path=str(tmp_path / "arco.zarr"))
    arco(tmp_path / "right.zarr")
    assert len(XarraySource(path=str(tmp_path / "right.zarr")).header.times) == 48


def test_levels_that_say_no_units_elsewhere_stay_as_they_are(tmp_path: Path) -> None:
    """Model levels 1 to 3 of another source are no hPa: neither their names nor their numbers are those of ERA5."""
    dataset = weatherbench(tmp_path / "wb2.zarr", longitude_first=False).isel(level=slice(3))
    dataset = dataset.assign_coords(level=[1, 2, 3]).rename(geopotential="tracer")
    write(dataset, tmp_path / "other.zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = XarraySource(path=str(tmp_path / "other.zarr"), variables=["tracer"])
    assert [variable.level_units for variable in source.header.variables] == ["", "", ""]
