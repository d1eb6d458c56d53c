"""Two coordinates that claim to be one thing: the surer one is taken, and none if both are as sure and differ."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource

HOURS = "hours since 2020-01-01"


def field(path: Path, **coordinates: Any) -> str:
    """One variable at two times on 2 × 2 nodes, with more coordinates."""
    axes = {
        "time": ("time", [0.0, 6.0], {"units": HOURS}),
        "lat": ("lat", [1.0, 0.0], {"units": "degrees_north"}),
        "lon": ("lon", [0.0, 1.0], {"units": "degrees_east"}),
    }
    values = np.ones((2, 2, 2), "f4")
    dataset = xr.Dataset({"x": (("time", "lat", "lon"), values)}, axes).assign_coords(coordinates)
    dataset.to_zarr(path, zarr_format=2) if path.suffix == ".zarr" else dataset.to_netcdf(path)
    return str(path)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize(
    ("name", "rival", "kind"),
    [
        ("other", ("lat", [51.0, 50.0], {"units": "degrees_north"}), "latitude"),
        ("a_latitude", ("lat", [51.0, 50.0], {"standard_name": "latitude"}), "latitude"),
        ("other", ("lon", [10.0, 11.0], {"units": "degrees_east"}), "longitude"),
    ],
)
def test_places_that_differ_are_refused(name: str, rival: Any, kind: str, suffix: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"both claim to be the {kind}, and hold different values"):
        XarraySource(path=field(tmp_path / f"a{suffix}", **{name: rival}))


@pytest.mark.parametrize(
    "rival",
    [
        ("lat", [1.0, 0.0], {"units": "degrees_north"}),  # the same
        ("lat", np.array([1.00001, 0.0], "f4"), {"units": "degrees_north"}),  # the same but for rounding
        ("lat", [51.0, 50.0], {"standard_name": "projection_y_coordinate"}),  # no latitude
        ("lat", [51.0, 50.0], {}),  # its name is all that it has
    ],
)
def test_the_surer_place_is_taken(rival: Any, tmp_path: Path) -> None:
    source = XarraySource(path=field(tmp_path / "a.nc", latitude=rival))
    np.testing.assert_allclose(source.header.grid.latitudes, [1.0, 1.0, 0.0, 0.0], atol=1e-4)


def test_dates_that_differ_are_refused_and_the_right_ones_can_be_named(tmp_path: Path) -> None:
    path = field(tmp_path / "a.nc", valid=("time", [100.0, 106.0], {"units": HOURS, "standard_name": "time"}))
    assert XarraySource(path=path).header.times[0] == np.datetime64("2020-01-05T04")  # a standard name is surer
    path = field(tmp_path / "b.nc", dates=("time", [100.0, 106.0], {"units": HOURS}))
    with pytest.raises(
        DataError, match="`dates` and `time` both claim to be the times, and hold different dates"
    ) as caught:
        XarraySource(path=path)
    assert "rename: {dates: valid_time}" in caught.value.fix
    times = {name: XarraySource(path=path, rename={name: "valid_time"}).header.times[0] for name in ("dates", "time")}
    assert times == {"dates": np.datetime64("2020-01-05T04"), "time": np.datetime64("2020-01-01T00")}


@pytest.mark.parametrize(
    "rival",
    [
        ("time", [0.0, 0.25], {"units": "days since 2020-01-01"}),  # the same dates
        ("time", [0.0, 6.0], {"units": "months since 2020-01-01"}),  # no dates
        ("time", ["01/15/2011 (12:00)", "01/15/2011 (18:00)"]),
    ],
)
def test_the_same_dates_and_what_is_no_date_do_not_matter(rival: Any, tmp_path: Path) -> None:
    path = field(tmp_path / "a.nc", time2=rival)
    assert XarraySource(path=path).header.times[0] == np.datetime64("2020-01-01T00")


@pytest.mark.parametrize("dtype", ["f4", "i2"])
@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("fill", [0, None])
def test_zeros_that_a_store_calls_missing_are_told(
    dtype: str, zarr_format: Any, fill: int | None, tmp_path: Path, caplog: Any
) -> None:
    """Format 3 says nothing of missing values by its fill value."""
    path = tmp_path / "a.zarr"
    xr.load_dataset(field(tmp_path / "a.nc"), decode_times=False).to_zarr(
        path, zarr_format=zarr_format, consolidated=False
    )
    shutil.rmtree(path / "x")
    group = zarr.open_group(path, mode="a", zarr_format=zarr_format, use_consolidated=False)
    names = ["time", "lat", "lon"]
    more: dict[str, Any] = {"dimension_names": names} if zarr_format == 3 else {}
    array = group.create_array("x", shape=(2, 2, 2), dtype=dtype, fill_value=fill, **more)
    array[:] = np.arange(8).reshape(2, 2, 2)
    if zarr_format == 2:
        array.attrs["_ARRAY_DIMENSIONS"] = names
    source = XarraySource(path=str(path))
    is_missing = zarr_format == 2 and fill == 0
    assert np.isnan(source.read(source.header.times, ["x"])).sum() == is_missing
    assert (f"the zeros of `x` in `{path}` are read as missing" in caplog.text) == is_missing
