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
