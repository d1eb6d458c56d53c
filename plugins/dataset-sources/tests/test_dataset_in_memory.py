"""A dataset in memory is understood as the file that it would be."""

import numpy as np
import pytest
import xarray as xr
from wxml import DataError
from wxml_dataset_sources.xarray_source import XarraySource


def fields(**changes: object) -> xr.Dataset:
    """Two levels of temperature and a land mask, six-hourly."""
    rng = np.random.default_rng(0)
    axes = ("time", "level", "latitude", "longitude")
    t = xr.Variable(axes, rng.normal(280, 5, (3, 2, 4, 8)).astype("f4"), {"units": "K"})
    t.values[1, 0, 2, 3] = np.nan
    coordinates = {
        "time": np.datetime64("2020-01-01", "ns") + np.arange(3) * np.timedelta64(6, "h"),
        "level": ("level", [500, 850], {"units": "hPa", "standard_name": "air_pressure"}),
        "latitude": ("latitude", [60.0, 20.0, -20.0, -60.0], {"units": "degrees_north"}),
        "longitude": ("longitude", 45.0 * np.arange(8), {"units": "degrees_east"}),
    }
    land = (axes[2:], rng.random((4, 8)).astype("f4"), {"units": "1"})
    return xr.Dataset({"t": t, "land": land}, coordinates).assign(changes)


def test_it_is_what_its_file_would_be(tmp_path) -> None:
    dataset = fields()
    dataset.to_netcdf(tmp_path / "fields.nc")
    file, memory = XarraySource(path=str(tmp_path / "fields.nc")), XarraySource.of_dataset(dataset)
    assert memory.header.variables == file.header.variables
    assert memory.header.names == ("t_500", "t_850", "land")
    assert memory.header.grid.identity == file.header.grid.identity
    np.testing.assert_array_equal(memory.header.times, file.header.times)
    times = file.header.times
    np.testing.assert_array_equal(memory.read(times, memory.header.names), file.read(times, memory.header.names))
    assert np.isnan(memory.read(times, ["t_500"])).sum() == 1


@pytest.mark.parametrize("decoded", [{}, {"decode_timedelta": True}])
def test_what_xarray_opened_is_what_it_opened_it_from(tmp_path, decoded) -> None:
    """Packed integers, limits of packed values, and a forecast by lead time."""
    dataset = fields().isel(time=0, drop=True).expand_dims(time=[np.datetime64("2020-01-01", "ns")])
    dataset = xr.concat([dataset, dataset + 1], "step").assign_coords(step=np.array([0, 6]) * np.timedelta64(1, "h"))
    for name in ("t", "land"):
        dataset[name].attrs = fields()[name].attrs
    packing = {"dtype": "i2", "scale_factor": 0.01, "add_offset": 270.0, "_FillValue": -32767}
    dataset.t.attrs["valid_min"] = np.int16(-30000)
    path = tmp_path / "packed.nc"
    dataset.to_netcdf(path, encoding={"t": packing})
    file = XarraySource(path=str(path))
    with xr.open_dataset(path, **decoded) as opened:
        memory = XarraySource.of_dataset(opened)
        assert memory.header.variables == file.header.variables
        np.testing.assert_array_equal(memory.header.times, file.header.times)
        names = file.header.names
        np.testing.assert_array_equal(memory.read(file.header.times, names), file.read(file.header.times, names))
        assert memory.provenance()["files"][0]["name"] == "packed.nc"
        opened.t.mean()  # it is still open


def test_a_dataset_stays_as_it_is() -> None:
    dataset = fields()
    before = dataset.copy(deep=True)
    XarraySource.of_dataset(dataset).read([np.datetime64("2020-01-01T06")], ["t_850"])
    xr.testing.assert_identical(dataset, before)


def test_only_what_is_asked_for_is_computed() -> None:
    dask = pytest.importorskip("dask.array")
    computed: list[int] = []

    def seen(block: np.ndarray) -> np.ndarray:
        computed.append(block.shape[0])
        return block

    dataset = fields()
    lazy = dask.map_blocks(seen, dask.from_array(dataset.t.values, (1, 2, 4, 8)), dtype="f4", meta=np.zeros(0, "f4"))
    source = XarraySource.of_dataset(dataset.assign(t=(dataset.t.dims, lazy, dataset.t.attrs)))
    assert computed == []
    expected = dataset.t.values[2:, 1].reshape(1, 1, 1, 32)
    np.testing.assert_array_equal(source.read([np.datetime64("2020-01-01T12")], ["t_850"]), expected)
    assert computed == [1]


def test_the_record_tells_other_values() -> None:
    record = XarraySource.of_dataset(fields()).provenance()
    assert record == XarraySource.of_dataset(fields()).provenance()
    other = XarraySource.of_dataset(fields() + 1).provenance()
    assert record["files"][0]["sha256_in_memory"] != other["files"][0]["sha256_in_memory"]
    assert XarraySource.of_dataset(fields()).fingerprint() is None


@pytest.mark.carries_out(
    "give a dataset; `array.to_dataset(name=…)` makes one of an array", "give a dataset with fields in it"
)
def test_what_is_no_dataset_is_refused() -> None:
    dataset = fields()
    with pytest.raises(DataError, match="got DataArray"):
        XarraySource.of_dataset(dataset.t)
    with pytest.raises(DataError, match="holds no variables"):
        XarraySource.of_dataset(dataset[["time"]])
    named = XarraySource.of_dataset(dataset.t.to_dataset(name="t"))
    assert named.header.names == ("t_500", "t_850")


@pytest.mark.carries_out("give times of one kind, such as datetime64")
def test_times_of_several_kinds_are_refused() -> None:
    cftime = pytest.importorskip("cftime")
    noleap = np.array([cftime.DatetimeNoLeap(2020, 1, day) for day in (1, 2, 3)])
    dataset = fields().assign_coords(time=noleap)
    assert len(XarraySource.of_dataset(dataset).header.times) == 3
    mixed = np.array([noleap[0], cftime.DatetimeGregorian(2020, 1, 2), noleap[2]])
    with pytest.raises(DataError, match="cannot be written as numbers"):
        XarraySource.of_dataset(fields().drop_vars("time").assign({"when": ("time", mixed)}))
