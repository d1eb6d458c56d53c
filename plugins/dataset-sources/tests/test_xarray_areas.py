"""Lists of nodes have the areas of the grid that they form; an area is no field."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml import Grid
from wxml_dataset_sources.xarray_source import XarraySource


def cells(path: Path, latitudes: np.ndarray, longitudes: np.ndarray) -> Grid:
    """The grid of a source whose nodes are a list."""
    axes: dict[str, Any] = {"time": ("time", [0.0], {"units": "hours since 2020-01-01"})}
    axes |= {"lat": ("cell", latitudes), "lon": ("cell", longitudes)}
    path.unlink(missing_ok=True)
    xr.Dataset({"t": (("time", "cell"), np.zeros((1, len(latitudes))))}, axes).to_netcdf(path)
    return XarraySource(path=str(path)).header.grid


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), west=st.sampled_from([0.0, -180.0, 340.0]), is_global=st.booleans())
def test_a_regular_grid_as_cells_in_any_order(seed: int, west: float, is_global: bool, tmp_path: Path) -> None:
    lat = np.linspace(85, -85, 18) if is_global else np.linspace(60, 40, 9)
    lon = west + (np.arange(0, 360, 20.0) if is_global else np.arange(0, 60, 5.0))
    regular = Grid.regular(lat, lon)
    order = np.random.default_rng(seed).permutation(len(regular))
    found = cells(tmp_path / "a.nc", regular.latitudes[order], regular.longitudes[order])
    np.testing.assert_allclose(found.area_weights, regular.area_weights[order], rtol=1e-9)


def test_the_share_of_the_polar_cap_of_a_5_degree_grid(tmp_path: Path) -> None:
    """(1 − sin 60°) / 2 = 6.7 % of the sphere; with equal weights it would be 16.7 %."""
    lat, lon = np.meshgrid(np.arange(87.5, -90, -5), np.arange(2.5, 360, 5), indexing="ij")
    grid = cells(tmp_path / "a.nc", lat.ravel(), lon.ravel())
    assert grid.area_weights[grid.latitudes > 60].sum() == pytest.approx((1 - np.sin(np.radians(60))) / 2)


def test_other_nodes_count_the_same_and_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    grid = cells(tmp_path / "a.nc", np.array([10.0, 20.0, 30.0]), np.array([0.0, 7.0, 3.0]))
    np.testing.assert_allclose(grid.area_weights, 1 / 3)
    assert "the 3 nodes form no grid that wxml knows, so all of them count the same" in caplog.text


def test_healpix_cells_have_equal_areas_without_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    healpix = Grid.healpix(4)
    grid = cells(tmp_path / "a.nc", healpix.latitudes, healpix.longitudes)
    np.testing.assert_allclose(grid.area_weights, 1 / 192)
    assert "count the same" not in caplog.text


@pytest.mark.parametrize(
    ("own", "of_the_field"), [({"standard_name": "cell_area"}, {}), ({}, {"cell_measures": "area: areacella"})]
)
def test_the_area_of_cells_is_no_field(own: dict[str, str], of_the_field: dict[str, str], tmp_path: Path) -> None:
    axes = {"time": ("time", [0.0], {"units": "hours since 2020-01-01"}), "lat": [10.0, 0.0], "lon": [0.0, 10.0]}
    fields = {"t": (("time", "lat", "lon"), np.zeros((1, 2, 2)), of_the_field)}
    xr.Dataset(fields | {"areacella": (("lat", "lon"), np.ones((2, 2)), {"units": "m2", **own})}, axes).to_netcdf(
        tmp_path / "a.nc"
    )
    assert XarraySource(path=str(tmp_path / "a.nc")).header.names == ("t",)


# Areas that a file states are the weights of its grid


def stating(path: Path, layout: str, areas: np.ndarray, own: dict[str, str], of_field: dict[str, str]) -> XarraySource:
    """A source whose file states areas, `[y, x]`, on axes, on a plane or as a list of cells."""
    lat, lon = np.array([50.0, 48.0, 45.0]), np.array([0.0, 3.0, 5.0, 8.0])
    time = ("time", [0.0], {"units": "hours since 2020-01-01"})
    planes = np.meshgrid(lat, lon, indexing="ij")
    turned = [plane + 0.01 * planes[1 - number] for number, plane in enumerate(planes)]
    dims: tuple[str, ...] = {"axes": ("lat", "lon"), "plane": ("y", "x"), "cells": ("cell",), "turned": ("x", "y")}[
        layout
    ]
    if layout == "axes":
        axes: dict[str, Any] = {"time": time, "lat": lat, "lon": lon}
    else:
        shaped = [each.ravel() if layout == "cells" else each for each in turned]
        axes = {"time": time, "lat": (dims if layout == "cells" else ("y", "x"), shaped[0])}
        axes["lon"] = (axes["lat"][0], shaped[1])
    values = {"cells": areas.ravel(), "turned": areas.T}.get(layout, areas)
    field_dims = ("y", "x") if layout == "turned" else dims
    sizes = (1, *(areas.shape if len(field_dims) == 2 else (areas.size,)))
    fields = {"t": (("time", *field_dims), np.zeros(sizes), of_field), "size": (dims, values, own)}
    path.unlink(missing_ok=True)
    xr.Dataset(fields, axes).to_netcdf(path)
    return XarraySource(path=str(path))


STATED = [({"standard_name": "cell_area", "units": "m2"}, {}), ({}, {"cell_measures": "area: size volume: deep"})]


@pytest.mark.parametrize("layout", ["axes", "plane", "turned", "cells"])
@pytest.mark.parametrize(("own", "of_field"), STATED)
def test_stated_areas_are_the_weights(
    layout: str, own: dict[str, str], of_field: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    areas = np.arange(1.0, 13).reshape(3, 4) * 1e8
    source = stating(tmp_path / "a.nc", layout, areas, own, of_field)
    np.testing.assert_allclose(source.header.grid.area_weights, areas.ravel() / areas.sum())
    assert source.header.names == ("t",)
    assert "count the same" not in caplog.text


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.floats(0, 1e12), min_size=12, max_size=12).filter(lambda areas: max(areas) > 1),
    st.sampled_from(["axes", "plane", "turned", "cells"]),
)
def test_any_areas_in_any_layout(tmp_path: Path, sizes: list[float], layout: str) -> None:
    areas = np.array(sizes).reshape(3, 4)
    grid = stating(tmp_path / "a.nc", layout, areas, *STATED[0]).header.grid
    np.testing.assert_allclose(grid.area_weights, areas.ravel() / areas.sum(), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("wrong", [np.nan, -1.0])
def test_areas_that_are_none_are_told_and_left_out(
    wrong: float, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    areas = np.ones((3, 4))
    plain = stating(tmp_path / "a.nc", "axes", areas, {}, {}).header
    assert plain.names == ("t", "size")
    areas[1, 2] = wrong
    grid = stating(tmp_path / "a.nc", "axes", areas, *STATED[0]).header.grid
    np.testing.assert_array_equal(grid.area_weights, plain.grid.area_weights)
    assert f"`size` of `{tmp_path / 'a.nc'}` has areas that are missing or below 0" in caplog.text


def test_areas_of_other_dimensions_are_no_weights_of_the_grid(tmp_path: Path) -> None:
    axes = {"time": ("time", [0.0], {"units": "hours since 2020-01-01"}), "lat": [10.0, 0.0], "lon": [0.0, 10.0]}
    fields = {
        "t": (("time", "lat", "lon"), np.zeros((1, 2, 2))),
        "coarse": (("basin",), np.ones(3), {"standard_name": "cell_area"}),
    }
    xr.Dataset(fields, axes).to_netcdf(tmp_path / "a.nc")
    grid = XarraySource(path=str(tmp_path / "a.nc")).header.grid
    np.testing.assert_array_equal(grid.area_weights, Grid.regular([10.0, 0.0], [0.0, 10.0]).area_weights)


def test_the_column_that_is_there_twice_has_no_area_of_its_own(tmp_path: Path) -> None:
    lat, lon = np.array([45.0, -45.0]), np.linspace(0, 360, 5)
    areas = np.array([[1.0, 2.0, 3.0, 4.0, 1.0], [5.0, 6.0, 7.0, 8.0, 5.0]])
    axes = {"time": ("time", [0.0], {"units": "hours since 2020-01-01"}), "lat": lat, "lon": lon}
    fields = {
        "t": (("time", "lat", "lon"), np.zeros((1, 2, 5))),
        "a": (("lat", "lon"), areas, {"standard_name": "cell_area"}),
    }
    xr.Dataset(fields, axes).to_netcdf(tmp_path / "a.nc")
    grid = XarraySource(path=str(tmp_path / "a.nc")).header.grid
    np.testing.assert_allclose(grid.area_weights, np.arange(1.0, 9) / 36)


def test_the_areas_of_the_first_of_several_files_count_for_all(tmp_path: Path) -> None:
    for hour in range(3):
        source = stating(tmp_path / f"{hour}.nc", "cells", np.arange(1.0, 13).reshape(3, 4), *STATED[0])
        with xr.open_dataset(tmp_path / f"{hour}.nc", decode_times=False) as opened:
            shifted = opened.load().assign_coords(time=("time", [float(hour)], opened["time"].attrs))
        shifted.to_netcdf(tmp_path / f"{hour}.nc")
    source = XarraySource(path=str(tmp_path / "*.nc"))
    assert len(source.header.times) == 3
    np.testing.assert_allclose(source.header.grid.area_weights, np.arange(1.0, 13) / 78)
