"""What files state beside names and units is compared where they are joined: heights, levels, members, …"""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource

Piece = Callable[[int], xr.Dataset]
SUFFIXES = [".nc", ".zarr"]


def piece(number: int, value: float = 1.0, **attributes: str) -> xr.Dataset:
    """Two times of `x`, those of the second piece after those of the first."""
    times = ("time", 12.0 * number + np.array([0.0, 6.0]), {"units": "hours since 2020-01-01"})
    values = np.full((2, 2, 2), value, "f4")
    data = {"x": (("time", "lat", "lon"), values, {"units": "K", **attributes})}
    return xr.Dataset(data, {"time": times, "lat": [1.0, 0.0], "lon": [0.0, 1.0]})


def at_height(height: float, units: str) -> Piece:
    scalar = ((), height, {"units": units, "standard_name": "height"})
    return lambda number: piece(number).assign_coords(height=scalar)


def on_height_axis(height: float) -> Piece:
    axis = ("height", [height], {"units": "m", "standard_name": "height"})
    return lambda number: piece(number).expand_dims("height").assign_coords(height=axis)


def called(standard_name: str) -> Piece:
    return lambda number: piece(number, standard_name=standard_name)


def of_member(member: Any) -> Piece:
    return lambda number: piece(number).assign_coords(number=((), member))


def written(folder: Path, pieces: list[Piece], suffix: str) -> list[str]:
    paths = [folder / f"{number}{suffix}" for number in range(len(pieces))]
    for number, (make, path) in enumerate(zip(pieces, paths, strict=True)):
        make(number).to_zarr(path, zarr_format=2) if suffix == ".zarr" else make(number).to_netcdf(path)
    return list(map(str, paths))


OTHERS = {
    "heights": (at_height(2, "m"), at_height(10, "m"), "has the height '2 m' as .* and '10 m' as"),
    "height and axis": (at_height(2, "m"), on_height_axis(10), "has the height '2 m' as .* and '10 m' as"),
    "quantities": (
        called("air_temperature"),
        called("soil_temperature"),
        "has the standard name 'air_temperature' as .* and 'soil_temperature' as",
    ),
    "members": (of_member(3), of_member(5), r"members differ: 1 \(3\) of .* and 1 \(5\) of"),
    "names of members": (of_member("p01"), of_member("p02"), r"members differ: 1 \(p01\) of .* and 1 \(p02\) of"),
    "a member and none": (of_member(3), piece, "has members in one place and none in another"),
    "a member and the number 0": (of_member(3), of_member(0), "has members in one place and none in another"),
}
SAME = {
    "heights": (at_height(2, "m"), at_height(2.0, "metres")),
    "height and axis": (at_height(2, "m"), on_height_axis(2)),
    "a height that one does not state": (at_height(2, "m"), piece),
    "a name that one does not state": (called("air_temperature"), piece),
    "a name that is unknown": (called("air_temperature"), called("unknown")),
    "the number 0, and none": (of_member(0), piece),
    "one member": (of_member(3), of_member(3.0)),
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("what", list(OTHERS))
def test_other_statements_are_not_joined(what: str, suffix: str, tmp_path: Path) -> None:
    first, second, words = OTHERS[what]
    with pytest.raises(DataError, match=words):
        XarraySource(path=written(tmp_path, [first, second], suffix))


@pytest.mark.parametrize(("make", "height", "standard_name"), [(at_height(2, "m"), "2 m", ""), (called("x"), "", "x")])
def test_what_a_file_states_is_known_of_the_variable(
    make: Piece, height: str, standard_name: str, tmp_path: Path
) -> None:
    (variable,) = XarraySource(path=written(tmp_path, [make], ".nc")).header.variables
    assert (variable.height, variable.standard_name) == (height, standard_name)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("what", list(SAME))
def test_the_same_in_another_form_is_joined(what: str, suffix: str, tmp_path: Path) -> None:
    source = XarraySource(path=written(tmp_path, list(SAME[what]), suffix))
    assert source.header.names == ("x",)
    assert source.header.times.size == 4
    assert source.header.members == 1
    assert np.isfinite(source.read(source.header.times, ["x"])).all()


def message(path: Path, day: int, **keys: Any) -> str:
    """One field, 3 everywhere."""
    handle = eccodes.codes_grib_new_from_samples(f"regular_ll_sfc_grib{keys.pop('edition', 2)}")
    for key, value in {"dataDate": 20200100 + day, "dataTime": 0, **keys}.items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(handle, np.full(eccodes.codes_get(handle, "numberOfValues"), 3.0))
    with path.open("wb") as file:
        eccodes.codes_write(handle, file)
    eccodes.codes_release(handle)
    return str(path)


LEVELS = [("heightAboveGround", 80), ("heightAboveGround", 100), ("surface", 0), ("heightAboveSea", 80)]


@pytest.mark.carries_out(
    "choose one with `path` or `grib_filter` (for example by typeOfLevel), or give one of them another name: "
    "rename: {'file.nc:name': new_name}"
)
@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(LEVELS, 2)))
def test_other_levels_of_grib_are_not_joined(first: Any, second: Any, tmp_path: Path) -> None:
    paths = [
        message(tmp_path / f"{day}.grib2", day, shortName="t", typeOfLevel=kind, level=level)
        for day, (kind, level) in enumerate([first, second], start=1)
    ]
    with pytest.raises(DataError, match="variable 't' has the level in GRIB 2") as caught:
        XarraySource(path=paths)
    assert f"'{first[0]} {first[1]}'" in caught.value.message
    assert f"'{second[0]} {second[1]}'" in caught.value.message
    assert XarraySource(path=paths, rename={"2.grib2:t": "other"}).header.names == ("t", "other")
    key, place = ("typeOfLevel", 0) if first[0] != second[0] else ("level", 1)
    (time,) = XarraySource(path=paths, grib_filter={key: second[place]}).header.times
    assert [time] == XarraySource(path=paths[1]).header.times


