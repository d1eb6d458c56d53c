"""Formats, several files, and damage."""

import os
import re
import warnings
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml_dataset_sources import xarray_source
from wxml_dataset_sources.xarray_source import XarraySource

HOURS = {"units": "hours since 2000-01-01"}
LAT, LON = [2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0]
VALUES = np.arange(72.0, dtype="float32").reshape(6, 12)  # [time, node]


def fields(names: str = "t", start: int = 0, count: int = 6) -> xr.Dataset:
    """Named fields, 6-hourly; the second is 1000 above the first, and so on."""
    values = VALUES[start : start + count].reshape(count, 3, 4)
    data = {name: (("time", "lat", "lon"), values + np.float32(1000 * i)) for i, name in enumerate(names.split())}
    times = ("time", 6.0 * np.arange(start, start + count), HOURS)
    return xr.Dataset(data, {"time": times, "lat": LAT, "lon": LON})


def write_zarr(dataset: xr.Dataset, path: Path, version: Any, consolidated: bool = False) -> None:
    with warnings.catch_warnings():
        # zarr announces that format 3 has no specification of consolidated metadata yet
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
        dataset.to_zarr(path, zarr_format=version, consolidated=consolidated)


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT", "NETCDF4", "NETCDF4_CLASSIC"])
@pytest.mark.parametrize("name", ["data.nc", "data"])
def test_netcdf_in_each_format(form: Any, name: str, tmp_path: Path) -> None:
    fields().to_netcdf(tmp_path / name, format=form)
    source = XarraySource(path=str(tmp_path / name))
    np.testing.assert_array_equal(source.read(source.header.times, ["t"])[:, 0, 0], VALUES)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("consolidated", [False, True])
def test_zarr_in_each_format(version: Any, consolidated: bool, tmp_path: Path) -> None:
    write_zarr(fields(), tmp_path / "store", version, consolidated)
    source = XarraySource(path=str(tmp_path / "store"))
    np.testing.assert_array_equal(source.read(source.header.times, ["t"])[:, 0, 0], VALUES)


@pytest.mark.parametrize("limit", [xarray_source.KEPT_IN_MEMORY, 0], ids=["in memory", "from disk"])
def test_scattered_reads_equal_one_full_read(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xarray_source, "KEPT_IN_MEMORY", limit)
    fields("t u v").to_netcdf(tmp_path / "a.nc")
    source = XarraySource(path=str(tmp_path / "a.nc"))
    full = source.read(source.header.times, source.header.names)
    for rows, columns in [([4, 1, 1, 5], [2, 0]), ([3], [1]), ([5, 0], [1, 1]), ([1, 2, 3], [0, 1, 2])]:
        some = source.read(source.header.times[rows], [source.header.names[i] for i in columns])
        np.testing.assert_array_equal(some, full[rows][:, :, columns])


def test_a_read_touches_only_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xarray_source, "KEPT_IN_MEMORY", 0)
    dataset = fields("t u")
    for variable in dataset.data_vars.values():
        variable.encoding["chunks"] = (1, *variable.shape[1:])
    write_zarr(dataset, tmp_path / "a.zarr", 2)
    for chunk in [*(tmp_path / "a.zarr" / "u").glob("[0-9]*"), tmp_path / "a.zarr" / "t" / "5.0.0"]:
        chunk.write_bytes(b"not a chunk")
    source = XarraySource(path=str(tmp_path / "a.zarr"))
    np.testing.assert_array_equal(source.read(source.header.times[[0, 4]], ["t"])[:, 0, 0], VALUES[[0, 4]])
    with pytest.raises(DataError, match="`t` cannot be read from"):
        source.read(source.header.times[[5]], ["t"])


def test_decoded_values_are_kept(tmp_path: Path) -> None:
    fields().to_netcdf(tmp_path / "a.nc")
    source = XarraySource(path=str(tmp_path / "a.nc"))
    first = source.read(source.header.times, ["t"])
    (tmp_path / "a.nc").unlink()
    np.testing.assert_array_equal(source.read(source.header.times, ["t"]), first)


