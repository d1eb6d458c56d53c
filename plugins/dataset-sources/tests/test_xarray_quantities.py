"""Pieces of one variable are joined only if they are one quantity: units, step type, length of the period."""

import itertools
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import pytest
import xarray as xr
from wxml import PluginChoice
from wxml.errors import DataError
from wxml_dataset_sources.combining.rescale import Rescale, Scaling
from wxml_dataset_sources.xarray_source import XarraySource


def piece(path: Path, start: int, **attributes: str) -> str:
    """Two times of a variable `x` from the hour `start` on, as NetCDF or zarr."""
    values = np.zeros((2, 2, 2), "float32")
    axes = {"time": ("time", [start, start + 6.0], {"units": "hours since 2020-01-01"}), "lat": [1.0, 0.0]}
    dataset = xr.Dataset({"x": (("time", "lat", "lon"), values, attributes)}, {**axes, "lon": [0.0, 1.0]})
    if path.suffix == ".zarr":
        dataset.to_zarr(path, zarr_format=2)
    else:
        dataset.to_netcdf(path)
    return str(path)


def rain(path: Path, *ranges: str, start: int = 20200101, kind: int = 1) -> str:
    """GRIB 2 messages of `tp` at 1 mm an hour: sums (kind 1) or means (0) over step ranges such as `0-6`."""
    with path.open("wb") as file:
        for steps in ranges:
            handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
            keys: dict[str, Any] = {"dataDate": start, "dataTime": 0, "productDefinitionTemplateNumber": 8}
            if kind < 0:
                keys["productDefinitionTemplateNumber"] = 0
            keys |= {"shortName": "tp" if kind > 0 else "prate"}
            keys |= {"typeOfStatisticalProcessing": kind, "stepRange": steps} if kind >= 0 else {"step": int(steps)}
            for key, value in keys.items():
                eccodes.codes_set(handle, key, value)
            eccodes.codes_write(handle, file)
            eccodes.codes_release(handle)
    return str(path)


@pytest.mark.parametrize("suffixes", list(itertools.product([".nc", ".zarr"], repeat=2)))
@pytest.mark.parametrize("units", list(itertools.permutations(["K", "m", "kg m-2", "furlongs of air", ""], 2)))
def test_other_units_are_refused_in_every_format(units: Any, suffixes: Any, tmp_path: Path) -> None:
    paths = [piece(tmp_path / f"{i}{suffixes[i]}", 12 * i, units=units[i]) for i in range(2)]
    for order in (paths, paths[::-1]):
        with pytest.raises(DataError, match="variable 'x' has units") as caught:
            XarraySource(path=order)
        assert all(repr(unit) in caught.value.message for unit in units)


@pytest.mark.parametrize("units", [("m s-1", "m/s"), ("K", "Kelvin"), ("m s**-1", "m s-1")])
def test_units_in_another_spelling_are_joined(units: Any, tmp_path: Path) -> None:
    paths = [piece(tmp_path / f"{i}.nc", 12 * i, units=units[i]) for i in range(2)]
    source = XarraySource(path=paths)
    assert source.header.times.size == 4
    assert source.header.variables[0].units == units[0]


@pytest.mark.carries_out(
    "correct the attribute `units`, or give one of them another name, rename: {'file.nc:name': new_name}, and bring "
    "it to the units of the other with `rescale`"
)
def test_a_new_name_helps_where_units_differ(tmp_path: Path) -> None:
    paths = [piece(tmp_path / f"{i}.nc", 12 * i, units=unit) for i, unit in enumerate(["m", "kg m-2"])]
    with pytest.raises(DataError, match="neither can be converted to the other"):
        XarraySource(path=paths)
    source = PluginChoice.model_validate({"plugin": "xarray", "path": paths, "rename": {"1.nc:x": "y"}})
    names = {"y": Scaling(scale=0.001, units="m")}
    assert [(one.name, one.units) for one in Rescale(source=source, variables=names).header.variables] == [
        ("x", "m"),
        ("y", "m"),
    ]