def soil(path: Path, day: int, top: int, bottom: int) -> str:
    """The temperature of a layer of soil, its ends in cm."""
    surfaces: dict[str, Any] = {}
    for which, depth in (("First", top), ("Second", bottom)):
        surfaces |= {f"typeOf{which}FixedSurface": 106, f"scaleFactorOf{which}FixedSurface": 2}
        surfaces[f"scaledValueOf{which}FixedSurface"] = depth
    return message(path, day, discipline=2, parameterCategory=0, parameterNumber=2, **surfaces)


@pytest.mark.carries_out(
    "choose one with `grib_filter` (by bottomLevel and topLevel), or leave it out with `variables`"
)
def test_layers_can_be_chosen_or_left_out(tmp_path: Path) -> None:
    parts = [soil(tmp_path / "1.grib2", 1, 0, 100), soil(tmp_path / "2.grib2", 2, 0, 200)]
    parts.append(message(tmp_path / "3.grib2", 3, shortName="2t"))
    (tmp_path / "all.grib2").write_bytes(b"".join(Path(part).read_bytes() for part in parts))
    path = str(tmp_path / "all.grib2")
    with pytest.raises(DataError, match="holds the layers 0-1 and 0-2"):
        XarraySource(path=path)
    chosen = XarraySource(path=path, grib_filter={"topLevel": 0, "bottomLevel": 2})
    assert chosen.header.times.astype(str).tolist() == ["2020-01-02T00:00:00"]
    assert XarraySource(path=path, variables=["t2m"]).header.names == ("t2m",)


