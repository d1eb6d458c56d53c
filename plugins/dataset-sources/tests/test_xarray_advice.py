"""What errors of the source `xarray` propose, carried out: the data can be read afterwards."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml.errors import WxmlError
from wxml_dataset_sources.xarray_reading.place import Place
from wxml_dataset_sources.xarray_source import XarraySource

carries_out = pytest.mark.carries_out
Way = Callable[[Path], dict[str, Any]]
"""Writes files into a folder, and returns the options that read them."""


def world(day: int = 0, **attributes: object) -> xr.Dataset:
    """Two variables, four times of one day, 3 × 4 nodes."""
    values = np.arange(48, dtype="f4").reshape(4, 3, 4)
    axes = ("time", "latitude", "longitude")
    times = np.datetime64("2020-01-01", "ns") + np.timedelta64(1, "D") * day + np.timedelta64(6, "h") * np.arange(4)
    return xr.Dataset(
        {"x": (axes, values, {"units": "K", **attributes}), "y": (axes, values + 1, {"units": "m"})},
        {
            "time": times,
            "latitude": ("latitude", [30.0, 20.0, 10.0], {"units": "degrees_north"}),
            "longitude": ("longitude", [0.0, 10.0, 20.0, 30.0], {"units": "degrees_east"}),
        },
    )


def files(*contents: xr.Dataset, **options: Any) -> Way:
    """One NetCDF file for each content; a `{}` in an option stands for the folder."""

    def way(folder: Path) -> dict[str, Any]:
        paths = [str(folder / f"{number}.nc") for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            content.to_netcdf(path)
        chosen = {key: _in(folder, value) for key, value in options.items()}
        return {"path": paths, **chosen}

    return way


def _in(folder: Path, value: Any) -> Any:
    if isinstance(value, list):
        return [_in(folder, each) for each in value]
    return value.replace("{}", str(folder)) if isinstance(value, str) else value


def written(act: Callable[[Path], object], *contents: xr.Dataset, **options: Any) -> Way:
    """Files of which the first one is changed afterwards."""

    def way(folder: Path) -> dict[str, Any]:
        found = files(*contents, **options)(folder)
        act(folder / "0.nc")
        return found

    return way


def times_as(values: object, **attributes: str) -> xr.Dataset:
    """The world with its times written as they stand."""
    return world().drop_vars("time").assign_coords(time=("time", np.asarray(values), attributes))


SIX_HOURS = [[0.0, 6.0], [6.0, 12.0], [12.0, 18.0], [18.0, 24.0]]


def with_bounds(bounds: object) -> xr.Dataset:
    hours = [6.0, 12.0, 18.0, 24.0]
    content = times_as(hours, units="hours since 2020-01-01", bounds="time_bnds")
    content = content.assign(time_bnds=(("time", "two"), np.asarray(bounds)))
    content["x"].attrs["cell_methods"] = content["y"].attrs["cell_methods"] = "time: sum"
    return content


def places(name: str, **attributes: str) -> xr.Dataset:
    """The world with other attributes of a coordinate."""
    content = world()
    content[name].attrs = attributes
    return content


def nodes(latitudes: object) -> xr.Dataset:
    """A list of four nodes."""
    return xr.Dataset(
        {"x": (("time", "cell"), np.ones((2, 4), "f4"), {"units": "K"})},
        {
            "time": np.array(["2020-01-01T00", "2020-01-01T06"], "M8[ns]"),
            "latitude": ("cell", np.asarray(latitudes), {"units": "degrees_north"}),
            "longitude": ("cell", [0.0, 10.0, 20.0, 30.0], {"units": "degrees_east"}),
        },
    )


START = ((), 0.0, {"standard_name": "forecast_reference_time", "units": "hours since 2020-01-01"})


def leads(hours: list[float], units: str = "hours") -> xr.Dataset:
    """A forecast without valid times."""
    content = world().drop_vars("time").rename(time="step")
    return content.assign_coords(step=("step", hours, {"standard_name": "forecast_period", "units": units}))


def starts() -> xr.Dataset:
    """Two forecasts."""
    each = leads([0.0, 6.0, 12.0, 18.0]).expand_dims(start=2)
    return each.assign_coords(start=("start", [0.0, 24.0], START[2]))


def matrix() -> xr.Dataset:
    """Two forecasts whose valid times are told, and whose lead times are not."""
    content = starts().drop_vars(["start", "step"])
    hours = np.array([0.0, 24.0])[:, None] + np.array([0.0, 6.0, 12.0, 18.0])
    attributes = {"standard_name": "time", "units": "hours since 2020-01-01"}
    return content.assign_coords(valid_time=(("start", "step"), hours, attributes))


def told() -> xr.Dataset:
    """A forecast whose valid times are told, and whose start is not."""
    content = leads([0.0, 6.0, 12.0, 18.0])
    attributes = {"standard_name": "time", "units": "hours since 2020-01-01"}
    return content.assign_coords(valid_time=("step", [0.0, 6.0, 12.0, 18.0], attributes))


def two_times() -> xr.Dataset:
    """The world with other dates that claim to be its times."""
    content = world()
    attributes = {"standard_name": "time"}
    content["time"].attrs = attributes
    return content.assign_coords(other=("time", content["time"].values + np.timedelta64(1, "h"), attributes))


def around(longitudes: list[float]) -> xr.Dataset:
    return world().assign_coords(longitude=("longitude", longitudes, {"units": "degrees_east"}))


def turned() -> xr.Dataset:
    """Axes of a rotated pole."""
    content = world(grid_mapping="pole")
    content["y"].attrs["grid_mapping"] = "pole"
    return content.assign(pole=((), 0, {"grid_mapping_name": "rotated_latitude_longitude"}))


def with_true_places(content: xr.Dataset) -> xr.Dataset:
    latitude, longitude = np.meshgrid([50.0, 49.0, 48.0], [0.0, 1.0, 2.0, 3.0], indexing="ij")
    return content.drop_vars(["rlat", "rlon"]).assign_coords(
        lat=(("rlat", "rlon"), latitude, {"units": "degrees_north"}),
        lon=(("rlat", "rlon"), longitude, {"units": "degrees_east"}),
    )


def grouped(folder: Path) -> dict[str, Any]:
    world().to_netcdf(folder / "0.nc", group="inner")
    return {"path": str(folder / "0.nc")}


def classic(length: int | None) -> Way:
    """A classic NetCDF file, of which the first bytes are kept."""

    def way(folder: Path) -> dict[str, Any]:
        world().to_netcdf(folder / "0.nc", format="NETCDF3_64BIT")
        whole = (folder / "0.nc").read_bytes()
        (folder / "0.nc").write_bytes(whole[:length])
        return {"path": str(folder / "0.nc")}

    return way


def members(*numbers: int) -> xr.Dataset:
    each = [world().assign_coords(number=number) for number in numbers]
    content = xr.concat(each, "number")
    content["number"].attrs["standard_name"] = "realization"
    return content


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def text(path: Path) -> None:
    path.write_text("a,b\n1,2\n")


CASES = [
    (
        carries_out("name a file or a zarr store"),
        files(path=[]),
        [files(world())],
    ),
    (carries_out("name each file once"), files(world(), path=["{}/0.nc", "{}/0.nc"]), [files(world())]),
    (
        carries_out("write one of {}, or fetch the data first"),
        files(path="ftp://example.org/a.nc"),
        [files(world())],
    ),
    (
        carries_out(
            "name NetCDF (.nc), GRIB (.grib, .grib2) or zarr; a pattern such as 'folder/*.nc' takes a whole folder"
        ),
        written(
            lambda path: path.rename(path.with_suffix(".csv")) and text(path.with_suffix(".csv")),
            world(),
            path="{}/0.csv",
        ),
        [files(world()), files(world(), world(1), path="{}/*.nc")],
    ),
    (
        carries_out("a pipe, socket or device cannot be read"),
        written(lambda path: os.mkfifo(path.with_name("pipe.nc")), world(), path="{}/pipe.nc"),
        [files(world())],
    ),
    (
        carries_out(
            "it is damaged, cut short, or of another format: fetch or write it again, or name its format in `engine`"
        ),
        written(cut, world()),
        [files(world())],
    ),
    (carries_out("levels there: {}"), files(world(), levels=[500.0]), [files(world())]),
    (
        carries_out(
            "add a file with times to `path`: a field without times is then taken to hold at all of them; or say which "
            "time it stands for: time: 2000-01-01"
        ),
        files(world().isel(time=0, drop=True)[["x"]]),
        [
            files(world().isel(time=0, drop=True)[["x"]], world()[["y"]]),
            files(world().isel(time=0, drop=True)[["x"]], time="2000-01-01"),
        ],
    ),
    (
        carries_out("leave `time` out"),
        files(world(), time="2000-01-01"),
        [files(world())],
    ),
    (
        carries_out("leave `place` out"),
        files(world(), place=Place(latitude=1, longitude=2)),
        [files(world())],
    ),
    # One name in several places
    (
        carries_out(
            "choose with `path`, `variables` or `grib_filter` (for example {typeOfLevel: isobaricInhPa}), or give one "
            "of them another name: rename: {'file.nc:name': new_name}"
        ),
        files(world()[["x"]], world()),
        [
            files(world()[["x"]], world(), path="{}/1.nc"),
            files(world()[["x"]], world(), rename={"0.nc:x": "z"}),
        ],
    ),
    (
        carries_out(
            "read what shares a grid: choose with `path` or `variables`, or bring the files onto one grid first"
        ),
        files(world()[["x"]], world()[["y"]].isel(longitude=slice(3))),
        [
            files(world()[["x"]], world()[["y"]].isel(longitude=slice(3)), path="{}/0.nc"),
            files(world()[["x"]], world()[["y"]].isel(longitude=slice(3)), variables=["y"]),
            files(world().isel(longitude=slice(3))[["x"]], world()[["y"]].isel(longitude=slice(3))),
        ],
    ),
    (
        carries_out("number each member once"),
        files(members(1, 1)),
        [files(members(1, 2))],
    ),
    (
        carries_out("read them apart with `path` or `variables`"),
        files(members(1, 2)[["x"]], members(1, 3)[["y"]]),
        [
            files(members(1, 2)[["x"]], members(1, 3)[["y"]], path="{}/0.nc"),
            files(members(1, 2)[["x"]], members(1, 3)[["y"]], variables=["x"]),
        ],
    ),
    # Places
    (
        carries_out("write the place of every node into the file"),
        files(nodes([0.0, 10.0, np.nan, 30.0])),
        [files(nodes([0.0, 10.0, 20.0, 30.0]))],
    ),
    (
        carries_out(
            "convert it to degrees, or correct its attribute `units`; if it is no latitude or longitude, give it "
            "another name"
        ),
        files(places("latitude", units="km")),
        [files(places("latitude", units="degrees_north"))],
    ),
    # Values
    (
        carries_out("correct or remove the attribute"),
        files(world(valid_min="warm")),
        [files(world(valid_min=np.float32(-1))), files(world())],
    ),
    # Times
    (
        carries_out("write it as 'hours since 2000-01-01' in the standard calendar"),
        files(times_as([0.0, 6.0, 12.0, 18.0], units="hours since the beginning")),
        [files(times_as([0.0, 6.0, 12.0, 18.0], units="hours since 2000-01-01"))],
    ),
    (
        carries_out("write it in ISO 8601, such as 2000-01-01T06:30:00, or 2000-01-01T06:30+02:00 with a time zone"),
        files(times_as(["noon", "evening", "night", "late"])),
        [
            files(times_as([f"2000-01-01T{hour:02d}:30:00" for hour in (0, 6, 12, 18)])),
            files(times_as([f"2000-01-01T{hour:02d}:30+02:00" for hour in (0, 6, 12, 18)])),
        ],
    ),
    (
        carries_out("write the times again as float64, or as whole hours, minutes or seconds"),
        files(times_as(np.arange(4, dtype="f4") / 7 + 60000, units="days since 1900-01-01")),
        [
            files(times_as(np.arange(4) / 7 + 60000, units="days since 1900-01-01")),
            files(times_as(np.arange(4) * 6 + 1440000, units="hours since 1900-01-01")),
        ],
    ),
    (
        carries_out("correct the bounds, or remove the attribute `bounds` of `{}`"),
        files(with_bounds([[0.0, 6.0, 1.0], [6.0, 12.0, 1.0], [12.0, 18.0, 1.0], [18.0, 24.0, 1.0]])),
        [
            files(with_bounds(SIX_HOURS)),
            files(times_as([6.0, 12.0, 18.0, 24.0], units="hours since 2020-01-01")),
        ],
    ),
    (
        carries_out("choose other files with `path`, or leave these variables out with `variables`"),
        files(with_bounds(SIX_HOURS).pipe(lambda c: c.assign(time=c.time.assign_attrs(climatology="time_bnds")))),
        [files(with_bounds(SIX_HOURS))],
    ),
    (
        carries_out(
            "say the start of the forecast, as in initial_time: 2000-01-01T00; or add a coordinate with standard_name "
            "'forecast_reference_time' and units like 'hours since 2000-01-01'"
        ),
        files(leads([0.0, 6.0, 12.0, 18.0])),
        [
            files(leads([0.0, 6.0, 12.0, 18.0]), initial_time="2000-01-01T00"),
            files(leads([0.0, 6.0, 12.0, 18.0]).assign_coords(start=START)),
        ],
    ),
    (
        carries_out("write the lead time of every field into the file"),
        files(leads([0.0, 6.0, np.nan, 18.0]).assign_coords(start=START)),
        [files(leads([0.0, 6.0, 12.0, 18.0]).assign_coords(start=START))],
    ),
    (
        carries_out("correct its attribute `units`"),
        files(leads([0.0, 6.0, 12.0, 18.0], "fortnights").assign_coords(start=START)),
        [files(leads([0.0, 6.0, 12.0, 18.0]).assign_coords(start=START))],
    ),
    (
        carries_out("choose one start, or one lead time, and write it into a file"),
        files(matrix()),
        [files(matrix().isel(start=0)), files(matrix().isel(step=0))],
    ),
    (
        carries_out("write `lead_time: {}` for that lead time of every forecast, or `initial_time: {}` for all of one"),
        files(starts()),
        [files(starts(), lead_time="6h"), files(starts(), initial_time="2020-01-01T00")],
    ),
    (
        carries_out("choose one of these: {}{}"),
        files(starts(), lead_time="5h"),
        [files(starts(), lead_time="0h"), files(starts(), lead_time="18h")],
    ),
    (
        carries_out("choose one of these: {}{}"),
        files(starts(), initial_time="2020-01-03"),
        [files(starts(), initial_time="2020-01-02T00")],
    ),
    (
        carries_out("leave `lead_time` and `initial_time` out"),
        files(world(), lead_time="6h"),
        [files(world())],
    ),
    (
        carries_out("leave `initial_time` out, and choose with `path`"),
        files(told(), initial_time="2020-01-01"),
        [files(told())],
    ),
    (
        carries_out("name the right one in `rename` as valid_time, as in `rename: {{}: valid_time}`"),
        files(two_times()),
        [files(two_times(), rename={name: "valid_time"}) for name in ("time", "other")],
    ),
    # Two of a kind
    (
        carries_out("leave one of them out, for example with `dataset.drop_vars({})`"),
        files(world().assign_coords(other=("latitude", [3.0, 2.0, 1.0], {"units": "degrees_north"}))),
        [files(world())],
    ),
    (
        carries_out(
            "leave one of the two out, for example the last one with `dataset.isel(longitude=slice(None, -1))`"
        ),
        files(around([0.0, 90.0, 180.0, 180.00000001])),
        [files(around([0.0, 90.0, 180.0, 180.00000001]).isel(longitude=slice(None, -1)))],
    ),
    (
        carries_out("correct the file, or leave one column out: `dataset.isel(longitude=slice(None, -1))`"),
        files(around([0.0, 120.0, 240.0, 360.0])),
        [files(around([0.0, 120.0, 240.0, 360.0]).isel(longitude=slice(None, -1)))],
    ),
    (
        carries_out("sort the axis"),
        files(world().isel(latitude=[0, 2, 1])),
        [files(world().isel(latitude=[0, 2, 1]).sortby("latitude"))],
    ),
    (
        carries_out(
            "add the true latitudes and longitudes as two-dimensional coordinates, or correct the attribute "
            "`grid_mapping`"
        ),
        files(turned()),
        [
            files(turned().rename(latitude="rlat", longitude="rlon").pipe(with_true_places)),
            files(turned().assign(x=turned().x.drop_attrs(), y=turned().y.drop_attrs())),
        ],
    ),
    (
        carries_out("groups are not read: write each one into a file"),
        grouped,
        [files(world())],
    ),
    (
        carries_out("fetch or write the file again"),
        classic(40),
        [classic(None)],
    ),
]


@pytest.mark.parametrize(
    ("broken", "ways"), [pytest.param(broken, ways, marks=fix, id=fix.args[0]) for fix, broken, ways in CASES]
)
def test_the_fix_helps(broken: Way, ways: list[Way], tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    options = broken(tmp_path / "broken")
    with pytest.raises(WxmlError):
        read(options)
    for number, way in enumerate(ways):
        (tmp_path / str(number)).mkdir()
        read(way(tmp_path / str(number)))


def read(options: dict[str, Any]) -> None:
    """Open the source, and read all of it."""
    source = XarraySource(**options)
    source.read(source.header.times, source.header.names)
