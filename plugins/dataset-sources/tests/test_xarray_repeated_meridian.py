"""Regular grids from 0° to 360° with both ends: the last column is left out, or refused if it differs."""

import sqlite3  # noqa: F401  # before eccodes, which would load an old one for all tests of the process
from pathlib import Path

import eccodes
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml import Grid
from wxml.errors import DataError
from wxml_dataset_sources import xarray_source
from wxml_dataset_sources.xarray_source import XarraySource

WARNING = "has its first meridian twice, 360° apart: the last column of longitudes is left out"
AXES = [np.arange(0, 361, 45.0), np.arange(-180, 181, 45.0), np.arange(360, -1, -45.0), np.arange(22.5, 383, 45.0)]


def dataset(latitudes: np.ndarray, longitudes: np.ndarray, hour: float = 0.0, name: str = "t") -> xr.Dataset:
    """Three times; the value of a node tells its time and its place, the same 360° further on."""
    places = 1000 * latitudes[:, None] + longitudes[None, :] % 360
    values = np.arange(3)[:, None, None] * 1e5 + places[None]
    times = ("time", hour + 6.0 * np.arange(3), {"units": "hours since 2020-01-01"})
    axes = {"time": times, "latitude": latitudes, "longitude": longitudes}
    return xr.Dataset({name: (("time", "latitude", "longitude"), values)}, axes)


def written(data: xr.Dataset, path: Path) -> str:
    if path.suffix == ".zarr":
        data.to_zarr(path, mode="w", consolidated=False)
    else:
        path.unlink(missing_ok=True)
        data.to_netcdf(path)
    return str(path)


def check_places(source: XarraySource, columns: int) -> None:
    grid = source.header.grid
    assert grid.shape[1] == columns
    values = source.read(source.header.times, [source.header.names[0]])[:, 0, 0]
    expected = 1000 * grid.latitudes + grid.longitudes % 360
    np.testing.assert_array_equal(values, np.float32(np.arange(len(values))[:, None] * 1e5 + expected))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    longitudes=st.sampled_from(AXES),
    rows=st.integers(2, 6),
    is_rising=st.booleans(),
    is_turned=st.booleans(),
    suffix=st.sampled_from([".nc", ".zarr"]),
    is_kept=st.booleans(),
)
def test_the_last_column_is_left_out(
    longitudes: np.ndarray, rows: int, is_rising: bool, is_turned: bool, suffix: str, is_kept: bool, tmp_path: Path
) -> None:
    latitudes = np.linspace(-80, 80, rows) * (1 if is_rising else -1)
    data = dataset(latitudes, longitudes)
    path = written(data.transpose("time", "longitude", "latitude") if is_turned else data, tmp_path / f"a{suffix}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xarray_source, "KEPT_IN_MEMORY", 2**20 if is_kept else 0)
        source = XarraySource(path=path)
        check_places(source, len(longitudes) - 1)
    assert source.header.grid.identity == Grid.regular(latitudes, longitudes[:-1]).identity
    one_node = 1 / 8  # of its row
    shares = source.header.grid.area_weights.reshape(source.header.grid.shape)
    np.testing.assert_allclose(shares / shares.sum(axis=1, keepdims=True), one_node)


def test_files_with_and_without_the_column_are_joined_and_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    latitudes = np.array([10.0, 0.0, -10.0])
    first = written(dataset(latitudes, np.arange(0, 361, 45.0)), tmp_path / "a.nc")
    second = written(dataset(latitudes[::-1], np.arange(-180, 181, 45.0), 18.0), tmp_path / "b.nc")
    third = written(dataset(latitudes, np.arange(0, 360, 45.0), name="u"), tmp_path / "c.zarr")
    source = XarraySource(path=[first, second, third])
    values = source.read(source.header.times[3:], ["t"])[:, 0, 0]
    grid = source.header.grid
    expected = 1000 * grid.latitudes + grid.longitudes % 360
    np.testing.assert_array_equal(values, np.arange(3)[:, None] * 1e5 + expected)
    source.read(source.header.times[:3], ["t", "u"])
    warned = [record.message for record in caplog.records if WARNING in record.message]
    assert warned == [f"the grid of `{first}` and 1 more {WARNING}"]


def test_other_grids_are_not_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    check_places(XarraySource(path=written(dataset(np.array([9.0, 0.0]), AXES[0][:-1]), tmp_path / "a.nc")), 8)
    assert "meridian" not in caplog.text


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize("off", [5.0, np.nan])
def test_two_values_of_the_meridian_are_refused(suffix: str, off: float, tmp_path: Path) -> None:
    data = dataset(np.array([10.0, 0.0]), AXES[0])
    data["t"][1, 0, -1] = off
    source = XarraySource(path=written(data, tmp_path / f"a{suffix}"))
    with pytest.raises(DataError, match=rf"two values: 110000 in the first column of longitudes and {off:g} in the"):
        source.read(source.header.times, ["t"])


def test_rounding_and_missing_values_are_no_difference(tmp_path: Path) -> None:
    data = dataset(np.array([10.0, 0.0]), AXES[0])
    data["t"][1, 0, -1] *= 1 + 1e-7
    data["t"][2, 0, ::8] = np.nan
    source = XarraySource(path=written(data, tmp_path / "a.nc"))
    values = source.read(source.header.times, ["t"])
    assert np.isnan(values[2, 0, 0, 0])
    assert np.isfinite(values).sum() == values.size - 1


def test_a_field_without_any_value(tmp_path: Path) -> None:
    data = dataset(np.array([10.0, 0.0]), AXES[0])
    data["t"][:] = np.nan
    source = XarraySource(path=written(data, tmp_path / "a.nc"))
    assert np.isnan(source.read(source.header.times, ["t"])).all()


def grib(folder: Path, values: np.ndarray, **keys: object) -> str:
    """A GRIB2 message on 20–0°N, 0–360°E with both ends."""
    handle = eccodes.codes_grib_new_from_samples("regular_ll_pl_grib2")
    grid = {"Ni": 5, "Nj": 3, "latitudeOfFirstGridPointInDegrees": 20.0, "latitudeOfLastGridPointInDegrees": 0.0}
    grid |= {"longitudeOfFirstGridPointInDegrees": 0.0, "longitudeOfLastGridPointInDegrees": 360.0}
    grid |= {"iDirectionIncrementInDegrees": 90.0, "jDirectionIncrementInDegrees": 10.0, "bitsPerValue": 24}
    grid |= {"dataDate": 20200101, "dataTime": 0, "shortName": "t", "level": 500}
    for key, value in (grid | keys).items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(handle, np.asarray(values, np.float64).ravel())
    path = folder / "a.grib2"
    path.write_bytes(eccodes.codes_get_message(handle))
    eccodes.codes_release(handle)
    return str(path)


def test_grib(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    values = np.array([20.0, 10.0, 0.0])[:, None] + np.array([0, 1, 2, 3, 0])
    source = XarraySource(path=grib(tmp_path, values))
    assert source.header.grid.shape == (3, 4)
    found = source.read(source.header.times, ["t_500"])[0, 0, 0]
    np.testing.assert_allclose(found, values[:, :-1].ravel(), atol=1e-5)
    assert WARNING in caplog.text


def test_grib_with_two_values_of_the_meridian(tmp_path: Path) -> None:
    source = XarraySource(path=grib(tmp_path, np.arange(15.0).reshape(3, 5)))
    with pytest.raises(DataError, match="two values: 0 in the first column of longitudes and 4 in the last one"):
        source.read(source.header.times, ["t_500"])