def test_units_differ_between_grib_and_netcdf(tmp_path: Path) -> None:
    paths = [rain(tmp_path / "a.grib2", "0-6"), str(tmp_path / "b.nc")]
    grid = XarraySource(path=paths[0]).header.grid
    lat, lon = grid.latitudes.reshape(grid.shape)[:, 0], grid.longitudes.reshape(grid.shape)[0]
    axes = {"time": ("time", [12.0], {"units": "hours since 2020-01-01"}), "lat": lat, "lon": lon}
    values = np.zeros((1, *grid.shape), "float32")
    xr.Dataset({"tp": (("time", "lat", "lon"), values, {"units": "kg m-2"})}, axes).to_netcdf(paths[1])
    with pytest.raises(DataError, match=r"variable 'tp' has units 'm' .*a.grib2`, and 'kg m-2' as .*b.nc`"):
        XarraySource(path=paths)


@pytest.mark.parametrize(
    "methods", [("time: mean", "time: maximum"), ("time: point", "time: sum"), ("area: mean time: sum", "time: mean")]
)
def test_other_cell_methods_are_refused(methods: Any, tmp_path: Path) -> None:
    paths = [piece(tmp_path / f"{i}.nc", 12 * i, units="K", cell_methods=methods[i]) for i in range(2)]
    with pytest.raises(DataError, match="variable 'x' has step type"):
        XarraySource(path=paths)


@pytest.mark.parametrize("ranges", [("0-3", "0-6", "6-9", "6-12"), ("0-6", "6-9"), ("0-3", "3-9")])
@pytest.mark.parametrize("kind", [0, 1], ids=["mean", "sum"])
@pytest.mark.parametrize("apart", [False, True], ids=["one file", "a file each"])
def test_periods_of_other_lengths_are_refused(ranges: Any, kind: int, apart: bool, tmp_path: Path) -> None:
    if apart:
        path: Any = [rain(tmp_path / f"{i}.grib2", steps, kind=kind) for i, steps in enumerate(ranges)]
    else:
        path = rain(tmp_path / "a.grib2", *ranges, kind=kind)
    with pytest.raises(DataError, match=r"holds values over periods of \dh and \dh") as caught:
        XarraySource(path=path)
    assert "grib_filter" in caught.value.fix


@pytest.mark.carries_out(
    "choose one with `path` or `grib_filter` (by stepType or stepRange; in GRIB 2 also by lengthOfTimeRange, or "
    "{derivedForecast: undef} for all but ensemble means and spreads), or leave the variable out with `variables`"
)
def test_the_filters_that_the_message_proposes_work(tmp_path: Path) -> None:
    path = rain(tmp_path / "a.grib2", "0-3", "0-6", "6-9", "6-12")
    with pytest.raises(DataError, match="'tp' holds values over periods of 3h and 6h"):
        XarraySource(path=path)
    hours = {3: ["03", "09"], 6: ["06", "12"]}
    for length, right in hours.items():
        times = XarraySource(path=path, grib_filter={"lengthOfTimeRange": length}).header.times
        assert [str(time)[11:13] for time in times] == right
    assert XarraySource(path=path, grib_filter={"stepRange": "6-9"}).header.times.size == 1
    other = rain(tmp_path / "b.grib2", "0-6", kind=0)
    assert XarraySource(path=[path, other], variables=["prate"]).header.times.size == 1


@pytest.mark.parametrize("ranges", [("0-6", "6-12", "12-18"), ("0-6", "0-12", "0-18"), ("0-0", "0-3", "0-6")])
def test_periods_of_one_length_or_from_one_start_are_joined(ranges: Any, tmp_path: Path) -> None:
    assert XarraySource(path=rain(tmp_path / "a.grib2", *ranges)).header.times.size == 3


def test_sums_from_the_starts_of_two_forecasts_are_refused(tmp_path: Path) -> None:
    paths = [rain(tmp_path / f"{day}.grib2", "0-6", "0-12", start=day) for day in (20200101, 20200102)]
    with pytest.raises(DataError, match="variable 'tp' holds values over periods of 6h and 12h"):
        XarraySource(path=paths)
    assert XarraySource(path=paths, grib_filter={"stepRange": "0-6"}).header.times.size == 2


@pytest.mark.carries_out(
    "choose one with `path` or `grib_filter` (by stepType or stepRange; in GRIB 2 also by lengthOfTimeRange, or "
    "{derivedForecast: undef} for all but ensemble means and spreads), or leave the variable out with `variables`"
)
def test_instants_and_means_are_refused(tmp_path: Path) -> None:
    paths = [rain(tmp_path / "a.grib2", "0", kind=-1), rain(tmp_path / "b.grib2", "0-3", kind=0)]
    with pytest.raises(DataError, match=r"variable 'prate' has step type 'instant' .* and 'avg'"):
        XarraySource(path=paths)
    for step_type, path in zip(("instant", "avg"), paths, strict=True):
        for chosen in ({"path": paths, "grib_filter": {"stepType": step_type}}, {"path": path}):
            assert XarraySource(**chosen).header.variables[0].step_type == step_type


