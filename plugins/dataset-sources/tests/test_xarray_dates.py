"""Dates in text, in every calendar and in float32: read as the instants that they are, or refused by name."""

import warnings
from pathlib import Path
from typing import Any

import cftime
import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading.dates import decoded_dates, plain_dates, text_dates
from wxml_dataset_sources.xarray_source import XarraySource


def dataset(times: Any, **attributes: str) -> xr.Dataset:
    values = np.zeros((len(times), 2, 2), "float32")
    axes = {"time": ("time", times, attributes), "lat": [1.0, 0.0], "lon": [0.0, 1.0]}
    return xr.Dataset({"t": (("time", "lat", "lon"), values)}, axes)


def read(folder: Path, times: Any, **attributes: str) -> list[str]:
    """The times of a source with such a time axis."""
    path = folder / "times.nc"
    path.unlink(missing_ok=True)
    dataset(times, **attributes).to_netcdf(path)
    return XarraySource(path=str(path)).header.times.astype(str).tolist()


def text(*texts: str) -> np.ndarray:
    return np.array(texts, dtype=object)


MARKS = st.sampled_from(["{:%Y-%m-%d}", "{:%Y%m%d}", "{:%Y/%m/%d}", "{:%Y %m %d}", "{:%Y_%m_%d}"])
JOINTS = st.sampled_from(["T", " ", "_"])
CLOCKS = st.sampled_from(["{:%H:%M:%S}", "{:%H%M%S}", "{:%H_%M_%S}", "{:%H:%M:%S.000}"])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    time=st.datetimes().filter(lambda time: time.year >= 1000),
    marks=MARKS,
    joint=JOINTS,
    clock=CLOCKS,
    zone=st.integers(-14 * 60, 14 * 60),
    colon=st.sampled_from(["", ":"]),
)
def test_text_keeps_every_part_and_the_zone(
    time: Any, marks: str, joint: str, clock: str, zone: int, colon: str, tmp_path: Path
) -> None:
    """The right instant is the local time minus the zone."""
    hours, minutes = divmod(abs(zone), 60)
    offset = f"{'-' if zone < 0 else '+'}{hours:02d}{colon}{minutes:02d}"
    time = time.replace(microsecond=0, year=min(max(time.year, 1001), 9998))
    written = marks.format(time) + joint + clock.format(time) + offset
    right = np.datetime64(time, "s") - np.timedelta64(zone, "m")
    assert read(tmp_path, text(written)) == [str(right)]


@pytest.mark.parametrize(
    ("written", "right"),
    [
        ("2010-01-28_21:30:00", "2010-01-28T21:30:00"),  # WRF
        ("2020-01-01", "2020-01-01T00:00:00"),
        ("2020-01-01T06", "2020-01-01T06:00:00"),
        ("2020-01-01T06:45", "2020-01-01T06:45:00"),
        ("2020-01-01T06:30:15.6", "2020-01-01T06:30:16"),
        ("2020-01-01T06:30:15.600000000", "2020-01-01T06:30:16"),
        ("1996 01 05 00:00", "1996-01-05T00:00:00"),
        ("2020-01-01T06:00Z", "2020-01-01T06:00:00"),
        ("2020-01-01 06:00 UTC", "2020-01-01T06:00:00"),
        ("2020-01-01T06:00+02", "2020-01-01T04:00:00"),
        ("2020-01-01T06:00 -0330", "2020-01-01T09:30:00"),
        ("2019-12-31T23:00-02:00", "2020-01-01T01:00:00"),
    ],
)
def test_ways_to_write_a_date(written: str, right: str, tmp_path: Path) -> None:
    assert read(tmp_path, text(written)) == [right]