def test_files_may_be_written_again_afterwards(tmp_path: Path) -> None:
    fields().to_netcdf(tmp_path / "a.nc")
    source = XarraySource(path=str(tmp_path / "a.nc"))
    source.read(source.header.times, ["t"])
    fields("t", 2, 3).to_netcdf(tmp_path / "a.nc")
    assert XarraySource(path=str(tmp_path / "a.nc")).header.times.size == 3


def test_files_may_be_written_again_after_an_error(tmp_path: Path) -> None:
    content = fields()
    content["lat"].attrs["units"] = "km"
    content.to_netcdf(tmp_path / "a.nc")
    with pytest.raises(DataError, match="`lat` must be in degrees") as caught:
        XarraySource(path=str(tmp_path / "a.nc"))
    fields().to_netcdf(tmp_path / "a.nc")
    assert XarraySource(path=str(tmp_path / "a.nc")).header.names == ("t",)
    assert caught.value.fix  # the error, which knows the open file, is still there


def test_packed_integers_and_missing_values(tmp_path: Path) -> None:
    dataset = fields()
    dataset.t[2, 1, 3] = np.nan
    packing = {"dtype": "int16", "scale_factor": 0.5, "add_offset": 10.0, "_FillValue": -32767}
    dataset.to_netcdf(tmp_path / "packed.nc", encoding={"t": packing})
    source = XarraySource(path=str(tmp_path / "packed.nc"))
    expected = VALUES.copy()
    expected[2, 7] = np.nan
    np.testing.assert_array_equal(source.read(source.header.times, ["t"])[:, 0, 0], expected)


def test_values_never_written_are_missing(tmp_path: Path) -> None:
    import netCDF4

    dataset = fields()
    dataset.t.encoding["_FillValue"] = None
    dataset.to_netcdf(tmp_path / "a.nc", unlimited_dims=["time"])
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as file:
        file["time"][6] = 36.0  # a seventh time; `t` there is the library's fill value, which the file does not declare
    source = XarraySource(path=str(tmp_path / "a.nc"))
    assert np.all(np.isnan(source.read(source.header.times[[6]], ["t"])))
    np.testing.assert_array_equal(source.read(source.header.times[:6], ["t"])[:, 0, 0], VALUES)


def test_two_fill_values_are_both_masked(tmp_path: Path) -> None:
    dataset = fields()
    dataset.t.attrs |= {"missing_value": np.float32(3), "_FillValue": np.float32(5)}
    dataset.to_netcdf(tmp_path / "a.nc")
    source = XarraySource(path=str(tmp_path / "a.nc"))
    assert np.flatnonzero(np.isnan(source.read(source.header.times, ["t"]))).tolist() == [3, 5]


def test_files_with_other_variables_are_merged_and_with_other_times_joined(tmp_path: Path) -> None:
    fields("t", 3, 3).to_netcdf(tmp_path / "b.nc")
    fields("t", 0, 3).to_netcdf(tmp_path / "c.nc")
    write_zarr(fields("x u", 1, 4)[["u"]], tmp_path / "u.zarr", 3)
    source = XarraySource(path=[str(tmp_path / "?.nc"), str(tmp_path / "u.zarr")])
    assert source.header.names == ("t", "u")
    values = source.read(source.header.times, ["u", "t"])[:, 0]
    np.testing.assert_array_equal(values[:, 1], VALUES)
    np.testing.assert_array_equal(values[1:5, 0], VALUES[1:5] + 1000)
    assert np.isnan(values[[0, 5], 0]).all()  # `u` is missing there


def test_a_grid_in_another_order_is_put_in_order(tmp_path: Path) -> None:
    fields().to_netcdf(tmp_path / "a.nc")
    turned = fields("x u")[["u"]].isel(lat=slice(None, None, -1)).roll(lon=2, roll_coords=True)
    turned["lon"] = np.where(turned.lon > 1, turned.lon - 360, turned.lon) + 1e-6
    turned.to_netcdf(tmp_path / "b.nc")
    source = XarraySource(path=[str(tmp_path / "a.nc"), str(tmp_path / "b.nc")])
    np.testing.assert_array_equal(source.read(source.header.times, ["u"])[:, 0, 0], VALUES + 1000)


