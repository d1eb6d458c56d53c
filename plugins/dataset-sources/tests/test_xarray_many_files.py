"""Archives of many NetCDF files: one of each kind is examined, the others tell their dates, which the cache keeps."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading import alike, netcdf_headers, netcdf_index
from wxml_dataset_sources.xarray_reading.dates import decoded_dates, plain_dates
from wxml_dataset_sources.xarray_source import XarraySource

FILES = 5
Change = Callable[[xr.Dataset], xr.Dataset]


def day(number: int) -> xr.Dataset:
    """Four times of one day, of two variables, one of them with levels, and of a static field."""
    random = np.random.default_rng(number)
    axes = ("time", "level", "latitude", "longitude")
    fields = {
        "t": (axes, random.normal(size=(4, 2, 3, 4)).astype("f4"), {"units": "K"}),
        "msl": (axes[:1] + axes[2:], random.normal(size=(4, 3, 4)).astype("f4"), {"units": "Pa"}),
        "orog": (axes[2:], np.arange(12, dtype="f4").reshape(3, 4), {"units": "m"}),
    }
    return xr.Dataset(
        fields,
        {
            "time": ("time", 6 * np.arange(4), {"units": f"hours since 2000-01-{number + 1:02}"}),
            "level": ("level", [500.0, 850.0], {"units": "hPa"}),
            "latitude": ("latitude", [30.0, 20.0, 10.0], {"units": "degrees_north"}),
            "longitude": ("longitude", [0.0, 10.0, 20.0, 30.0], {"units": "degrees_east"}),
        },
    )


def write(folder: Path, change: Change = lambda dataset: dataset, changed: int = 3) -> str:
    for number in range(FILES):
        dataset = day(number)
        (change(dataset) if number == changed else dataset).to_netcdf(folder / f"{number}.nc")
    return str(folder / "*.nc")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that keeps files that were written just now."""
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(netcdf_index, "SETTLED", -1.0)
    return tmp_path / "cache" / "netcdf-headers.sqlite"


@pytest.fixture
def headers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose headers are read."""
    read: list[str] = []
    whole = netcdf_headers.read_header

    def noted(path: str) -> Any:
        read.append(Path(path).name)
        return whole(path)

    monkeypatch.setattr(netcdf_index, "read_header", noted)
    return read


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are examined whole."""
    from wxml_dataset_sources import xarray_source

    found: list[str] = []
    whole = xarray_source._examined

    def noted(file: Any, *more: Any) -> Any:
        found.append(Path(file.path).name)
        return whole(file, *more)

    monkeypatch.setattr(xarray_source, "_examined", noted)
    return found


def everything(source: XarraySource) -> tuple[Any, ...]:
    header = source.header
    values = source.read(header.times, header.names).tobytes()
    return header.variables, header.times.tolist(), header.grid.identity, header.members, values


def outcome(path: str) -> Any:
    """What the source has, or what it says."""
    try:
        return everything(XarraySource(path=path))
    except DataError as error:
        return str(error)