@given(st.sampled_from("+-"), st.integers(0, 99), st.integers(0, 99))
def test_a_time_zone_that_does_not_exist_is_refused_everywhere(sign: str, hours: int, minutes: int) -> None:
    """In texts, which tables have, too, and in reference dates: zones are within 14 hours."""
    zone = f"{sign}{hours:02d}:{minutes:02d}"
    written = f"2020-01-01T06:00{zone}"
    numbers = xr.Variable(("t",), [0.0], {"units": f"hours since {written}"})
    reads = [
        lambda: text_dates("time", np.array([written])),
        lambda: decoded_dates("time", xr.Variable(("t",), text(written))).values,
        lambda: decoded_dates("time", numbers).values,
    ]
    offset = np.timedelta64(60 * hours + minutes, "m")
    if minutes < 60 and offset <= np.timedelta64(14, "h"):
        right = np.datetime64("2020-01-01T06", "s") - (-offset if sign == "-" else offset)
        assert [read()[0] for read in reads] == [right] * len(reads)
        return
    for read in reads:
        with pytest.raises(DataError, match=r"`time` must hold dates of the real calendar") as caught:
            read()
        assert zone in caught.value.message
        assert plain_dates(numbers.values, numbers.attrs["units"], "") is None


@pytest.mark.parametrize(
    "written",
    ["2020-01-01T06:00 CET", "2020-01-01+02", "2020-01-01-06", "2020-01-01T24:00", "2020-02-30", "2020-01", "06.50"],
)
def test_text_that_is_no_clear_date_is_refused(written: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`time` must hold dates of the real calendar, got the text") as caught:
        read(tmp_path, text("2020-01-01T00:00", written))
    assert repr(written) in caught.value.message
    assert "ISO 8601" in caught.value.fix


def test_quarters_of_an_hour_in_text(tmp_path: Path) -> None:
    written = [f"2010-01-28_21:{minute}:00" for minute in ("00", "15", "30", "45")]
    assert read(tmp_path, text(*written)) == [date.replace("_", "T") for date in written]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    calendar=st.sampled_from(["standard", "gregorian", "proleptic_gregorian", "julian", "noleap", "365_day"]),
    day=st.integers(0, 200_000),
    quarter=st.integers(0, 3),
)
def test_a_date_of_a_calendar_is_the_instant_that_it_names(
    calendar: str, day: int, quarter: int, tmp_path: Path
) -> None:
    """Calendars that count days agree in the Julian day number; the others in year, month, day and hour."""
    right = cftime.num2date(day + quarter / 4, "days since 1601-01-01", calendar=calendar)
    if calendar not in ("noleap", "365_day"):
        right = right.change_calendar("proleptic_gregorian", has_year_zero=True)
    assert read(tmp_path, [day + quarter / 4], units="days since 1601-01-01", calendar=calendar) == [right.isoformat()]


def test_julian_dates_are_thirteen_days_later(tmp_path: Path) -> None:
    found = read(tmp_path, [0.0, 6.0], units="hours since 2020-01-01", calendar="julian")
    assert found == ["2020-01-14T00:00:00", "2020-01-14T06:00:00"]


@pytest.mark.parametrize("calendar", ["360_day", "all_leap", "366_day", "none", "lunar"])
@pytest.mark.parametrize("day", [0.0, 58.0, 59.0])
def test_calendars_with_days_that_do_not_exist_are_refused_by_name(calendar: str, day: float, tmp_path: Path) -> None:
    """They are refused from the first day on, not only where a day like 30 February comes."""
    with pytest.raises(DataError, match=f"must hold dates of the real calendar, got calendar '{calendar}'"):
        read(tmp_path, [day], units="days since 2000-01-01", calendar=calendar)


@pytest.mark.carries_out(
    "convert the file to the standard calendar first, for example with `dataset.convert_calendar('standard', "
    "align_on='date')` of xarray"
)
@pytest.mark.parametrize("calendar", ["360_day", "all_leap"])
def test_the_conversion_that_the_message_proposes_works(calendar: str, tmp_path: Path) -> None:
    attributes = {"units": "days since 2000-01-01", "calendar": calendar}
    with pytest.raises(DataError) as caught:
        read(tmp_path, [0.0, 1.0], **attributes)
    assert "dataset.convert_calendar('standard', align_on='date')" in caught.value.fix
    with xr.open_dataset(tmp_path / "times.nc") as opened:
        opened.convert_calendar("standard", align_on="date").to_netcdf(tmp_path / "converted.nc")
    times = XarraySource(path=str(tmp_path / "converted.nc")).header.times
    assert times.astype(str).tolist() == ["2000-01-01T00:00:00", "2000-01-02T00:00:00"]


