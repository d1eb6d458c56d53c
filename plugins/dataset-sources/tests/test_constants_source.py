"""The source `constants`: fields of a file at all times of another source."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml import PluginChoice
from wxml.errors import DataError
from wxml.testing import DataSourceContract
from wxml_dataset_sources.constants_source import Constants
from wxml_dataset_sources.xarray_source import XarraySource

SHARED = Path(os.environ.get("WXML_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
carries_out = pytest.mark.carries_out
TIMES = np.datetime64("2020-01-01", "ns") + 6 * np.arange(3) * np.timedelta64(1, "h")
NORTH, EAST = [10.0, 0.0, -10.0], [0.0, 90.0, 180.0, 270.0]


def weather(folder: Path, members: int = 1) -> PluginChoice:
    axes = {"time": TIMES, "number": np.arange(members), "latitude": NORTH, "longitude": EAST}
    values = np.arange(3 * members * 12, dtype="f4").reshape(3, members, 3, 4)
    xr.Dataset({"t": (tuple(axes), values, {"units": "K"})}, axes).to_netcdf(folder / "weather.nc")
    return PluginChoice(plugin="xarray", path=str(folder / "weather.nc"))


def land(folder: Path, **changes: Any) -> str:
    """Orography and land mask without times; the orography is 1000 latitude + longitude."""
    axes = {"latitude": NORTH, "longitude": EAST} | changes
    orography = 1000 * np.array(axes["latitude"])[:, None] + np.mod(axes["longitude"], 360)
    dataset = xr.Dataset({"orog": (("latitude", "longitude"), orography, {"units": "m"})}, axes)
    dataset["lsm"] = dataset["orog"] > 0
    dataset["lsm"] = dataset["lsm"].astype("f4")
    path = folder / "land.nc"
    dataset.to_netcdf(path)
    return str(path)


def timed(folder: Path, path: str, times: int) -> str:
    """The fields with several times, each larger by one than the time before."""
    with xr.open_dataset(path) as dataset:
        moved = xr.concat([dataset[["orog"]] + number for number in range(times)], "time")
        moved.assign_coords(time=TIMES[:times]).to_netcdf(folder / "timed.nc")
    return str(folder / "timed.nc")


class TestConstants(DataSourceContract):
    plugin = Constants

    @pytest.fixture(autouse=True)
    def _files(self, tmp_path):
        self.options = {"source": weather(tmp_path), "path": land(tmp_path)}


def test_the_fields_hold_at_all_times_and_for_all_members(tmp_path: Path) -> None:
    source = Constants(source=weather(tmp_path, members=2), path=land(tmp_path))
    assert source.header.names == ("t", "orog", "lsm")
    assert source.header.variables[1].units == "m"
    found = source.read(source.header.times[[2, 0]], ["orog", "t"])
    expected = (1000 * np.array(NORTH)[:, None] + EAST).ravel()
    assert np.array_equal(found[:, :, 0], np.broadcast_to(expected, (2, 2, 12)))
    assert np.array_equal(found[:, :, 1].ravel(), np.r_[48:72, 0:24])
    record = source.provenance()
    assert [Path(file["name"]).name for file in record["files"]] == ["weather.nc", "land.nc"]
    assert len(source.checksums()) == 2


def test_another_order_of_nodes_is_brought_into_that_of_the_source(tmp_path: Path) -> None:
    path = land(tmp_path, latitude=NORTH[::-1], longitude=[-180.0, -90.0, 0.0, 90.0])
    source = Constants(source=weather(tmp_path), path=path, variables=["orog"])
    found = source.read(source.header.times[:1], ["orog"]).reshape(3, 4)
    assert np.array_equal(found, 1000 * np.array(NORTH)[:, None] + EAST)


def test_one_time_in_the_file_counts_for_all(tmp_path: Path) -> None:
    path = timed(tmp_path, land(tmp_path), 1)
    source = Constants(source=weather(tmp_path), path=path)
    assert source.read(source.header.times, ["orog"])[:, 0, 0, 0].tolist() == [10000] * 3


@carries_out("write `time: {}`, or another time to take their values at")
def test_of_several_times_one_is_chosen(tmp_path: Path) -> None:
    options = {"source": weather(tmp_path), "path": timed(tmp_path, land(tmp_path), 3)}
    with pytest.raises(DataError, match="have 3 times, and constants have one") as caught:
        Constants(**options)
    assert "`time: 2020-01-01T00`" in caught.value.fix
    source = Constants(**options, time="2020-01-01T12")
    assert source.read(source.header.times, ["orog"])[:, 0, 0, 0].tolist() == [10002] * 3
    with pytest.raises(DataError, match="no data for 2021-01-01T00"):
        Constants(**options, time="2021-01-01")


@carries_out("name a file on the grid of the source, or bring it onto that grid first")
def test_another_grid_is_refused_with_both(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"`source` \(xarray\) has a grid of shape \(3, 4\), `path` has one of shape"):
        Constants(source=weather(tmp_path), path=land(tmp_path, latitude=[10.0, 0.0]))
    assert Constants(source=weather(tmp_path), path=land(tmp_path)).header.names


@carries_out("leave it out with `variables`, or give it another name with `rename`")
def test_a_name_that_both_have_is_refused(tmp_path: Path) -> None:
    options = {"source": weather(tmp_path), "path": land(tmp_path)}
    with pytest.raises(DataError, match=r"'t' is in `source` \(xarray\) and in `path`"):
        Constants(**options, rename={"orog": "t"})
    assert Constants(**options, rename={"orog": "height"}).header.names == ("t", "height", "lsm")
    assert Constants(**options, rename={"orog": "t"}, variables=["lsm"]).header.names == ("t", "lsm")


@carries_out("name a file with fields of one member")
def test_other_members_are_refused(tmp_path: Path) -> None:
    with xr.open_dataset(land(tmp_path)) as dataset:
        dataset.expand_dims(number=[0, 1, 2]).to_netcdf(tmp_path / "members.nc")
    with pytest.raises(DataError, match=r"have 3 members, and .* has 1"):
        Constants(source=weather(tmp_path), path=str(tmp_path / "members.nc"))
    assert Constants(source=weather(tmp_path), path=land(tmp_path)).header.members == 1


def test_the_relief_of_a_model_under_its_forecast() -> None:
    pattern = SHARED / "static-fields"
    if not pattern.exists():
        pytest.skip(f"real data are not here: {pattern}")
    main = PluginChoice(plugin="xarray", path=str(SHARED / "echam5-global-6h" / "tsurf.nc"))
    orography = str(pattern / "orog_mod1_rectilinear_grid_2D.nc")
    source = Constants(source=main, path=[orography, str(pattern / "sftlf_mod1_rectilinear_grid_2D.nc")])
    found = source.read(source.header.times[[0, 39]], ["orog", "tsurf"])
    with xr.open_dataset(orography) as dataset:
        there = dataset["orog"].sel(lat=source.header.grid.latitudes.reshape(96, 192)[:, 0], method="nearest")
        there = there.sel(lon=source.header.grid.longitudes.reshape(96, 192)[0], method="nearest")
        assert np.array_equal(found[1, 0, 0], there.values.ravel().astype("f4"))
    assert np.array_equal(found[0, 0, 0], found[1, 0, 0])
    only = XarraySource(path=main.options["path"])
    assert np.array_equal(found[:, :, 1:], only.read(only.header.times[[0, 39]], ["tsurf"]))
