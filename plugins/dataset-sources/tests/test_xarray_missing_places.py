"""Files without latitudes or longitudes, or with empty ones: one sentence that names the file and what is missing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource

carries_out = pytest.mark.carries_out
SIZES = {"time": 3, "level": 2, "member": 2, "latitude": 3, "longitude": 4, "y": 3, "x": 4, "cell": 5}
DEGREES = {"latitude": {"units": "degrees_north"}, "longitude": {"units": "degrees_east"}}


def axis(name: str, *dims: str, sizes: Mapping[str, int] = SIZES, **attributes: str) -> tuple[Any, ...]:
    """A latitude or longitude along some dimensions, each value another one."""
    shape = [sizes[dim] for dim in dims]
    values = 40.0 - np.arange(np.prod(shape)).reshape(shape) * (1.0 if name == "latitude" else -1.0)
    return dims, values if dims else 40.0, DEGREES.get(name, {}) | attributes


def world(*dims: str, sizes: Mapping[str, int] = SIZES, **coordinates: Any) -> xr.Dataset:
    """A field along some dimensions, and coordinates."""
    values = np.ones([sizes[dim] for dim in dims], "f4")
    time = ("time", np.arange(sizes["time"]) * 6, {"units": "hours since 2020-01-01"})
    return xr.Dataset({"t": (dims, values, {"units": "K"})}, {"time": time, **coordinates})


def written(folder: Path, dataset: xr.Dataset, form: str) -> str:
    path = folder / f"a.{form}"
    if form == "nc":
        dataset.to_netcdf(path)
    else:
        dataset.to_zarr(path, zarr_format=2, mode="w")
    return str(path)


NOTHING = "no latitude and longitude were found"
CASES: dict[str, tuple[xr.Dataset, str]] = {
    "bare dimensions": (world("time", "y", "x"), f"{NOTHING}, neither .* its dimensions are .*'y': 3, 'x': 4"),
    "names without coordinates": (world("time", "latitude", "longitude"), NOTHING),
    "a bare list": (world("time", "cell"), NOTHING),
    "a series": (world("time"), NOTHING),
    "latitudes alone": (
        world("time", "latitude", "longitude", latitude=axis("latitude", "latitude")),
        "`latitude` is the latitude, and no longitude was found",
    ),
    "longitudes alone": (
        world("time", "latitude", "longitude", longitude=axis("longitude", "longitude")),
        "`longitude` is the longitude, and no latitude was found",
    ),
    "latitudes alone of a list": (
        world("time", "cell", lat=axis("latitude", "cell")),
        "`lat` is the latitude, and no longitude was found",
    ),
    "latitudes alone of a plane": (
        world("time", "y", "x", lat=axis("latitude", "y", "x")),
        "`lat` is the latitude, and no longitude was found",
    ),
    "one latitude alone": (
        world("time", latitude=axis("latitude")),
        "`latitude` is the latitude, and no longitude was found",
    ),
    "axes of a projection": (
        world("time", "y", "x", y=axis("y", "y", units="m", axis="Y"), x=axis("x", "x", units="km", axis="X")),
        f"{NOTHING}, .*: `x` and `y` are axes of a projection or a rotated pole",
    ),
    "axes of a projection by name": (
        world(
            "time",
            "y",
            "x",
            y=axis("y", "y", standard_name="projection_y_coordinate"),
            x=axis("x", "x", standard_name="projection_x_coordinate"),
        ),
        f"{NOTHING}, .*: `x` and `y` are axes of a projection or a rotated pole",
    ),
    "axes of a rotated pole": (
        world("time", "y", "x", y=axis("y", "y", standard_name="grid_latitude")),
        f"{NOTHING}, .*: `y` is an axis of a projection or a rotated pole",
    ),
}


@pytest.mark.parametrize("form", ["nc", "zarr"])
@pytest.mark.parametrize("chosen", [None, ["t"]])
@pytest.mark.parametrize("case", list(CASES))
def test_what_is_missing_is_named(case: str, chosen: list[str] | None, form: str, tmp_path: Path) -> None:
    """Also where the user names the variable, which is there."""
    dataset, message = CASES[case]
    path = written(tmp_path, dataset, form)
    with pytest.raises(DataError, match=f"^`{path}`: {message}") as caught:
        XarraySource(path=path, variables=chosen)
    assert "`rename` as time, step, level, member, latitude or longitude" in caught.value.fix
    assert "numpy" not in caught.value.message


@carries_out(
    "add the true latitude and longitude of each node as two-dimensional coordinates, as pyproj computes them; "
    "if they are there, {}"
)
def test_a_projection_with_true_places_is_read(tmp_path: Path) -> None:
    dataset, message = CASES["axes of a projection"]
    with pytest.raises(DataError, match=message):
        XarraySource(path=written(tmp_path, dataset, "nc"))
    places = {"lat": axis("latitude", "y", "x"), "lon": axis("longitude", "y", "x")}
    whole = written(tmp_path, dataset.assign_coords(places), "nc")
    assert XarraySource(path=whole).header.grid.shape == (3, 4)


@pytest.mark.parametrize("form", ["nc", "zarr"])
@pytest.mark.parametrize(
    ("dims", "latitude", "longitude", "shape"),
    [
        ((), (), (), (1, 1)),
        (("longitude",), (), ("longitude",), (1, 4)),
        (("latitude",), ("latitude",), (), (3, 1)),
    ],
)
def test_a_coordinate_without_dimensions_is_one_place(
    dims: tuple[str, ...],
    latitude: tuple[str, ...],
    longitude: tuple[str, ...],
    shape: tuple[int, ...],
    form: str,
    tmp_path: Path,
) -> None:
    places = {"latitude": axis("latitude", *latitude), "longitude": axis("longitude", *longitude)}
    grid = XarraySource(path=written(tmp_path, world("time", *dims, **places), form)).header.grid
    assert grid.shape == shape
    np.testing.assert_array_equal(grid.latitudes[[0]], [40.0])


def test_a_field_of_many_nodes_at_one_place_is_refused(tmp_path: Path) -> None:
    dataset = world("time", "y", "x", latitude=axis("latitude"), longitude=axis("longitude"))
    with pytest.raises(
        DataError, match="`y` is not understood; `latitude` and `longitude` are those of a single place"
    ):
        XarraySource(path=written(tmp_path, dataset, "nc"))


@carries_out("correct the coordinates of the file")
def test_a_plane_and_an_axis_do_not_fit_together(tmp_path: Path) -> None:
    lat, plane = axis("latitude", "y", "x"), axis("longitude", "y", "x")
    with pytest.raises(DataError, match=r"got `lat` along \('y', 'x'\) and `lon` along \('x',\)"):
        XarraySource(path=written(tmp_path, world("time", "y", "x", lat=lat, lon=axis("longitude", "x")), "nc"))
    assert XarraySource(path=written(tmp_path, world("time", "y", "x", lat=lat, lon=plane), "nc")).header.grid


@settings(
    max_examples=settings.default.max_examples // 2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    empty=st.sets(st.sampled_from(["time", "level", "member", "latitude", "longitude"]), min_size=1),
    order=st.permutations(["time", "level", "member", "latitude", "longitude"]),
    form=st.sampled_from(["nc", "zarr"]),
)
@carries_out(
    "write the place of every node into the file, in numbers",
    "write `{}` and the values along it again; or leave the variable out with `variables`",
)
def test_an_empty_axis_is_named(empty: set[str], order: list[str], form: str, tmp_path: Path) -> None:
    """Whichever it is, in any order of the dimensions; the same file with a length is read."""
    sizes = {dim: 0 if dim in empty else length for dim, length in SIZES.items()}

    def file(sizes: Mapping[str, int]) -> str:
        (tmp_path / "a.nc").unlink(missing_ok=True)
        places = {name: axis(name, name, sizes=sizes) for name in ("latitude", "longitude")}
        level = ("level", 500.0 + np.arange(sizes["level"]), {"units": "hPa"})
        members = ("member", np.arange(sizes["member"]))
        return written(tmp_path, world(*order, sizes=sizes, level=level, member=members, **places), form)

    with pytest.raises(DataError) as caught:
        XarraySource(path=file(sizes))
    message = caught.value.message
    assert any(f"`{dim}` is empty" in message for dim in empty), message
    assert f"a.{form}`" in message
    source = XarraySource(path=file(SIZES))
    assert source.read(source.header.times, ["t_500"]).shape == (3, 2, 1, 12)
    if not empty.isdisjoint({"latitude", "longitude"}):
        raised = "must hold degrees, got none" in message
        assert raised


def test_texts_are_no_degrees(tmp_path: Path) -> None:
    names = ("latitude", ["north", "middle", "south"], DEGREES["latitude"])
    dataset = world("time", "latitude", "longitude", latitude=names, longitude=axis("longitude", "longitude"))
    with pytest.raises(DataError, match=r"a.nc`: `latitude` must hold degrees, got values of type"):
        XarraySource(path=written(tmp_path, dataset, "nc"))


def test_one_empty_file_of_many_is_named(tmp_path: Path) -> None:
    """Also where files are alike, and one of them is examined for all."""
    places = {name: axis(name, name) for name in ("latitude", "longitude")}
    for number in range(8):
        dataset = world("time", "latitude", "longitude", **places)
        dataset["time"] = ("time", np.arange(3) * 6 + 24 * number, {"units": "hours since 2020-01-01"})
        kept = dataset.isel(time=slice(0 if number == 5 else None))
        kept.to_netcdf(tmp_path / f"{number}.nc", unlimited_dims=["time"])
    with pytest.raises(DataError, match=r"5.nc`: `t` has no values, as its dimension `time` is empty"):
        XarraySource(path=str(tmp_path / "*.nc"))
