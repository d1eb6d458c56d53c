"""When values are valid: dates, gaps, forecasts with lead times, dates as text, other calendars."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading import instants
from wxml_dataset_sources.xarray_source import XarraySource


def written(folder: Path, axes: dict[str, Any], dims: tuple[str, ...], shape: tuple[int, ...]) -> str:
    """A field `t` on a 2 × 2 grid, counting up along its leading dimensions."""
    count = int(np.prod(shape))
    values = np.repeat(np.arange(count, dtype="float32"), 4).reshape(*shape, 2, 2)
    dataset = xr.Dataset({"t": ((*dims, "lat", "lon"), values)}, {"lat": [1.0, 0.0], "lon": [0.0, 1.0], **axes})
    path = folder / "times.nc"
    dataset.to_netcdf(path)
    return str(path)


def hours(values: list[float], since: str = "2000-01-01", **attributes: str) -> tuple[str, list[float], dict[str, str]]:
    return ("time", values, {"units": f"hours since {since}", **attributes})


def times_and_values(path: str) -> dict[str, float]:
    source = XarraySource(path=path)
    values = source.read(source.header.times, ["t"])[:, 0, 0, 0]
    return dict(zip(source.header.times.astype(str).tolist(), values.tolist(), strict=True))


def test_a_gap_is_a_time_that_is_not_there(tmp_path: Path) -> None:
    path = written(tmp_path, {"time": hours([0, 6, 18])}, ("time",), (3,))
    assert times_and_values(path) == {"2000-01-01T00:00:00": 0, "2000-01-01T06:00:00": 1, "2000-01-01T18:00:00": 2}
    with pytest.raises(DataError, match="no data for 2000-01-01T12"):
        XarraySource(path=path).read([np.datetime64("2000-01-01T12")], ["t"])


def test_times_in_disorder_are_sorted_with_their_values(tmp_path: Path) -> None:
    path = written(tmp_path, {"time": hours([12, 0, 6])}, ("time",), (3,))
    assert times_and_values(path) == {"2000-01-01T00:00:00": 1, "2000-01-01T06:00:00": 2, "2000-01-01T12:00:00": 0}


def test_fractions_of_hours_are_rounded_to_seconds(tmp_path: Path) -> None:
    path = written(tmp_path, {"time": hours([1 / 3, 2 / 3])}, ("time",), (2,))
    assert list(times_and_values(path)) == ["2000-01-01T00:20:00", "2000-01-01T00:40:00"]


def test_a_repeated_time_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, {"time": hours([0, 6, 6])}, ("time",), (3,))
    with pytest.raises(DataError, match=r"'t' is there twice for 2000-01-01T06 in one file: as `t` in"):
        XarraySource(path=path)


def test_a_scalar_time_is_one_time(tmp_path: Path) -> None:
    axes = {"time": ((), 24, {"units": "hours since 2000-01-01"})}
    assert times_and_values(written(tmp_path, axes, (), ())) == {"2000-01-02T00:00:00": 0}


@pytest.mark.parametrize("start_dims", [(), ("time",)])
@pytest.mark.parametrize(
    "lead", [("step", [0, 6], {"units": "hours"}), ("step", np.array([0, 6], "timedelta64[h]").astype("m8[ns]"))]
)
def test_lead_times_are_added_to_the_start(start_dims: tuple[str, ...], lead: object, tmp_path: Path) -> None:
    start = [12.0] if start_dims else 12.0
    axes = {"time": (start_dims, start, {"units": "hours since 2000-01-01"}), "step": lead}
    path = written(tmp_path, axes, (*start_dims, "step"), (*[1] * len(start_dims), 2))
    assert times_and_values(path) == {"2000-01-01T12:00:00": 0, "2000-01-01T18:00:00": 1}


def test_lead_times_without_units_are_hours_and_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    instants._tell_hours.cache_clear()
    axes = {"time": ((), 12.0, {"units": "hours since 2000-01-01"}), "step": ("step", [0, 6], {})}
    for _ in range(2):
        path = written(tmp_path, axes, ("step",), (2,))
        assert times_and_values(path) == {"2000-01-01T12:00:00": 0, "2000-01-01T18:00:00": 1}
    assert caplog.messages == ["the lead times in `step` have no units, and are read as hours"]


def test_several_starts_with_one_lead_time(tmp_path: Path) -> None:
    axes = {"time": hours([0, 24]), "prediction_timedelta": ((), 6, {"units": "hours"})}
    path = written(tmp_path, axes, ("time",), (2,))
    assert list(times_and_values(path)) == ["2000-01-01T06:00:00", "2000-01-02T06:00:00"]


def test_valid_times_that_are_told_are_taken(tmp_path: Path) -> None:
    axes = {
        "time": ((), 0, {"units": "hours since 2000-01-01", "standard_name": "forecast_reference_time"}),
        "step": ("step", [3, 9], {"units": "hours", "standard_name": "forecast_period"}),
        "valid_time": ("step", [3, 9], {"units": "hours since 2000-01-01", "standard_name": "time"}),
    }
    assert list(times_and_values(written(tmp_path, axes, ("step",), (2,)))) == [
        "2000-01-01T03:00:00",
        "2000-01-01T09:00:00",
    ]


def test_several_forecasts_in_one_file_are_refused(tmp_path: Path) -> None:
    axes = {"time": hours([0, 24]), "step": ("step", [0, 6], {"units": "hours"})}
    with pytest.raises(DataError, match=r"several forecasts are in one file: \{'time': 2, 'step': 2\}") as caught:
        XarraySource(path=written(tmp_path, axes, ("time", "step"), (2, 2)))
    assert "`lead_time: 6h`" in caught.value.fix
    assert "`initial_time: 2000-01-01T00`" in caught.value.fix


def test_lead_times_without_a_start_are_refused(tmp_path: Path) -> None:
    axes = {"frtime": ("frtime", [0, 6], {"units": "hours"})}
    with pytest.raises(DataError, match=r"times.nc`: `frtime` holds lead times, but no start date") as caught:
        XarraySource(path=written(tmp_path, axes, ("frtime",), (2,)))
    assert "forecast_reference_time" in caught.value.fix


def test_the_start_may_be_text(tmp_path: Path) -> None:
    axes = {"timestep": ("timestep", [0, 6]), "reftime": ((), np.bytes_(b"1996 01 05 00:00"))}
    path = written(tmp_path, axes, ("timestep",), (2,))
    assert list(times_and_values(path)) == ["1996-01-05T00:00:00", "1996-01-05T06:00:00"]


def test_calendars_without_leap_days_leave_a_gap(tmp_path: Path) -> None:
    axes = {"time": ("time", [58, 59], {"units": "days since 2000-01-01", "calendar": "noleap"})}
    assert list(times_and_values(written(tmp_path, axes, ("time",), (2,)))) == [
        "2000-02-28T00:00:00",
        "2000-03-01T00:00:00",
    ]


@pytest.mark.parametrize(
    "attributes",
    [
        {"units": "days since 2000-01-01", "calendar": "360_day"},  # has a 30th of February
        {"units": "months since 2000-01-01"},
        {"units": "days since yesterday"},
    ],
)
def test_dates_that_do_not_exist_are_refused(attributes: dict[str, str], tmp_path: Path) -> None:
    path = written(tmp_path, {"time": ("time", [58.0, 59.0], attributes)}, ("time",), (2,))
    with pytest.raises(DataError, match="`time` must hold dates of the real calendar"):
        XarraySource(path=path)


def test_a_time_axis_without_dates_is_not_understood(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`time` is not understood"):
        XarraySource(path=written(tmp_path, {}, ("time",), (3,)))


def test_without_any_time_there_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no time is in `t` in") as caught:
        XarraySource(path=written(tmp_path, {}, (), ()))
    assert "add a file with times" in caught.value.fix