@pytest.mark.parametrize("apart", [False, True], ids=["one file", "a file each"])
@pytest.mark.parametrize(("first", "second"), list(itertools.permutations([(0, 100), (0, 200), (0, 700)], 2)))
def test_layers_that_begin_at_one_level_are_not_joined(first: Any, second: Any, apart: bool, tmp_path: Path) -> None:
    paths = [soil(tmp_path / f"{day}.grib2", day, *ends) for day, ends in enumerate([first, second], start=1)]
    if not apart:
        (tmp_path / "all.grib2").write_bytes(b"".join(Path(path).read_bytes() for path in paths))
    with pytest.raises(DataError, match="has the level in GRIB 2" if apart else "holds the layers") as caught:
        XarraySource(path=paths if apart else str(tmp_path / "all.grib2"))
    assert all(f"{top // 100}-{bottom // 100}" in caught.value.message for top, bottom in (first, second))
    if not apart:
        chosen = XarraySource(path=str(tmp_path / "all.grib2"), grib_filter={"bottomLevel": first[1] // 100})
        assert chosen.header.times.size == 1


def test_layers_of_one_profile_are_levels(tmp_path: Path) -> None:
    paths = [soil(tmp_path / f"{top}.grib2", 1, top, top + 100) for top in (0, 100, 200)]
    (tmp_path / "all.grib2").write_bytes(b"".join(Path(path).read_bytes() for path in paths))
    names = XarraySource(path=str(tmp_path / "all.grib2")).header.names
    assert [name.rpartition("_")[2] for name in names] == ["0", "1", "2"]


def test_both_editions_of_grib_are_joined(tmp_path: Path) -> None:
    """Edition 1 of ECMWF has the temperature at 2 m at the surface."""
    paths = [
        message(tmp_path / "1.grib1", 1, edition=1, deleteLocalDefinition=1, shortName="2t"),
        message(tmp_path / "2.grib2", 2, shortName="2t"),
    ]
    assert XarraySource(path=paths).header.times.size == 2


@pytest.mark.parametrize("apart", [False, True], ids=["one file", "a file each"])
def test_parameters_without_a_name_are_told_apart_by_their_numbers(apart: bool, tmp_path: Path) -> None:
    paths = [
        message(tmp_path / f"{day}.grib2", day, discipline=0, parameterCategory=191, parameterNumber=200 + day)
        for day in (1, 2)
    ]
    if not apart:
        (tmp_path / "all.grib2").write_bytes(b"".join(Path(path).read_bytes() for path in paths))
    with pytest.raises(DataError, match=r"'unknown' has the parameter numbers .*Number 201' as .* and .*Number 202'"):
        XarraySource(path=paths if apart else str(tmp_path / "all.grib2"))
    assert XarraySource(path=paths[0]).header.names == ("unknown",)


@pytest.mark.parametrize("units", ["m", "km", "metres"])
@pytest.mark.parametrize("name", ["lat", "lon"])
def test_places_in_other_units_than_degrees_are_refused(name: str, units: str, tmp_path: Path) -> None:
    dataset = piece(0)
    dataset[name].attrs["units"] = units
    dataset.to_netcdf(tmp_path / "a.nc")
    with pytest.raises(DataError, match=f"`{name}` must be in degrees, got the units '{units}'"):
        XarraySource(path=str(tmp_path / "a.nc"))


@pytest.mark.parametrize("units", ["radians", "radian", "rad"])
def test_places_in_radians_are_read_unless_they_are_degrees(units: str, tmp_path: Path) -> None:
    dataset = piece(0)
    expected = XarraySource(path=saved(dataset, tmp_path / "degrees.nc")).header.grid
    for name in ("lat", "lon"):
        dataset[name] = (name, np.radians(dataset[name].values.astype("f8")), {"units": units})
    found = XarraySource(path=saved(dataset, tmp_path / "radians.nc")).header.grid
    np.testing.assert_allclose(found.latitudes, expected.latitudes)
    np.testing.assert_allclose(found.longitudes, expected.longitudes)
    dataset["lon"] = ("lon", 20.0 + np.arange(dataset.sizes["lon"]), {"units": units})
    with pytest.raises(DataError, match=f"`lon` must be in degrees, got the units '{units}'"):
        XarraySource(path=saved(dataset, tmp_path / "wrong.nc"))


def saved(dataset: xr.Dataset, path: Path) -> str:
    dataset.to_netcdf(path)
    return str(path)


@pytest.mark.parametrize("units", ["", "degrees", "degree", "degrees_north", "deg", "1"])
def test_places_in_degrees_are_read(units: str, tmp_path: Path) -> None:
    dataset = piece(0)
    dataset["lat"].attrs["units"] = units
    dataset.to_netcdf(tmp_path / "a.nc")
    assert XarraySource(path=str(tmp_path / "a.nc")).header.grid.latitudes[0] == 1.0


@pytest.mark.parametrize("names", [("lat", "lon"), ("rlat", "rlon")])
@pytest.mark.parametrize("mapping", ["pole", "pole: lat lon"])
def test_axes_of_a_rotated_pole_are_no_places(names: tuple[str, str], mapping: str, tmp_path: Path) -> None:
    dataset = piece(0, grid_mapping=mapping).rename(lat=names[0], lon=names[1])
    dataset["pole"] = ((), 0, {"grid_mapping_name": "rotated_latitude_longitude"})
    dataset[names[0]].attrs.update(axis="Y", units="degrees")
    dataset[names[1]].attrs.update(axis="X", units="degrees")
    dataset.to_netcdf(tmp_path / "a.nc")
    with pytest.raises(DataError, match=f"`{names[0]}` and `{names[1]}` are the axes of a rotated pole"):
        XarraySource(path=str(tmp_path / "a.nc"))
    dataset["pole"].attrs["grid_mapping_name"] = "latitude_longitude"
    dataset.to_netcdf(tmp_path / "b.nc")
    assert XarraySource(path=str(tmp_path / "b.nc")).header.grid.shape == (2, 2)
