"""From a checkpoint and a file of another month alone: what is needed, forecasts in two formats, and their scores."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml import open_forecast

Run = Callable[..., Any]
INITIAL = "forecast.inputs.initial={plugin: xarray, path: july.nc}"


def july(trained: Path) -> xr.Dataset:
    """The data of the training, one and a half years later."""
    with xr.open_dataset(trained / "world.nc") as world:
        return world.load().assign_coords(time=world["time"] + np.timedelta64(547 * 24, "h"))


def as_others_write(data: xr.Dataset) -> xr.Dataset:
    """In degC, from south to north, and from 180° west on; with a level that no model asks for."""
    data = data.assign(t=(data["t"] - 273.15).assign_attrs(units="degC"), extra=data["t"].assign_attrs(units="K"))
    turned = data.assign_coords(longitude=("longitude", (data["longitude"].values + 180) % 360 - 180))
    return turned.assign_coords(longitude=turned["longitude"].assign_attrs(units="degrees_east")).sortby(
        ["latitude", "longitude"]
    )


@pytest.fixture(scope="module")
def folder(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint and a file."""
    folder = tmp_path_factory.mktemp("operations")
    shutil.copy(trained / "run" / "checkpoint.safetensors", folder / "model.safetensors")
    as_others_write(july(trained)).to_netcdf(folder / "july.nc")
    return folder


@pytest.fixture(scope="module")
def done(folder: Path, quick_wxml: Run) -> Path:
    """The same with two forecasts of one run."""
    times = ("--start", "2001-07-05", "--end", "2001-07-06", "--every", "12h")
    quick_wxml("forecast", "model.safetensors", INITIAL, *times, "-o", "f.grib2", "-o", "f.zarr", folder=folder)
    return folder


def test_the_checkpoint_says_what_it_is_fed_with(folder: Path, quick_wxml: Run) -> None:
    needed = json.loads(quick_wxml("forecast", "model.safetensors", "--requirements", "json", folder=folder).stdout)
    assert [(one["name"], one["role"], one["offsets"]) for one in needed["variables"]] == [
        ("t", "prognostic", ["-6h", "0h"]),
        ("z", "prognostic", ["-6h", "0h"]),
        ("cos_latitude", "computed", []),
        ("insolation", "computed", []),
    ]
    request = quick_wxml(
        "forecast", "model.safetensors", "--requirements", "mars", "--start", "2001-07-05", folder=folder
    ).stdout
    assert request.count("retrieve,") == 2, "two input states"


def test_both_formats_hold_what_data_in_the_order_of_the_training_give(
    done: Path, trained: Path, quick_wxml: Run
) -> None:
    july(trained).to_netcdf(done / "plain.nc")
    plain = INITIAL.replace("july", "plain")
    quick_wxml("forecast", "model.safetensors", plain, "--start", "2001-07-05", "-o", "plain.zarr", folder=done)
    with open_forecast(done / "f.zarr") as zarr, open_forecast(done / "f.grib2") as grib:
        with open_forecast(done / "plain.zarr") as own:
            for variable in own.header.variables:
                expected = own.read(0, variable.name)
                np.testing.assert_allclose(zarr.read(0, variable.name), expected, rtol=1e-4)
                scale = np.ptp(expected)
                np.testing.assert_allclose(grib.read(0, variable.name), expected, rtol=0, atol=1e-3 * scale)
        assert zarr.header.initial_times.astype(str).tolist() == [
            "2001-07-05T00:00:00",
            "2001-07-05T12:00:00",
            "2001-07-06T00:00:00",
        ]


def test_both_are_verified_against_the_month(done: Path, quick_wxml: Run) -> None:
    found = []
    for name in ("zarr", "grib2"):
        quick_wxml("verify", f"f.{name}", "verification.maps=0", "-o", f"scores-{name}", folder=done)
        with xr.open_dataset(done / f"scores-{name}" / "scores.nc", decode_timedelta=True) as scores:
            found.append(scores["scores"].sel(metric="rmse", forecast="forecast").values)
    assert np.isfinite(found[0]).all()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-2)


def test_the_latest_time_is_that_of_the_file(folder: Path, quick_wxml: Run) -> None:
    quick_wxml("forecast", "model.safetensors", INITIAL, "--start", "latest", "-o", "latest.zarr", folder=folder)
    with open_forecast(folder / "latest.zarr") as forecast:
        assert forecast.header.initial_times.astype(str).tolist() == ["2001-07-10T18:00:00"]
