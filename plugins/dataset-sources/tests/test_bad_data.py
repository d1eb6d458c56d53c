"""Data with faults: the right values, or one sentence that names the file and the fault; see `docs/bad-data.md`."""

import os
from pathlib import Path
from typing import Any

import cftime
import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading.second_60 import tell_second_60
from wxml_dataset_sources.xarray_source import XarraySource

SHARED = Path(os.environ.get("WXML_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
UNIX_EPOCH = 2440588
"""The Julian day number of 1970-01-01."""
TIMES = 6 * np.arange(4)
HOURS = {"units": "hours since 2000-01-01"}


def world(times: Any = TIMES, attributes: dict[str, Any] | None = None, shift: float = 0.0) -> xr.Dataset:
    """Temperatures at four times on 3 × 4 nodes, all of them different."""
    values = np.arange(48, dtype="f4").reshape(4, 3, 4) + np.float32(shift)
    return xr.Dataset(
        {"t": (("time", "lat", "lon"), values, {"units": "K"})},
        {
            "time": (
                "time",
                np.asarray(times),
                {"units": "hours since 2000-01-01"} if attributes is None else attributes,
            ),
            "lat": ("lat", [30.0, 20.0, 10.0], {"units": "degrees_north"}),
            "lon": ("lon", [0.0, 10.0, 20.0, 30.0], {"units": "degrees_east"}),
        },
    )


def at(path: Path) -> XarraySource:
    return XarraySource(path=str(path))


def values(source: XarraySource) -> Any:
    return source.read(source.header.times, ["t"]).reshape(-1, 3, 4)


@given(
    year=st.one_of(st.integers(1, 9990), st.sampled_from([1582, 1677, 1678, 1900, 2262, 2263])),
    month=st.integers(1, 12),
    day=st.integers(1, 28),
    hours=st.lists(st.integers(0, 20_000), min_size=4, max_size=4, unique=True).map(sorted),
    calendar=st.sampled_from(["standard", "gregorian", "proleptic_gregorian", "julian", "noleap"]),
)
@settings(max_examples=40, deadline=None)
def test_a_date_of_any_year_is_the_day_that_cftime_counts(
    year: int, month: int, day: int, hours: list[int], calendar: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if (year, month) == (1582, 10):
        day = 4 if calendar == "standard" else day  # the days between are in no calendar
        day = 4 if calendar == "gregorian" else day
    units = f"hours since {year:04}-{month:02}-{day:02}"
    path = tmp_path_factory.mktemp("dates") / "a.nc"
    world(hours, {"units": units, "calendar": calendar}).to_netcdf(path)
    found = at(path).header.times
    dates = cftime.num2date(hours, units, calendar, only_use_cftime_datetimes=True)
    if calendar == "noleap":
        assert [str(time) for time in found] == [date.isoformat() for date in dates]
        return
    days = found.astype("M8[D]").astype(int) + UNIX_EPOCH
    seconds = (found - found.astype("M8[D]")).astype("m8[s]").astype(int)
    assert days.tolist() == [date.toordinal() for date in dates]
    assert seconds.tolist() == [3600 * date.hour for date in dates]


LAST_SECONDS = ["2016-12-31T23:59:57", "2016-12-31T23:59:58", "2016-12-31T23:59:59", "2016-12-31T23:59:60"]


@pytest.mark.parametrize(
    ("times", "attributes", "read"),
    [
        (LAST_SECONDS, {}, [*LAST_SECONDS[:3], "2017-01-01T00:00:00"]),
        ([f"2000-01-01T0{hour}:59:60" for hour in range(4)], {}, [f"2000-01-01T0{hour}" for hour in range(1, 5)]),
        (
            [f"2015063023595{i}" for i in range(3)] + ["20150630235960"],
            {},
            [f"2015-06-30T23:59:5{i}" for i in range(3)],
        ),
        ([f"2017-01-01 0{hour}:59:60+01:00" for hour in range(4)], {}, [f"2017-01-01T0{hour}" for hour in range(4)]),
        (TIMES, {"units": "hours since 2016-12-31 23:59:60"}, None),
        (TIMES, {"units": "hours since 2016-12-31 23:59:60.0 UTC", "calendar": "julian"}, None),
    ],
)
def test_the_second_60_is_the_first_of_the_next_minute(
    times: Any, attributes: dict[str, str], read: list[str] | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tell_second_60.cache_clear()
    world(times, attributes).to_netcdf(tmp_path / "a.nc")
    if read is None:
        plain = {key: text.replace("2016-12-31 23:59:60", "2017-01-01 00:00:00") for key, text in attributes.items()}
        world(times, plain).to_netcdf(tmp_path / "plain.nc")
        read = at(tmp_path / "plain.nc").header.times
    found = at(tmp_path / "a.nc").header.times
    np.testing.assert_array_equal(found[: len(read)], np.array(read, "M8[s]"))
    assert "`time` has the second 60" in caplog.text or "`units` has the second 60" in caplog.text


@pytest.mark.parametrize("text", ["2016-12-31T23:59:61", "2016-12-31T23:60:00", "2016-12-31T24:00:60"])
def test_no_other_number_is_carried(text: str, tmp_path: Path) -> None:
    world([*LAST_SECONDS[:3], text], {}).to_netcdf(tmp_path / "a.nc")
    with pytest.raises(DataError, match=r"a\.nc`: `time` must hold dates .*" + text):
        at(tmp_path / "a.nc")


def test_a_leap_second_beside_the_next_second_is_the_same_time_twice(tmp_path: Path) -> None:
    world([*LAST_SECONDS[1:], "2017-01-01T00:00:00"], {}).to_netcdf(tmp_path / "a.nc")
    with pytest.raises(DataError, match="twice for 2017-01-01T00"):
        at(tmp_path / "a.nc")


@pytest.mark.parametrize("scale", ["f4", "f8"])
@pytest.mark.parametrize("stored", ["i1", "i2", "i4", "u1", "u2"])
def test_packed_integers_are_unpacked_as_the_convention_says(stored: str, scale: str, tmp_path: Path) -> None:
    limits = np.iinfo(stored)
    numbers = np.linspace(limits.min + 2, limits.max, 48).astype(stored).reshape(4, 3, 4)
    numbers[1, 1, 1] = limits.min
    factor, offset = np.array([0.0021, 280.25], scale)
    world().drop_vars("t").to_netcdf(tmp_path / "a.nc")
    with netCDF4.Dataset(tmp_path / "a.nc", "a") as file:
        variable = file.createVariable("t", stored, ("time", "lat", "lon"), fill_value=limits.min)
        variable.set_auto_maskandscale(False)
        variable.units, variable.scale_factor, variable.add_offset = "K", factor, offset
        variable[:] = numbers
    exact = numbers.astype("f8") * float(factor) + float(offset)
    exact[1, 1, 1] = np.nan
    np.testing.assert_allclose(values(at(tmp_path / "a.nc")), exact, rtol=2**-22)


def test_a_variable_without_any_value_is_read_as_missing_beside_others(tmp_path: Path) -> None:
    dataset = world()
    dataset.assign(u=dataset.t * np.nan).to_netcdf(tmp_path / "a.nc")
    source = at(tmp_path / "a.nc")
    found = source.read(source.header.times, ["u", "t"])
    assert np.isnan(found[:, :, 0]).all()
    assert np.isfinite(found[:, :, 1]).all()


CHANGED = r"`.*a\.\w+` was written again while it was in use"


@pytest.mark.carries_out("start again: what opens the file now reads what is in it now")
@pytest.mark.parametrize("times", [TIMES, TIMES[::-1], TIMES + 1])
def test_a_file_that_is_written_while_it_is_in_use(times: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    world().to_netcdf(path)
    source = at(path)
    world(times, shift=100.0).to_netcdf(path)
    with pytest.raises(DataError, match=CHANGED):
        source.read(source.header.times, ["t"])
    again = at(path)
    order = np.argsort(times)
    np.testing.assert_array_equal(values(again), world(shift=100.0).t.values[order])


def test_a_grib_file_that_is_written_while_it_is_in_use(tmp_path: Path) -> None:
    sample = SHARED / "grib-samples" / "hpa_and_pa.grib"
    if not sample.exists():
        pytest.skip(f"real data are not here: {sample}")
    path = tmp_path / "a.grib"
    path.write_bytes(sample.read_bytes())
    source = at(path)
    os.utime(path, ns=(10**9, 10**9))
    with pytest.raises(DataError, match=CHANGED):
        source.read(source.header.times, source.header.names)
    fresh, untouched = at(path), at(sample)
    wanted = untouched.read(untouched.header.times, untouched.header.names)
    np.testing.assert_array_equal(fresh.read(fresh.header.times, fresh.header.names), wanted)


def test_a_store_that_grows_while_it_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    world().to_zarr(path, zarr_format=2, encoding={"t": {"chunks": (1, 3, 4)}})
    source = at(path)
    more = world(TIMES + 24, shift=100.0)
    more.to_zarr(path, append_dim="time")
    np.testing.assert_array_equal(values(source), world().t.values)
    np.testing.assert_array_equal(values(at(path)), np.concatenate([world().t.values, more.t.values]))


def test_a_store_whose_times_are_ahead_of_its_values(tmp_path: Path) -> None:
    """A writer that has written the new dates, and not yet the chunks: these values are missing, not zero."""
    path = tmp_path / "a.zarr"
    world().to_zarr(path, zarr_format=2, encoding={"t": {"chunks": (1, 3, 4), "_FillValue": np.nan}})
    (path / "t" / "3.0.0").unlink()
    found = values(at(path))
    np.testing.assert_array_equal(found[:3], world().t.values[:3])
    assert np.isnan(found[3]).all()


def write(folder: Path, form: str) -> Path:
    path = folder / ("a.grib" if form == "grib" else "a.nc")
    if form == "grib":
        path.write_bytes((SHARED / "grib-samples" / "multi_param_on_multi_dims.grib").read_bytes())
    else:
        world().to_netcdf(path, format="NETCDF4" if form == "netcdf-4" else "NETCDF3_CLASSIC")
    return path


@pytest.mark.parametrize("form", ["netcdf-3", "netcdf-4", "grib"])
def test_a_file_cut_anywhere_is_told_or_gives_what_is_left(form: str, tmp_path: Path) -> None:
    if form == "grib" and not SHARED.exists():
        pytest.skip(f"real data are not here: {SHARED}")
    path = write(tmp_path, form)
    bytes_, source = path.read_bytes(), at(path)
    known = {(time, name): source.read([time], [name]) for time in source.header.times for name in source.header.names}
    told = []
    for length in np.linspace(1, len(bytes_) - 1, 20).astype(int):
        cut = tmp_path / f"cut-{length}{path.suffix}"
        cut.write_bytes(bytes_[:length])
        try:
            left = at(cut)
            found = {
                (time, name): left.read([time], [name]) for time in left.header.times for name in left.header.names
            }
        except DataError as error:
            told.append((cut.name, str(error)))
            continue
        for key, field in found.items():
            is_there = np.isfinite(field)  # a message that is no longer there is missing
            np.testing.assert_array_equal(field[is_there], known[key][is_there])
    assert len(told) >= 15
    assert all(name in message for name, message in told)


def test_two_grids_in_one_grib_file_are_told_and_chosen_by_a_key(tmp_path: Path) -> None:
    samples = [SHARED / "grib-samples" / name for name in ("hpa_and_pa.grib", "reduced_gg.grib")]
    if not samples[0].exists():
        pytest.skip(f"real data are not here: {samples[0]}")
    path = tmp_path / "both.grib"
    path.write_bytes(b"".join(sample.read_bytes() for sample in samples))
    with pytest.raises(DataError, match=r"one grid is wanted, got 37 × 72 nodes .* and 13280 nodes .*both\.grib"):
        at(path)
    for kind, sample in zip(("regular_ll", "reduced_gg"), samples, strict=True):
        chosen, alone = XarraySource(path=str(path), grib_filter={"gridType": kind}), at(sample)
        names = alone.header.names
        assert chosen.header.names == names
        np.testing.assert_array_equal(chosen.read(chosen.header.times, names), alone.read(alone.header.times, names))


@pytest.mark.carries_out(
    "leave one of both out, for example with `dataset.drop_duplicates('time')` of xarray, and write the file again"
)
def test_a_time_that_is_there_twice_is_named_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    twice = world([0, 6, 6, 12])
    twice.to_netcdf(path)
    with pytest.raises(DataError, match=r"'t' is there twice for 2000-01-01T06 in one file: as `t` in `.*a\.nc`"):
        at(path)
    twice.drop_duplicates("time").to_netcdf(path)
    np.testing.assert_array_equal(values(at(path)), world().t.values[[0, 1, 3]])


@pytest.mark.parametrize("times", [[0, 1, 7, 100], [12, 0, 18, 6], [-6, 0, 6, 600]])
def test_times_in_any_order_and_distance_keep_their_values(times: list[int], tmp_path: Path) -> None:
    world(times).to_netcdf(tmp_path / "a.nc")
    source = at(tmp_path / "a.nc")
    hours = ((source.header.times - np.datetime64("2000-01-01")) / np.timedelta64(1, "h")).tolist()
    assert hours == sorted(times)
    np.testing.assert_array_equal(values(source), world().t.values[np.argsort(times)])