def one_by_one(path: str) -> Any:
    """The same where every file is examined."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alike, "FEW", 10**9)
        return outcome(path)


def test_one_file_of_a_kind_is_examined_and_the_cache_knows_the_others(
    tmp_path: Path, cache: Path, headers: list[str], examined: list[str]
) -> None:
    path = write(tmp_path)
    wanted = one_by_one(path)
    examined.clear()
    assert outcome(path) == wanted
    assert (examined, headers) == (["0.nc"], [f"{number}.nc" for number in range(FILES)])
    assert cache.exists()
    headers.clear()
    assert outcome(path) == wanted
    assert headers == []


def test_a_file_that_changes_is_read_again(tmp_path: Path, cache: Path, headers: list[str]) -> None:
    path = write(tmp_path)
    outcome(path)
    before = os.stat(tmp_path / "3.nc")
    changed = day(3).assign_coords(time=("time", 6 * np.arange(4) + 1, day(3).time.attrs))
    changed.to_netcdf(tmp_path / "3.nc")
    os.utime(tmp_path / "3.nc", ns=(before.st_atime_ns, before.st_mtime_ns))
    headers.clear()
    times = XarraySource(path=path).header.times
    assert headers == ["3.nc"]
    assert times[12:16].astype(str).tolist() == [f"2000-01-04T{hour:02}:00:00" for hour in (1, 7, 13, 19)]


def test_a_damaged_cache_is_read_again(
    tmp_path: Path, cache: Path, headers: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path)
    wanted = outcome(path)
    with sqlite3.connect(cache) as connection:
        connection.execute("UPDATE headers SET content = x'00' WHERE place LIKE '%2.nc'")
    connection.close()
    headers.clear()
    assert outcome(path) == wanted
    assert headers == ["2.nc"]
    assert "what the cache holds of a NetCDF file is damaged" in caplog.text


def with_attribute(name: str, **attributes: Any) -> Change:
    def change(dataset: xr.Dataset) -> xr.Dataset:
        dataset[name].attrs |= attributes
        return dataset

    return change


def with_values(name: str, act: Callable[[Any], Any]) -> Change:
    return lambda dataset: dataset.assign({name: (dataset[name].dims, act(dataset[name].values), dataset[name].attrs)})


def packed(dataset: xr.Dataset) -> xr.Dataset:
    dataset["t"].encoding = {"dtype": "i2", "scale_factor": 0.001, "add_offset": 0.5, "_FillValue": -1}
    return dataset


CHANGES: dict[str, Change] = {
    "other units": with_attribute("t", units="degC"),
    "another name": lambda dataset: dataset.rename(t="T"),
    "one more variable": lambda dataset: dataset.assign(u=dataset.t + 1),
    "a variable less": lambda dataset: dataset.drop_vars("msl"),
    "another grid": with_values("latitude", lambda values: values + 1),
    "south first": lambda dataset: dataset.isel(latitude=slice(None, None, -1)),
    "other longitudes": lambda dataset: dataset.isel(longitude=[2, 3, 0, 1]),
    "latitude last": lambda dataset: dataset.transpose("time", "level", "longitude", "latitude"),
    "another level": with_values("level", lambda values: values - 100),
    "levels in Pa": lambda dataset: dataset.assign_coords(level=("level", [50000.0, 85000.0], {"units": "Pa"})),
    "levels in another order": lambda dataset: dataset.isel(level=[1, 0]),
    "another static field": with_values("orog", lambda values: values + 1),
    "packed values": packed,
    "limits": with_attribute("msl", valid_min=np.float32(0)),
    "cell methods": with_attribute("msl", cell_methods="time: mean"),
    "fewer times": lambda dataset: dataset.isel(time=[0, 2]),
    "times in another order": lambda dataset: dataset.isel(time=[2, 0, 3, 1]),
    "a time of another file": with_attribute("time", units="hours since 2000-01-01"),
    "a time twice": with_values("time", lambda values: np.array([0, 6, 6, 12])),
    "days as float64": lambda dataset: dataset.assign_coords(
        time=("time", np.arange(4) / 4, {"units": "days since 2000-01-04", "calendar": "gregorian"})
    ),
    "text for dates": lambda dataset: dataset.assign_coords(time=[f"2000-01-04T{hour:02}" for hour in (0, 6, 12, 18)]),
    "another calendar": with_attribute("time", calendar="julian"),
    "a calendar without a meaning": with_attribute("time", calendar="360_day"),
    "dates that are none": with_attribute("time", units="hours since Easter"),
    "lead times": lambda dataset: dataset.assign_coords(
        step=("time", np.zeros(4), {"standard_name": "forecast_period", "units": "hours"})
    ),
    "bounds": lambda dataset: with_attribute("time", bounds="time_bnds")(
        dataset.assign(time_bnds=(("time", "two"), np.array([[-6, 0], [0, 6], [6, 12], [12, 18]])))
    ),
    "a second axis of dates": lambda dataset: dataset.assign_coords(
        valid_time=("time", np.arange(4) + 100, {"units": "hours since 2000-01-04"})
    ),
    "members": lambda dataset: dataset.expand_dims(member=2),
    "a scaled axis of dates": with_attribute("time", scale_factor=2.0),
}


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("name", "changed"), [*((name, 3) for name in CHANGES), *((name, 0) for name in ("other units", "lead times"))]
)
def test_whatever_one_file_has_of_its_own_is_seen(name: str, changed: int, tmp_path: Path) -> None:
    path = write(tmp_path, CHANGES[name], changed)
    wanted = one_by_one(path)
    assert outcome(path) == wanted
    assert outcome(path) == wanted  # with what the cache holds


@pytest.mark.usefixtures("cache")
def test_a_file_that_was_cut_short_is_told(tmp_path: Path) -> None:
    path = write(tmp_path)
    whole = (tmp_path / "4.nc").read_bytes()
    outcome(path)
    (tmp_path / "4.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"4\.nc` cannot be read as netcdf"):
        XarraySource(path=path)


@pytest.mark.usefixtures("cache")
def test_a_name_for_one_file_alone(tmp_path: Path, examined: list[str]) -> None:
    source = XarraySource(path=write(tmp_path), rename={"3.nc:msl": "pressure"})
    assert "pressure" in source.header.names
    assert len(examined) == FILES


@given(
    unit=st.sampled_from(["seconds", "minutes", "hours", "days", "hour", "weeks"]),
    reference=st.sampled_from(
        ["2000-01-01", "1900-2-3 6:00", "2000-02-30", "1970-01-01T00:00:00Z", "1999-12-31 12:00 +2:00", "1500-01-01",
         "1582-10-15", "0001-01-01", "2400-01-01 00:00:00.5"]
    ),
    calendar=st.sampled_from(["", "standard", "gregorian", "proleptic_gregorian", "GREGORIAN", "julian", "noleap"]),
    numbers=st.lists(st.one_of(st.integers(-(10**6), 10**6), st.sampled_from([0.25, 1.5, -0.1])), min_size=1),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_dates_in_the_usual_case_are_those_of_every_case(
    unit: str, reference: str, calendar: str, numbers: list[float]
) -> None:
    units, values = f"{unit} since {reference}", np.array(numbers)
    quick = plain_dates(values, units, calendar)
    if quick is not None:
        attributes = {"units": units} | ({"calendar": calendar} if calendar else {})
        np.testing.assert_array_equal(quick, decoded_dates("time", xr.Variable(("time",), values, attributes)).values)


def test_the_usual_case_is_quick() -> None:
    assert plain_dates(np.array([0, 6]), "hours since 2000-01-01", "").astype(str).tolist() == [
        "2000-01-01T00:00:00",
        "2000-01-01T06:00:00",
    ]
