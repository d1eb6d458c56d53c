"""`wxml verify` against other data: the same scores in whatever form they come, or a refusal with both names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

Change = Callable[[xr.Dataset], xr.Dataset]


def shifted(world: xr.Dataset) -> xr.Dataset:
    """Longitudes from -180 on."""
    return world.assign_coords(longitude=(world.longitude + 180) % 360 - 180).sortby("longitude")


def as_cells(world: xr.Dataset) -> xr.Dataset:
    """A list of nodes in another order."""
    stacked = world.stack(cell=["latitude", "longitude"]).reset_index("cell")
    return stacked.isel(cell=np.random.default_rng(0).permutation(stacked.sizes["cell"]))


def in_units(name: str, units: str, factor: float = 1.0, offset: float = 0.0) -> Change:
    """One variable in other units."""

    def change(world: xr.Dataset) -> xr.Dataset:
        return world.assign({name: (world[name] * factor + offset).assign_attrs(units=units)})

    return change


def with_attributes(name: str, **attributes: str) -> Change:
    """One variable with more attributes."""
    return lambda world: world.assign({name: world[name].assign_attrs(**attributes)})


SAME: dict[str, Change] = {
    "latitudes from south to north": lambda world: world.isel(latitude=slice(None, None, -1)),
    "longitudes from -180": shifted,
    "longitudes from east to west": lambda world: world.isel(longitude=slice(None, None, -1)),
    "a list of nodes": as_cells,
    "longitude before latitude": lambda world: world.transpose("longitude", "time", "latitude"),
    "units in another spelling": in_units("t", "kelvin"),
    "other units": in_units("t", "degC", offset=-273.15),
    "the calendar noleap": lambda world: world.convert_calendar("noleap"),
    "the calendar julian": lambda world: world.convert_calendar("julian", use_cftime=True).assign_coords(
        time=xr.date_range("1999-12-19", periods=world.sizes["time"], freq="6h", calendar="julian", use_cftime=True)
    ),
    "an instant that is stated": with_attributes("t", cell_methods="time: point"),
}
OTHER: dict[str, tuple[Change, str]] = {
    "a height": (in_units("z", "m", factor=1 / 9.80665), "has 'z' in 'm2 s-2', and the truth has it in 'm'"),
    "as many nodes elsewhere": (
        lambda world: world.assign_coords(longitude=world.longitude + 5.0),
        "has one of shape (6, 8) with other nodes",
    ),
    "another shape": (lambda world: world.isel(latitude=slice(1, None)), "the truth has one of shape (5, 8)"),
    "the calendar 360_day": (lambda world: world.convert_calendar("360_day", align_on="date"), "calendar '360_day'"),
    "one variable alone": (lambda world: world[["t"]], "no variable 'z'"),
}


def verify(run: Any, folder: Path, target: Path, *changes: str) -> Any:
    """Verify the forecast in `folder`; nobody looks at the maps, which take longest."""
    return run("verify", "forecast.nc", "verification.maps=0", *changes, "-o", target, "--json", folder=folder)


def verify_against(change: Change, run: Any, folder: Path, tmp_path: Path) -> Any:
    """Verify it against the changed world."""
    change(xr.load_dataset(folder / "world.nc")).to_netcdf(tmp_path / "truth.nc")
    return verify(run, folder, tmp_path / "scores", f"data.source.path={tmp_path / 'truth.nc'}")


@pytest.fixture(scope="module")
def wanted(forecast_file: Path, quick_wxml, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The scores against the world as it is."""
    done = verify(quick_wxml, forecast_file.parent, tmp_path_factory.mktemp("expected") / "scores")
    return list(json.loads(done.stdout)["scores"])


IN_CHECK = ("a list of nodes", "other units", "the calendar julian")
"""The others are left to `nox -s long`; the tests of data sources read all of these forms."""
EACH = [pytest.param(name, marks=() if name in IN_CHECK else pytest.mark.long()) for name in SAME]


@pytest.mark.parametrize("change", EACH)
def test_the_same_data_in_another_form_give_the_same_scores(
    change: str, wanted: list[dict[str, Any]], forecast_file: Path, quick_wxml, tmp_path: Path
) -> None:
    done = verify_against(SAME[change], quick_wxml, forecast_file.parent, tmp_path)
    found = json.loads(done.stdout)["scores"]
    assert [row["variable"] for row in wanted] == [row["variable"] for row in found]
    for one, other in zip(wanted, found, strict=True):
        assert other["value"] == (None if one["value"] is None else pytest.approx(one["value"], rel=1e-5)), one


@pytest.mark.parametrize("change", list(OTHER))
def test_other_data_are_refused_with_both_names(change: str, forecast_file: Path, quickly, tmp_path: Path) -> None:
    make, words = OTHER[change]
    done = verify_against(make, quickly, forecast_file.parent, tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (tmp_path / "scores").exists()
