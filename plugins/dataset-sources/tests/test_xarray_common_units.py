"""Files of one variable in other units: every value is in the units of the first file, wherever it is read."""

import logging
from pathlib import Path

import eccodes
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml.data.statistics import compute_statistics
from wxml.data.units import conversion
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource

ALIKE = [
    ("K", "degC", "degF", "Celsius"),
    ("Pa", "hPa", "mbar"),
    ("m s-1", "km h-1", "knots"),
    ("kg/kg", "g kg**-1", "%"),
]
PAIRS = [(first, other) for group in ALIKE for first in group for other in group if first != other]


def piece(path: Path, start: int, values: np.ndarray, units: str, name: str = "x") -> str:
    """`[time, level, node]` from the hour `start` on, as NetCDF or zarr."""
    axes = {
        "time": ("time", start + 6.0 * np.arange(len(values)), {"units": "hours since 2020-01-01"}),
        "level": ("level", 850.0 - 350 * np.arange(values.shape[1]), {"units": "hPa", "axis": "Z"}),
        "lat": [1.0, 0.0],
        "lon": np.arange(values.shape[2] / 2),
    }
    shaped = values.reshape(*values.shape[:2], 2, -1).astype("f4")
    dataset = xr.Dataset({name: (tuple(axes), shaped, {"units": units})}, axes)
    dataset.to_zarr(path, zarr_format=2) if path.suffix == ".zarr" else dataset.to_netcdf(path)
    return str(path)


def brought(values: np.ndarray, units: str, wanted: str) -> np.ndarray:
    line = conversion(units, wanted)
    assert line is not None
    return values * line.scale + line.offset


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PAIRS), st.sampled_from([".nc", ".zarr"]), st.booleans(), st.integers(0, 99), st.integers(1, 2))
def test_values_and_statistics_are_those_of_one_unit(tmp_path_factory, pair, suffix, cached, seed, levels) -> None:
    folder, (first, other) = tmp_path_factory.mktemp("units"), pair
    truth = np.random.default_rng(seed).normal(280, 20, (4, levels, 6))  # in the units of the first
    paths = [
        piece(folder / "a.nc", 0, truth[:2], first),
        piece(folder / f"b{suffix}", 12, brought(truth[2:], first, other), other),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wxml_dataset_sources.xarray_source.KEPT_IN_MEMORY", 2**30 if cached else -1)
        source = XarraySource(path=paths)
    assert {variable.units for variable in source.header.variables} == {first}
    values = source.read(source.header.times, source.header.names)[:, 0]
    np.testing.assert_allclose(values, truth, rtol=1e-6, atol=1e-4)
    np.testing.assert_array_equal(
        source.read(source.header.times[[3, 1]], source.header.names[-1:])[:, 0], values[[3, 1], -1:]
    )
    statistics = compute_statistics(source, source.header.names, source.header.times, np.timedelta64(6, "h"))
    weights = source.header.grid.area_weights
    np.testing.assert_allclose(statistics.mean, (truth @ weights).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(statistics.minimum, truth.min(axis=(0, 2)), rtol=1e-6, atol=1e-4)


def test_the_log_says_once_what_is_converted(tmp_path, caplog) -> None:
    kelvin = np.full((1, 2, 4), 280.0)
    paths = [piece(tmp_path / "0.nc", 0, kelvin, "K")]
    paths += [piece(tmp_path / f"{day}.nc", 24 * day, kelvin - 273.15, "degC") for day in range(1, 8)]
    with caplog.at_level(logging.INFO, "wxml"):
        source = XarraySource(path=paths)
    told = [message for message in caplog.messages if "converted" in message]
    assert told == [
        f"'x' is in 'degC' as `x` in `{paths[1]}` and 6 more files; it is converted to 'K', as in `{paths[0]}`"
    ]
    np.testing.assert_allclose(source.read(source.header.times, source.header.names), 280.0, rtol=1e-6)


def test_missing_values_stay_missing(tmp_path) -> None:
    values = np.full((1, 1, 4), 20.0)
    values[..., 2] = np.nan
    paths = [piece(tmp_path / f"{i}.nc", 6 * i, values + i * 273.15, unit) for i, unit in enumerate(["degC", "K"])]
    found = XarraySource(path=paths)
    read = found.read(found.header.times, found.header.names)[:, 0, 0]
    assert np.isnan(read).tolist() == [[False, False, True, False]] * 2
    np.testing.assert_allclose(read[:, [0, 1, 3]], 20.0, atol=1e-4)


def cover(path: Path, parameter: int, date: int, value: float) -> str:
    """A GRIB message of cloud cover: parameter 164 is a share, 228164 is in per cent; both are called tcc."""
    handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
    for key, given_ in {"paramId": parameter, "dataDate": date, "dataTime": 0, "bitsPerValue": 24}.items():
        eccodes.codes_set(handle, key, given_)
    eccodes.codes_set_values(handle, np.full(eccodes.codes_get(handle, "numberOfValues"), value))
    with path.open("ab") as file:
        eccodes.codes_write(handle, file)
    eccodes.codes_release(handle)
    return str(path)


@pytest.mark.parametrize("apart", [True, False], ids=["a file each", "one file"])
def test_messages_of_grib_in_other_units(tmp_path, apart) -> None:
    names = ["a.grib2", "b.grib2" if apart else "a.grib2"]
    first = cover(tmp_path / names[0], 164, 20200101, 0.25)
    second = cover(tmp_path / names[1], 228164, 20200102, 75.0)
    source = XarraySource(path=sorted({first, second}))
    assert [(one.name, one.units) for one in source.header.variables] == [("tcc", "(0 - 1)")]
    values = source.read(source.header.times, ["tcc"])[:, 0, 0]
    np.testing.assert_allclose(values[:, 0], [0.25, 0.75], atol=1e-6)
    assert np.ptp(values, axis=1).max() < 1e-6


def static(path: Path, units: str, height: float, start: int) -> str:
    """A field without times beside one with a time."""
    axes = {"time": ("time", [start], {"units": "hours since 2020-01-01"}), "lat": [1.0, 0.0], "lon": [0.0, 1.0]}
    fields = {
        "z": (("lat", "lon"), np.full((2, 2), height, "f4"), {"units": units}),
        "t": (("time", "lat", "lon"), np.zeros((1, 2, 2), "f4"), {"units": "K"}),
    }
    xr.Dataset(fields, axes).to_netcdf(path)
    return str(path)


def test_a_field_without_times_that_files_repeat_in_other_units(tmp_path) -> None:
    metres, kilometres = static(tmp_path / "a.nc", "m", 512.3, 0), static(tmp_path / "b.nc", "km", 0.5123, 6)
    source = XarraySource(path=[metres, kilometres])
    np.testing.assert_allclose(source.read(source.header.times, ["z"]), 512.3, rtol=1e-6)
    wrong = static(tmp_path / "c.nc", "km", 512.3, 12)
    with pytest.raises(DataError, match="'z' is there twice at all times, with different values"):
        XarraySource(path=[metres, wrong])
    other = static(tmp_path / "d.nc", "m2 s-2", 512.3, 12)
    with pytest.raises(DataError, match=r"'z' has units 'm' as .*, and 'm2 s-2' as"):
        XarraySource(path=[metres, other])