def test_static_fields_in_several_files_must_agree(tmp_path: Path) -> None:
    for start, height in [(0, 1.0), (3, 1.0)]:
        fields("t", start, 3).assign(z=(("lat", "lon"), np.full((3, 4), height))).to_netcdf(tmp_path / f"{start}.nc")
    assert XarraySource(path=str(tmp_path / "*.nc")).header.names == ("t", "z")
    fields("t", 3, 3).assign(z=(("lat", "lon"), np.full((3, 4), 2.0))).to_netcdf(tmp_path / "3.nc")
    with pytest.raises(DataError, match="'z' is there twice at all times, with different values"):
        XarraySource(path=str(tmp_path / "*.nc"))


def test_overlapping_times_name_both_files_and_a_way_out(tmp_path: Path) -> None:
    fields("t", 0, 4).to_netcdf(tmp_path / "a.nc")
    fields("t", 3, 3).to_netcdf(tmp_path / "b.nc")
    with pytest.raises(
        DataError, match=r"'t' is there twice for 2000-01-01T18: as `t` in `.*a.nc` and as `t` in `.*b.nc`"
    ):
        XarraySource(path=str(tmp_path / "?.nc"))
    apart = XarraySource(path=str(tmp_path / "?.nc"), rename={"b.nc:t": "other"})
    assert apart.header.names == ("t", "other")


def test_grids_that_differ_name_both_files(tmp_path: Path) -> None:
    fields("t").to_netcdf(tmp_path / "a.nc")
    fields("u").assign_coords(lat=[2.5, 1.5, 0.5]).to_netcdf(tmp_path / "b.nc")
    with pytest.raises(DataError, match=r"3 × 4 nodes from 2°N 0°E to 0°N 3°E and .*2.5°N.*a.nc` and `u` in `.*b.nc`"):
        XarraySource(path=str(tmp_path / "?.nc"))


def test_members_that_differ_are_refused(tmp_path: Path) -> None:
    for name, members in [("t", 3), ("u", 2)]:
        fields(name).expand_dims(member=np.arange(members)).to_netcdf(tmp_path / f"{name}.nc")
    with pytest.raises(DataError, match=r"members differ: 3 \(0, 1, 2\) of `t` in .* and 2 \(0, 1\) of `u` in"):
        XarraySource(path=str(tmp_path / "?.nc"))


@pytest.mark.parametrize("suffix", ["nc3", "nc4"])
def test_a_file_cut_short_is_refused(suffix: str, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.nc", tmp_path / "cut.nc"
    fields("t u v").to_netcdf(whole, format="NETCDF3_64BIT" if suffix == "nc3" else "NETCDF4")
    for length in (whole.stat().st_size - 5, whole.stat().st_size // 2, 60, 3):
        cut.write_bytes(whole.read_bytes()[:length])
        with pytest.raises(DataError, match=re.escape(str(cut))):
            XarraySource(path=str(cut))


def test_length_of_a_file_with_records(tmp_path: Path) -> None:
    path = tmp_path / "records.nc"
    dataset = fields("t u").assign(flag=("time", np.arange(6, dtype="int8")))
    dataset.to_netcdf(path, format="NETCDF3_CLASSIC", unlimited_dims=["time"])
    assert XarraySource(path=str(path)).header.times.size == 6
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match="damaged or cut short: it has"):
        XarraySource(path=str(path))


def test_damage_behind_the_header_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    noise = np.random.default_rng(0).normal(size=(6, 30, 40))
    dataset = xr.Dataset(
        {"t": (("time", "lat", "lon"), noise)},
        {"time": ("time", np.arange(6), HOURS), "lat": np.arange(30.0), "lon": np.arange(40.0)},
    )
    dataset.to_netcdf(path, encoding={"t": {"zlib": True, "chunksizes": (1, 30, 40)}})
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4000] = bytes(4000)
    path.write_bytes(content)
    source = XarraySource(path=str(path))
    with pytest.raises(DataError, match=r"`t` cannot be read from `.*a.nc`"):
        source.read(source.header.times, ["t"])


