"""Dimensions in any order, grids of every kind, levels, members: what a dataset means does not depend on its layout."""

import itertools
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml.data.grid import Grid
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource

TIMES = np.array(["2020-01-01", "2020-01-01T06", "2020-01-01T12"], "datetime64[ns]")
DIMS = ("time", "number", "level", "lat", "lon")
SIZES = {"time": 3, "number": 2, "level": 2, "lat": 4, "lon": 5}
LATITUDES = np.array([30.0, 10.0, -10.0, -30.0])
LONGITUDES = np.array([0.0, 20.0, 40.0, 60.0, 80.0])
# the value at (time, number, level, lat, lon) has these digits, so every misplaced axis shows
DIGITS = sum(np.arange(n).reshape(-1, *[1] * (4 - i)) * 10 ** (4 - i) for i, n in enumerate(SIZES.values()))


def world(order: tuple[str, ...] = DIMS) -> xr.Dataset:
    """A parameter `t` with all five dimensions in some order; its values spell their own position."""
    t = xr.DataArray(DIGITS.astype("float32"), dims=DIMS, attrs={"units": "K"}).transpose(*order)
    coordinates = {
        "time": TIMES,
        "number": ("number", [0, 1]),
        "level": ("level", [850, 500], {"units": "hPa"}),
        "lat": ("lat", LATITUDES, {"units": "degrees_north"}),
        "lon": ("lon", LONGITUDES, {"units": "degrees_east"}),
    }
    return xr.Dataset({"t": t}, coordinates)


def source(dataset: xr.Dataset, folder: Path, **options: Any) -> XarraySource:
    path = folder / "data.nc"
    path.unlink(missing_ok=True)
    dataset.to_netcdf(path)
    return XarraySource(path=str(path), **options)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.sampled_from(list(itertools.permutations(DIMS))))
def test_any_order_of_dimensions_reads_the_same(order: tuple[str, ...], tmp_path: Path) -> None:
    read = source(world(order), tmp_path)
    values = read.read(TIMES, ["t_850", "t_500"])
    expected = DIGITS.reshape(3, 2, 2, 20)
    np.testing.assert_array_equal(values, expected)
    assert read.header.members == 2
    assert read.header.names == ("t_850", "t_500")


def test_values_lie_at_their_places(tmp_path: Path) -> None:
    read = source(world(), tmp_path)
    node = int(np.flatnonzero((read.header.grid.latitudes == -10) & (read.header.grid.longitudes == 60))[0])
    assert (
        read.read(TIMES[2:], ["t_500"])[0, 1, 0, node] == 21123
    )  # time 2, member 1, level 1, third row, fourth column


@pytest.mark.parametrize("latitudes", [LATITUDES, LATITUDES[::-1]])
@pytest.mark.parametrize("longitudes", [LONGITUDES, LONGITUDES - 180.0, LONGITUDES[::-1], np.mod(LONGITUDES - 50, 360)])
def test_axes_keep_their_direction(latitudes: np.ndarray, longitudes: np.ndarray, tmp_path: Path) -> None:
    dataset = world().assign_coords(lat=("lat", latitudes, {"axis": "Y"}), lon=("lon", longitudes, {"axis": "X"}))
    grid = source(dataset, tmp_path).header.grid
    np.testing.assert_allclose(grid.latitudes.reshape(4, 5)[:, 0], latitudes)
    np.testing.assert_allclose(grid.longitudes.reshape(4, 5)[0], np.mod(longitudes, 360))
    # four rows of 20°: the area grows as the sine, by sin 20° in an inner row and sin 40° − sin 20° in an outer one
    inner = np.sin(np.radians(20)) / (2 * np.sin(np.radians(40)))
    np.testing.assert_allclose(grid.area_weights.reshape(4, 5).sum(axis=1), [0.5 - inner, inner, inner, 0.5 - inner])


@pytest.mark.parametrize(
    ("attributes", "names"),
    [
        ({"units": "degrees_north", "unit2": "degrees_east"}, ("a", "b")),
        ({"standard_name": "latitude"}, ("a", "b")),
        ({}, ("latitude", "longitude")),
        ({}, ("g0_lat_2", "g0_lon_3")),
        ({}, ("LAT", "LON")),
    ],
)
def test_latitude_is_recognised(attributes: dict[str, str], names: tuple[str, str], tmp_path: Path) -> None:
    dataset = world().isel(number=0, level=0, drop=True).rename(lat=names[0], lon=names[1])
    dataset[names[0]].attrs = {key: value for key, value in attributes.items() if key != "unit2"}
    dataset[names[1]].attrs = {key: value.replace("latitude", "longitude") for key, value in attributes.items()}
    if "units" in attributes:
        dataset[names[1]].attrs = {"units": attributes["unit2"]}
    read = source(dataset, tmp_path)
    np.testing.assert_array_equal(read.header.grid.latitudes.reshape(4, 5)[:, 0], LATITUDES)


