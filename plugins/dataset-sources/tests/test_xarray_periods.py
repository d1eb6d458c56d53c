"""Periods of NetCDF and zarr: cell methods over time, and the bounds of the times."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading.cell_methods import step_type
from wxml_dataset_sources.xarray_source import XarraySource

METHODS = {"sum": "accum", "mean": "avg", "maximum": "max", "minimum": "min"}
STAMPS = {"end": "", "middle": " around the time", "start": " after the time"}
SUFFIXES = [".nc", ".zarr"]


def cells(ends: Any, widths: Any, stamp: str, units: str = "minutes since 2020-01-01") -> dict[str, Any]:
    """A time axis with bounds: periods of `widths` hours that end at the hours `ends`."""
    scale = 60 if units.startswith("minutes") else 1
    upper = scale * np.array(ends, "float64")
    lower = upper - scale * np.broadcast_to(np.array(widths, "float64"), upper.shape)
    times = {"end": upper, "middle": (lower + upper) / 2, "start": lower}[stamp]
    return {
        "time": ("time", times, {"units": units, "bounds": "time_bnds"}),
        "time_bnds": (("time", "nv"), np.stack([lower, upper], axis=1)),
    }


def written(path: Path, axes: dict[str, Any], **attributes: str) -> str:
    """A variable `x` with these attributes along the time axis, 1, 2, 3 … at its times."""
    count = len(axes["time"][1])
    values = np.ones((count, 2, 2), "f4") * np.arange(1, count + 1)[:, None, None]
    data = {"x": (("time", "lat", "lon"), values, attributes)}
    bounds = {name: axes[name] for name in axes if name != "time"}
    coordinates = {"time": axes["time"], "lat": [1.0, 0.0], "lon": [0.0, 1.0]}
    dataset = xr.Dataset(data | bounds, coordinates)
    if path.suffix == ".zarr":
        dataset.to_zarr(path, zarr_format=2)
    else:
        dataset.to_netcdf(path)
    return str(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("stamp", list(STAMPS))
@pytest.mark.parametrize("width", [1, 3, 6, 24])
@pytest.mark.parametrize("method", list(METHODS))
def test_periods_are_those_of_the_bounds(
    method: str, width: int, stamp: str, suffix: str, tmp_path: Path, caplog: Any
) -> None:
    axes = cells([24, 48, 72], width, stamp)
    source = XarraySource(path=written(tmp_path / f"a{suffix}", axes, cell_methods=f"area: mean time: {method}"))
    (variable,) = source.header.variables
    assert (variable.step_type, variable.period) == (METHODS[method], f"{width}h{STAMPS[stamp]}")
    minutes = (source.header.times - np.datetime64("2020-01-01")) / np.timedelta64(1, "m")
    np.testing.assert_array_equal(minutes, axes["time"][1])
    told = [message for message in caplog.messages if "as in GRIB, where every period ends at its time" in message]
    assert len(told) == (stamp != "end")
    assert all(f"`x` in `{tmp_path / f'a{suffix}'}`" in message for message in told)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("apart", [False, True], ids=["one file", "a file each"])
@settings(max_examples=settings.default.max_examples // 10, deadline=None)
@given(widths=st.lists(st.sampled_from([1, 3, 6]), min_size=3, max_size=3).filter(lambda widths: len(set(widths)) > 1))
def test_periods_of_several_lengths_are_refused(
    suffix: str, method: str, apart: bool, widths: list[int], tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.mktemp("widths")
    ends, methods = [24, 48, 72], f"time: {method}"
    if apart:
        pieces = enumerate(zip(ends, widths, strict=True))
        path: Any = [
            written(folder / f"{i}{suffix}", cells([end], width, "end"), cell_methods=methods)
            for i, (end, width) in pieces
        ]
    else:
        path = written(folder / f"a{suffix}", cells(ends, widths, "end"), cell_methods=methods)
    with pytest.raises(DataError, match=r"variable 'x' holds values over periods of \dh and \dh") as caught:
        XarraySource(path=path)
    assert f"{min(widths)}h" in caught.value.message
    assert f"{max(widths)}h" in caught.value.message


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sums_from_one_start_are_joined(suffix: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"a{suffix}", cells([0, 6, 12], [0, 6, 12], "end"), cell_methods="time: sum")
    (variable,) = XarraySource(path=path).header.variables
    assert (variable.step_type, variable.period) == ("accum", "")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("stamp", list(STAMPS))
def test_a_point_is_an_instant_whatever_the_bounds(suffix: str, stamp: str, tmp_path: Path, caplog: Any) -> None:
    path = written(tmp_path / f"a{suffix}", cells([6, 12, 24], [6, 6, 12], stamp), cell_methods="time: point")
    (variable,) = XarraySource(path=path).header.variables
    assert (variable.step_type, variable.period) == ("instant", "")
    assert not caplog.messages


def test_bounds_without_a_cell_method_are_warned_of(tmp_path: Path, caplog: Any) -> None:
    path = written(tmp_path / "a.nc", cells([6, 12, 18], 6, "end"))
    (variable,) = XarraySource(path=path).header.variables
    assert (variable.step_type, variable.period) == ("", "")
    assert f"the times of `x` in `{path}` have bounds, and no `cell_methods` says" in caplog.text


def test_bounds_of_instants_need_no_cell_method(tmp_path: Path, caplog: Any) -> None:
    XarraySource(path=written(tmp_path / "a.nc", cells([6, 12, 18], 0, "end")))
    assert not caplog.messages


@pytest.mark.parametrize(("first", "second"), [("end", "start"), ("middle", "end"), ("start", "middle")])
def test_times_at_other_places_of_the_periods_are_not_joined(first: str, second: str, tmp_path: Path) -> None:
    paths = [
        written(tmp_path / f"{i}.nc", cells([24 * (i + 1)], 6, stamp), cell_methods="time: sum")
        for i, stamp in enumerate([first, second])
    ]
    with pytest.raises(DataError, match=f"at the {first} of its periods as `x` in .*, and at the {second} of its"):
        XarraySource(path=paths)


@pytest.mark.parametrize("hours", [[4, 10, 16], [7, 13, 19], [6, 11, 18]])
def test_times_elsewhere_than_their_bounds_are_refused(hours: list[float], tmp_path: Path) -> None:
    axes = cells([6, 12, 18], 6, "end", units="hours since 2020-01-01")
    axes["time"] = ("time", hours, axes["time"][2])
    with pytest.raises(DataError, match="the times of `x` must lie at the ends of their bounds"):
        XarraySource(path=written(tmp_path / "a.nc", axes, cell_methods="time: sum"))


def test_the_bounds_may_have_units_and_a_calendar_of_their_own(tmp_path: Path) -> None:
    axes = cells([6, 12, 18], 6, "end", units="hours since 2020-01-01")
    bounds = np.array([[24, 30], [30, 36], [36, 42]]) / 24
    axes["time_bnds"] = (("time", "nv"), bounds, {"units": "days since 2019-12-31"})
    path = written(tmp_path / "a.nc", axes, cell_methods="time: sum")
    assert XarraySource(path=path).header.variables[0].period == "6h"


def test_bounds_in_falling_order_are_the_same(tmp_path: Path) -> None:
    axes = cells([6, 12, 18], 6, "end")
    axes["time_bnds"] = (axes["time_bnds"][0], axes["time_bnds"][1][:, ::-1])
    path = written(tmp_path / "a.nc", axes, cell_methods="time: sum")
    assert XarraySource(path=path).header.variables[0].period == "6h"


def test_bounds_that_are_no_pairs_are_refused(tmp_path: Path) -> None:
    axes = cells([6, 12, 18], 6, "end")
    axes["time_bnds"] = (("time", "nv"), np.zeros((3, 4)))
    with pytest.raises(DataError, match=r"`time_bnds`, the bounds of `time`, must have the dimensions of `time`"):
        XarraySource(path=written(tmp_path / "a.nc", axes, cell_methods="time: sum"))


def test_a_climatology_is_refused(tmp_path: Path) -> None:
    axes = cells([6, 12, 18], 6, "end")
    axes["time"] = (*axes["time"][:2], {"units": "minutes since 2020-01-01", "climatology": "time_bnds"})
    with pytest.raises(DataError, match=r"`time` holds the times of a climatology \(its attribute `climatology` names"):
        XarraySource(path=written(tmp_path / "a.nc", axes, cell_methods="time: mean within days time: mean over days"))


@pytest.mark.parametrize("stamp", list(STAMPS))
def test_lead_times_have_bounds_too(stamp: str, tmp_path: Path) -> None:
    lower, upper = np.array([0, 6, 12]), np.array([6, 12, 18])
    leads = {"end": upper, "middle": (lower + upper) // 2, "start": lower}[stamp]
    dataset = xr.Dataset(
        {
            "x": (("step", "lat", "lon"), np.zeros((3, 2, 2), "f4"), {"cell_methods": "step: sum"}),
            "step_bnds": (("step", "nv"), np.stack([lower, upper], axis=1)),
        },
        {
            "time": ((), 12, {"units": "hours since 2020-01-01", "standard_name": "forecast_reference_time"}),
            "step": ("step", leads, {"units": "hours", "bounds": "step_bnds"}),
            "lat": [1.0, 0.0],
            "lon": [0.0, 1.0],
        },
    )
    dataset.to_netcdf(tmp_path / "a.nc")
    source = XarraySource(path=str(tmp_path / "a.nc"))
    (variable,) = source.header.variables
    assert (variable.step_type, variable.period) == ("accum", f"6h{STAMPS[stamp]}")
    assert source.header.times[0] == np.datetime64("2020-01-01T12") + np.timedelta64(int(leads[0]), "h")


NAMES = st.lists(
    st.sampled_from(["lat", "lon", "area", "time", "valid_time", "t2"]), min_size=1, max_size=3, unique=True
)
COMMENTS = ["", " (interval: 1 hour)", " (comment: time: sum)", " (of 6-hourly values)", " where land"]


@given(
    st.lists(st.tuples(NAMES, st.sampled_from(sorted(METHODS)), st.sampled_from(COMMENTS)), max_size=3),
    st.sampled_from([(), ("valid_time",)]),
)
def test_the_method_over_time_is_found_in_every_position(parts: Any, times: tuple[str, ...]) -> None:
    text = " ".join(f"{': '.join(names)}: {method}{comment}" for names, method, comment in parts)
    wanted = {"time", *times}
    expected = [
        METHODS[method] + (comment if "where" in comment else "")
        for names, method, comment in parts
        if not wanted.isdisjoint(names)
    ]
    assert step_type({"cell_methods": text}, times) == ", ".join(expected)