@pytest.mark.parametrize("content", [b"", b"text, not data\n"])
def test_contents_that_are_no_data(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.nc").write_bytes(content)
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"a.nc` cannot be read as netcdf"):
        XarraySource(path=str(tmp_path / "a.nc"))
    with pytest.raises(DataError, match=r"a.csv` is a file of unknown format") as caught:
        XarraySource(path=str(tmp_path / "a.csv"))
    assert "NetCDF" in caught.value.fix
    with pytest.raises(DataError, match=r"a.csv` cannot be read as zarr"):
        XarraySource(path=str(tmp_path / "a.csv"), engine="zarr")


def test_zarr_without_its_metadata(tmp_path: Path) -> None:
    write_zarr(fields(), tmp_path / "a.zarr", 3)
    (tmp_path / "a.zarr" / "t" / "zarr.json").write_text("{")
    with pytest.raises(DataError, match=r"a.zarr` cannot be read as zarr"):
        XarraySource(path=str(tmp_path / "a.zarr"))


def test_groups_are_named_as_the_reason(tmp_path: Path) -> None:
    fields().to_netcdf(tmp_path / "a.nc", group="inner")
    with pytest.raises(DataError, match="no variables at its root") as caught:
        XarraySource(path=str(tmp_path / "a.nc"))
    assert "groups are not read" in caught.value.fix


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    fields().to_netcdf(tmp_path / "temperature.nc")
    with pytest.raises(DataError, match=r"no file `.*temprature.nc`\n  did you mean `.*/temperature.nc`"):
        XarraySource(path=str(tmp_path / "temprature.nc"))
    with pytest.raises(DataError, match=r"no file matches `.*\*.grib`\n.*holds temperature.nc"):
        XarraySource(path=str(tmp_path / "*.grib"))
    with pytest.raises(DataError, match=rf"there is no folder .*; `{tmp_path}` is there"):
        XarraySource(path=str(tmp_path / "nowhere" / "a.nc"))
    with pytest.raises(DataError, match="folder that is no zarr store"):
        XarraySource(path=str(tmp_path))
    with pytest.raises(DataError, match="at least one file"):
        XarraySource(path=[])
    with pytest.raises(DataError, match=r"names .* twice"):
        XarraySource(path=[str(tmp_path / "temperature.nc"), str(tmp_path / "*.nc")])


def test_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.nc").symlink_to(tmp_path / "gone.nc")
    with pytest.raises(DataError, match=r"there is no file `.*a.nc`"):
        XarraySource(path=str(tmp_path / "a.nc"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_permission_denied(tmp_path: Path) -> None:
    fields().to_netcdf(tmp_path / "a.nc")
    (tmp_path / "a.nc").chmod(0)
    with pytest.raises(DataError, match="may not be read: permission denied"):
        XarraySource(path=str(tmp_path / "a.nc"))


def test_a_worker_gets_little_and_reads_the_same(tmp_path: Path) -> None:
    dataset = fields().reindex(lat=np.linspace(2, 0, 9), lon=np.linspace(0, 3, 9), method="nearest")
    dataset.isel(time=np.zeros(400, int)).assign_coords(time=("time", np.arange(400), HOURS)).to_netcdf(
        tmp_path / "a.nc"
    )
    source = XarraySource(path=str(tmp_path / "a.nc"))
    values = source.read(source.header.times, ["t"])
    sent = bytes(ForkingPickler.dumps(source))
    assert len(sent) < values.nbytes / 4
    again = ForkingPickler.loads(sent)
    np.testing.assert_array_equal(again.read(source.header.times, ["t"]), values)


@pytest.mark.parametrize("version", [2, 3])
def test_the_variables_of_a_zarr_store_have_an_order(tmp_path: Path, version: int) -> None:
    """zarr lists a store in the order in which its parts answer, which differs from one opening to the next."""
    write_zarr(fields("v q u t"), tmp_path / "a.zarr", version)
    assert XarraySource(path=str(tmp_path / "a.zarr")).header.names == ("q", "t", "u", "v")