def test_pascals_become_hectopascals(tmp_path: Path) -> None:
    dataset = world().assign_coords(level=("level", [85000.0, 50.0], {"units": "Pa"}))
    header = source(dataset, tmp_path).header
    assert [(v.name, v.param, v.level, v.units) for v in header.variables] == [
        ("t_850", "t", 850.0, "K"),
        ("t_0.5", "t", 0.5, "K"),
    ]


def test_one_pressure_level_is_named_and_one_height_is_not(tmp_path: Path) -> None:
    one = world().isel(level=[0])
    assert source(one, tmp_path).header.names == ("t_850",)
    assert source(one.squeeze("level"), tmp_path).header.names == ("t_850",)
    height = one.assign_coords(level=("level", [2.0], {"units": "m", "standard_name": "height"}))
    assert source(height, tmp_path).header.names == ("t",)


def test_curvilinear_coordinates_in_either_order(tmp_path: Path) -> None:
    lat2, lon2 = np.meshgrid([50.0, 51.0, 52.0], [5.0, 7.0], indexing="ij")
    lon2 = lon2 + 0.1 * (lat2 - 50)
    data = np.arange(18.0).reshape(3, 3, 2)
    dataset = xr.Dataset(
        {"t": (("time", "y", "x"), data)},
        {"time": TIMES, "lat": (("y", "x"), lat2), "lon": (("x", "y"), lon2.T)},
    )
    read = source(dataset, tmp_path)
    assert read.header.grid.identity == Grid.curvilinear(lat2, lon2).identity
    np.testing.assert_array_equal(read.read(TIMES, ["t"]).reshape(3, 6), data.reshape(3, 6))


def test_rotated_axes_are_no_latitudes(tmp_path: Path) -> None:
    rotated = {"units": "degrees", "axis": "Y", "standard_name": "grid_latitude"}
    dataset = xr.Dataset(
        {"t": (("time", "rlat", "rlon"), np.zeros((3, 2, 2)))},
        {"time": TIMES, "rlat": ("rlat", [0.0, 1.0], rotated), "rlon": ("rlon", [0.0, 1.0])},
    )
    with pytest.raises(DataError, match=r"no latitude and longitude.*`rlat` is an axis of a projection.*\n.*`rename`"):
        source(dataset, tmp_path)


def test_reduced_gaussian_cells_get_gaussian_weights(tmp_path: Path) -> None:
    expected = Grid.reduced_gaussian([8, 12, 12, 8])
    dataset = xr.Dataset(
        {"t": (("values", "time"), np.arange(120.0).reshape(40, 3))},
        {"time": TIMES, "latitude": ("values", expected.latitudes), "longitude": ("values", expected.longitudes)},
    )
    read = source(dataset, tmp_path)
    np.testing.assert_allclose(read.header.grid.area_weights, expected.area_weights)
    np.testing.assert_array_equal(read.read(TIMES[1:2], ["t"]).ravel(), np.arange(1.0, 120, 3))
    moved = dataset.assign_coords(longitude=dataset.longitude + 1)
    np.testing.assert_allclose(source(moved, tmp_path).header.grid.area_weights, 1 / 40)  # unstructured


def test_static_fields_hold_at_all_times_and_members(tmp_path: Path) -> None:
    dataset = world().assign(orography=(("lon", "lat"), np.arange(20.0).reshape(5, 4)))
    values = source(dataset, tmp_path).read(TIMES[[2, 0]], ["orography"])
    expected = np.arange(20.0).reshape(5, 4).T.ravel()
    np.testing.assert_array_equal(values, np.broadcast_to(expected, (2, 2, 1, 20)))


def test_an_unknown_dimension_is_named_and_can_be_renamed(tmp_path: Path) -> None:
    dataset = world().rename(number="perturbation")
    with pytest.raises(DataError, match="`perturbation` is not understood") as caught:
        source(dataset, tmp_path)
    assert "rename" in caught.value.fix
    assert source(dataset, tmp_path, rename={"perturbation": "member"}).header.members == 2


@pytest.mark.parametrize("order", [DIMS, DIMS[::-1], ("number", *DIMS[2:], "time")])
@pytest.mark.parametrize("name", ["ensemble", "perturbation"])
def test_members_without_a_coordinate_are_counted_where_rename_says_so(
    name: str, order: tuple[str, ...], tmp_path: Path
) -> None:
    bare = world(order).drop_vars("number").rename_dims(number=name)
    with pytest.raises(DataError, match=f"`{name}` is not understood") as caught:
        source(bare, tmp_path)
    assert "if it numbers members, name it in `rename` as member" in caught.value.fix
    read = source(bare, tmp_path, rename={name: "member"}).read(TIMES, ["t_850", "t_500"])
    np.testing.assert_array_equal(read, source(world(order), tmp_path).read(TIMES, ["t_850", "t_500"]))