@pytest.mark.parametrize("step", [1.0, 0.5, 0.25])
def test_float32_days_that_are_exact_are_read(step: float, tmp_path: Path) -> None:
    days = np.float32(43830 + step * np.arange(4))
    right = np.datetime64("2020-01-02T00", "s") + (np.arange(4) * step * 86400).astype("timedelta64[s]")
    assert read(tmp_path, days, units="days since 1900-01-01") == right.astype(str).tolist()


@pytest.mark.parametrize("hours", [1, 2, 3])
@pytest.mark.parametrize("since", [1900, 2000, 2018])
def test_float32_days_are_right_or_refused(hours: int, since: int, tmp_path: Path) -> None:
    """Hours as float32 days are seconds to minutes off, unless they are whole fractions of two of a day."""
    right = np.datetime64("2020-01-02", "s") + np.arange(5) * np.timedelta64(hours, "h")
    days = (right - np.datetime64(f"{since}-01-01")) / np.timedelta64(1, "D")
    if hours == 3:  # an eighth of a day is exact
        assert read(tmp_path, np.float32(days), units=f"days since {since}-01-01") == right.astype(str).tolist()
        return
    with pytest.raises(DataError, match=r"`time` holds float32 numbers in 'days since .*too coarse") as caught:
        read(tmp_path, np.float32(days), units=f"days since {since}-01-01")
    assert "float64" in caught.value.fix
    assert read(tmp_path, days, units=f"days since {since}-01-01") == right.astype(str).tolist()


def test_float32_lead_times_are_right_or_refused(tmp_path: Path) -> None:
    def leads(days: np.ndarray) -> list[str]:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.nc"  # a file that was refused stays open
        start = {"time": ((), 0.0, {"units": "hours since 2000-01-01"})}
        whole = dataset(days).drop_vars("time").rename(time="step")
        whole.assign_coords(step=("step", days, {"units": "days"}), **start).to_netcdf(path)
        return XarraySource(path=str(path)).header.times.astype(str).tolist()

    assert leads(np.float32([1 / 24, 0.25, 30 + 1 / 24])) == [
        "2000-01-01T01:00:00",
        "2000-01-01T06:00:00",
        "2000-01-31T01:00:00",
    ]
    with pytest.raises(DataError, match="`step` holds float32 numbers in 'days'"):
        leads(np.float32([300 + 1 / 24]))
    with pytest.raises(DataError, match="`step` lacks a lead time"):
        leads(np.array([0.0, np.nan]))


def test_a_missing_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`time` must hold dates of the real calendar, got a missing time"):
        read(tmp_path, [0.0, np.nan], units="hours since 2000-01-01")


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_an_infinite_time_is_refused(infinite: float, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`time` must hold dates of the real calendar, got an infinite time"):
        read(tmp_path, [infinite, 6.0], units="hours since 2000-01-01")


@pytest.mark.parametrize("unit", ["D", "h", "m", "s", "ms", "us", "ns"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_dates_that_zarr_stores_as_dates_are_read(unit: str, zarr_format: Any, tmp_path: Path) -> None:
    times = np.array(["2020-02-28", "2020-02-29", "2020-03-01"], f"M8[{unit}]")
    stored = {
        "time": (("time",), times),
        "lat": (("lat",), np.array([2.0, 1.0])),  # zarr of format 2 counts 0 as missing
        "lon": (("lon",), np.array([1.0, 2.0])),
        "t": (("time", "lat", "lon"), np.arange(1, 13, dtype="float32").reshape(3, 2, 2)),
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The data type .* does not have a Zarr V3 specification")
        group = zarr.open_group(tmp_path / "dates.zarr", mode="w", zarr_format=zarr_format)
        for name, (dims, values) in stored.items():
            named = {"dimension_names": dims} if zarr_format == 3 else {"attributes": {"_ARRAY_DIMENSIONS": dims}}
            group.create_array(name, data=values, **named)  # type: ignore[arg-type]
    source = XarraySource(path=str(tmp_path / "dates.zarr"))
    assert source.header.times.astype(str).tolist() == [f"{day}T00:00:00" for day in times.astype("M8[D]").astype(str)]
    np.testing.assert_array_equal(source.read(source.header.times, ["t"]).ravel(), np.arange(1, 13))
