"""Missing values: declared ones, those outside of the valid range, and those that were never written."""

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource


def write(path: Path, values: Any, attributes: dict[str, Any], fill: Any = None, written: int = 12) -> None:
    """One time of `t` on 3 × 4 nodes; the values after the first `written` rows of nodes are never written."""
    path.unlink(missing_ok=True)
    axes = [
        ("time", [0.0], "hours since 2020-01-01"),
        ("lat", [50.0, 40.0, 30.0], "degrees_north"),
        ("lon", [0.0, 10.0, 20.0, 30.0], "degrees_east"),
    ]
    with netCDF4.Dataset(path, "w") as file:
        for name, places, units in axes:
            file.createDimension(name, len(places))
            axis = file.createVariable(name, "f8", (name,))
            axis[:] = places
            axis.units = units
        variable = file.createVariable("t", values.dtype, ("time", "lat", "lon"), fill_value=fill)
        variable.set_auto_maskandscale(False)
        variable.setncatts({"units": "K", **attributes})
        if written:
            variable[0, : written // 4] = values.reshape(3, 4)[: written // 4]


def by_netcdf4(path: Path) -> np.ndarray:
    """The values as the library netCDF4 masks and scales them."""
    with netCDF4.Dataset(path) as file:
        return np.ma.filled(file["t"][0].astype("f8"), np.nan).astype("f4").ravel()


def by_wxml(path: Path) -> np.ndarray:
    source = XarraySource(path=str(path))
    return source.read(source.header.times, ["t"]).ravel()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["i1", "u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"]),
    limits=st.tuples(st.integers(0, 60), st.integers(60, 127)),
    how=st.sampled_from(["none", "valid_range", "valid_min", "valid_max", "both"]),
    missing=st.sampled_from([None, 7]),
    fill=st.sampled_from([None, 11]),
    is_packed=st.booleans(),
    written=st.sampled_from([0, 8, 12]),
)
@example(kind="f4", limits=(0, 60), how="none", missing=None, fill=None, is_packed=True, written=0)
@example(kind="f8", limits=(0, 60), how="none", missing=None, fill=None, is_packed=True, written=8)
def test_the_same_values_are_missing_as_in_netcdf4(
    kind: str, limits: Any, how: str, missing: Any, fill: Any, is_packed: bool, written: int, tmp_path: Path
) -> None:
    lowest, highest = (np.dtype(kind).type(limit) for limit in limits)
    attributes: dict[str, Any] = {
        "none": {},
        "valid_range": {"valid_range": np.array([lowest, highest])},
        "valid_min": {"valid_min": lowest},
        "valid_max": {"valid_max": highest},
        "both": {"valid_min": lowest, "valid_max": highest},
    }[how]
    attributes |= {} if missing is None else {"missing_value": np.dtype(kind).type(missing)}
    attributes |= {"scale_factor": 0.5, "add_offset": 270.0} if is_packed else {}
    values = np.array([0, 1, 7, 11, 30, 59, 60, 61, 100, 120, 126, 127], kind)
    path = tmp_path / "a.nc"
    # of one byte, every number is a value: the format has no fill value for it that need not be declared
    write(path, values, attributes, fill, 12 if values.dtype.itemsize == 1 else written)
    np.testing.assert_array_equal(by_wxml(path), by_netcdf4(path))


@pytest.mark.parametrize("flag", ["true", "false"])
@pytest.mark.parametrize("kind", ["i1", "i2"])
def test_limits_of_unsigned_integers(flag: str, kind: str, tmp_path: Path) -> None:
    values = np.arange(-48, 96, 12).astype(kind)
    highest = {"true": 200, "false": 60}[flag]
    write(tmp_path / "a.nc", values, {"_Unsigned": flag, "valid_range": np.array([0, highest]).astype(kind)})
    meant = (values.view(f"u{values.itemsize}") if flag == "true" else values).astype("f4")
    right = np.where((meant < 0) | (meant > highest), np.float32(np.nan), meant)
    np.testing.assert_array_equal(by_wxml(tmp_path / "a.nc"), right)


def test_limits_of_packed_integers_may_be_unpacked_numbers(tmp_path: Path) -> None:
    """NetCDF User's Guide: limits of the type of `scale_factor`, wider than that of the data, are unpacked values."""
    values = np.arange(0, 120, 10).astype("i2")
    packing = {"scale_factor": np.float32(0.5), "add_offset": np.float32(270)}
    write(tmp_path / "a.nc", values, {**packing, "valid_range": np.float32([280, 300])})
    expected = 270 + 0.5 * values.astype("f4")
    expected[(expected < 280) | (expected > 300)] = np.nan
    np.testing.assert_array_equal(by_wxml(tmp_path / "a.nc"), expected)


@pytest.mark.parametrize("limit", [0, 1 << 40])
def test_limits_count_in_memory_and_from_disk(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxml_dataset_sources.xarray_source.KEPT_IN_MEMORY", limit)
    values = np.arange(12, dtype="f4")
    write(tmp_path / "a.nc", values, {"valid_min": np.float32(3), "valid_max": np.float32(9)})
    assert np.flatnonzero(np.isnan(by_wxml(tmp_path / "a.nc"))).tolist() == [0, 1, 2, 10, 11]


def test_limits_in_zarr(tmp_path: Path) -> None:
    values = np.arange(12, dtype="i2").reshape(1, 3, 4)
    axes = {"time": ("time", [0.0], {"units": "hours since 2020-01-01"}), "lat": [2.0, 1.0, 0.0]}
    dataset = xr.Dataset({"t": (("time", "lat", "lon"), values)}, {**axes, "lon": [0.0, 1.0, 2.0, 3.0]})
    dataset.t.attrs |= {"valid_range": [2, 9]}
    dataset.to_zarr(tmp_path / "a.zarr", zarr_format=2)
    assert np.flatnonzero(np.isnan(by_wxml(tmp_path / "a.zarr"))).tolist() == [0, 1, 10, 11]


@pytest.mark.parametrize(
    ("name", "limit"),
    [("valid_range", [0.0, 1.0, 2.0]), ("valid_range", 3.0), ("valid_min", "0"), ("valid_max", [1, 2])],
)
def test_limits_that_are_no_numbers_are_refused_when_the_file_is_opened(name: str, limit: Any, tmp_path: Path) -> None:
    write(tmp_path / "a.nc", np.arange(12, dtype="f4"), {name: limit})
    with pytest.raises(DataError, match=rf"a.nc`: the attribute `{name}` must be"):
        XarraySource(path=str(tmp_path / "a.nc"))