@pytest.mark.parametrize("dim", ["time", "level"])
def test_the_coordinate_that_a_dimension_lacks_can_be_written(dim: str, tmp_path: Path) -> None:
    bare = world().drop_vars(dim).rename_dims({dim: "unknown"})
    with pytest.raises(DataError, match="`unknown` is not understood") as caught:
        source(bare, tmp_path)
    assert "else write the coordinate `unknown` into the file" in caught.value.fix
    mended = bare.assign_coords(unknown=("unknown", *(world()[dim].values, world()[dim].attrs)))
    read = source(mended, tmp_path, rename={"unknown": dim}).read(TIMES, ["t_850", "t_500"])
    np.testing.assert_array_equal(read, source(world(), tmp_path).read(TIMES, ["t_850", "t_500"]))


def test_a_variable_left_out_does_no_harm(tmp_path: Path) -> None:
    dataset = world().rename(number="expver").assign(u=(("time", "lat", "lon"), np.ones((3, 4, 5))))
    assert source(dataset, tmp_path, variables=["u"]).header.names == ("u",)


def test_bounds_and_projections_are_no_fields(tmp_path: Path) -> None:
    dataset = world().isel(number=0, level=0, drop=True)
    dataset["lat_bnds"] = (("lat", "bnds"), np.zeros((4, 2)))
    dataset["crs"] = ((), 0, {"grid_mapping_name": "latitude_longitude"})
    dataset["p0"] = ((), 100000.0, {"units": "Pa"})
    assert source(dataset, tmp_path).header.names == ("t",)


def test_selection_by_name_parameter_and_level(tmp_path: Path) -> None:
    dataset = world().isel(number=0, drop=True).assign(u=world().t.isel(number=0, drop=True))
    assert source(dataset, tmp_path, variables=["u", "t_500"]).header.names == ("t_500", "u_850", "u_500")
    assert source(dataset, tmp_path, levels=[500]).header.names == ("t_500", "u_500")
    assert source(dataset, tmp_path, rename={"t": "temperature"}).header.names[0] == "temperature_850"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variables": ["t_851"]}, r"`variables` names 't_851'.*\n  did you mean 't_850'"),
        ({"variables": ["tt"]}, r"`variables` names 'tt'.*\n  .*known: .*t"),
        ({"levels": [700]}, r"`levels` names 700.*\n  levels there: 500, 850"),
        ({"levels": [500], "variables": ["t_850"]}, "`variables` names 't_850'"),
        ({"rename": {"temp": "t"}}, "`rename` names 'temp'"),
        ({"rename": {"date.nc:t": "x"}}, r"`rename` names the file 'date.nc'.*\n  did you mean 'data.nc'"),
    ],
)
def test_what_is_not_there_is_refused(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        source(world(), tmp_path, **options)


def test_names_that_meet_are_refused(tmp_path: Path) -> None:
    dataset = world().assign(t_850=world().t.isel(level=0, drop=True))
    with pytest.raises(DataError, match=r"'t_850' is there twice for 2020-01-01T00: as `t` in .* and as `t_850`"):
        source(dataset, tmp_path)


def test_two_grids_in_one_file_are_refused(tmp_path: Path) -> None:
    dataset = world().isel(number=0, level=0, drop=True)
    dataset["u"] = (("time", "latitude", "longitude"), np.zeros((3, 2, 2)))
    dataset = dataset.assign_coords(latitude=[1.0, 2.0], longitude=[1.0, 2.0])
    with pytest.raises(DataError, match=r"4 × 5 nodes .* and 2 × 2 nodes .*`t` in .*`u` in"):
        source(dataset, tmp_path)


def test_longitude_before_latitude_takes_no_more_memory(tmp_path: Path) -> None:
    """WeatherBench 2 has that order; xarray would turn the fields by the indices of each value."""
    values = np.random.default_rng(0).normal(size=(24, 120, 60)).astype("f4")
    places = {"longitude": np.arange(0, 360, 3.0), "latitude": np.linspace(-88.5, 88.5, 60)}
    times = np.datetime64("2020-01-01", "ns") + 6 * np.arange(24) * np.timedelta64(1, "h")
    dataset = xr.Dataset({"t": (("time", *places), values, {"units": "K"})}, {"time": times, **places})
    dataset.to_zarr(tmp_path / "t.zarr", zarr_format=2, encoding={"t": {"chunks": (24, 120, 60)}})
    source = XarraySource(path=str(tmp_path / "t.zarr"))
    source.read(source.header.times[:1], ["t"])  # what is imported and opened once
    source.forget()
    tracemalloc.start()
    found = source.read(source.header.times, ["t"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(found[:, 0, 0].reshape(24, 60, 120), values.swapaxes(1, 2))
    assert peak < 8 * values.nbytes, peak / values.nbytes