@pytest.mark.parametrize(
    ("ranges", "kind", "expected"),
    [
        (("0-6", "6-12"), 1, ("accum", "6h")),
        (("0-3", "3-6"), 0, ("avg", "3h")),
        (("0-6", "0-12"), 1, ("accum", "")),
        (("0", "6"), -1, ("instant", "")),
    ],
)
def test_the_step_type_and_the_period_are_known(ranges: Any, kind: int, expected: Any, tmp_path: Path) -> None:
    paths = [rain(tmp_path / f"{i}.grib2", steps, kind=kind) for i, steps in enumerate(ranges)]
    (variable,) = XarraySource(path=paths).header.variables
    assert (variable.step_type, variable.period) == expected


def on_level(path: Path, start: int, units: str) -> str:
    """A variable `t` on one pair of levels, as NetCDF."""
    levels = np.array([85000.0, 50000.0] if units == "Pa" else [850.0, 500.0])
    axes = {"time": ("time", [start], {"units": "hours since 2020-01-01"}), "lat": [1.0, 0.0], "lon": [0.0, 1.0]}
    values = np.zeros((1, 2, 2, 2), "float32")
    dataset = xr.Dataset({"t": (("time", "lev", "lat", "lon"), values, {"units": "K"})}, axes)
    dataset.assign_coords(lev=("lev", levels, {"units": units})).to_netcdf(path)
    return str(path)


@pytest.mark.parametrize("units", list(itertools.permutations(["hPa", "Pa", "millibars", ""], 2)))
def test_levels_in_units_of_pressure_are_joined(units: Any, tmp_path: Path) -> None:
    source = XarraySource(path=[on_level(tmp_path / f"{i}.nc", 6 * i, units[i]) for i in range(2)])
    assert source.header.names == ("t_850", "t_500")
    assert {variable.level_units for variable in source.header.variables} <= {"hPa", "millibars"}


@pytest.mark.parametrize("units", [*itertools.permutations(["hPa", "m", "1"], 2), ("Pa", "m"), ("K", "Pa")])
def test_levels_of_one_number_and_other_units_are_refused(units: Any, tmp_path: Path) -> None:
    paths = [on_level(tmp_path / f"{i}.nc", 6 * i, units[i]) for i in range(2)]
    with pytest.raises(DataError, match=r"variable 't_850' is at a level in '.*0.nc`, and in '.*1.nc`") as caught:
        XarraySource(path=paths)
    assert all(repr("hPa" if unit == "Pa" else unit) in caught.value.message for unit in units)
    assert XarraySource(path=paths, rename={"1.nc:t": "other"}).header.names[0] == "t_850"


@pytest.mark.parametrize(
    ("level", "level_type"),
    [
        ({"units": "Pa"}, "isobaric"),
        ({"units": "millibars"}, "isobaric"),
        ({"standard_name": "air_pressure"}, "isobaric"),
        ({"standard_name": "atmosphere_hybrid_sigma_pressure_coordinate", "units": "1"}, "hybrid"),
        ({"standard_name": "air_potential_temperature", "units": "K"}, "theta"),
        ({"units": "1"}, ""),
    ],
)
def test_the_attributes_of_an_axis_tell_the_type_of_its_levels(tmp_path: Path, level, level_type) -> None:
    axes = {
        "time": ("time", [0, 6], {"units": "hours since 2000-01-01"}),
        "level": ("level", [500.0, 850.0], level | {"axis": "Z"}),
        "latitude": ("latitude", [1.0, 0.0], {"units": "degrees_north"}),
        "longitude": ("longitude", [0.0, 1.0], {"units": "degrees_east"}),
    }
    values = np.zeros((2, 2, 2, 2), "f4")
    xr.Dataset({"t": (tuple(axes), values, {"units": "K", "GRIB_paramId": 130})}, axes).to_netcdf(tmp_path / "a.nc")
    header = XarraySource(path=str(tmp_path / "a.nc")).header
    assert {variable.level_type for variable in header.variables} == {level_type}
    assert {variable.grib for variable in header.variables} == {"paramId=130"}
