"""From hybrid levels to heights: against the closed form of an isothermal atmosphere, and the standard atmosphere."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml import PluginChoice
from wxml.errors import DataError
from wxml.testing import DataSourceContract
from wxml_dataset_sources.combining.formulas import GRAVITY
from wxml_dataset_sources.combining.height_levels import HeightLevels
from wxml_dataset_sources.combining.hybrid_levels import heights_of_levels
from wxml_dataset_sources.combining.moisture import DRY_AIR, RATIO

carries_out = pytest.mark.carries_out
OROGRAPHY = np.array([[0.0, 500.0], [1000.0, 50.0]])


def coefficients(count: int) -> tuple[list[float], list[float]]:
    """Sigma levels, close to each other at the ground."""
    return [0.0] * (count + 1), (np.linspace(0, 1, count + 1) ** 0.75).tolist()


def written(path: Path, count: int = 40, temperature: float = 250.0, humidity: float = 0.01) -> PluginChoice:
    """Constant temperature and humidity, over ground at the pressure that belongs to its height; `u` is the height."""
    scale = DRY_AIR * temperature * (1 + (1 / RATIO - 1) * humidity) / GRAVITY
    surface = 1e5 * np.exp(-OROGRAPHY / scale)
    half = np.array(coefficients(count)[1])[:, None, None] * surface
    full = (half[1:] + half[:-1]) / 2
    axes: dict[str, Any] = {
        "time": [np.datetime64("2000-01-01", "ns")],
        "hybrid": ("hybrid", np.arange(1, count + 1), {"standard_name": "atmosphere_hybrid_sigma_pressure_coordinate"}),
        "latitude": ("latitude", [1.0, 0.0], {"units": "degrees_north"}),
        "longitude": ("longitude", [0.0, 1.0], {"units": "degrees_east"}),
    }
    dims = ("time", "hybrid", "latitude", "longitude")
    fields = {
        "t": (dims, np.full((1, count, 2, 2), temperature - 273.15, "f4"), {"units": "degC"}),
        "q": (dims, np.full((1, count, 2, 2), 1000 * humidity, "f4"), {"units": "g kg-1"}),
        "u": (dims, (scale * np.log(surface / full))[None].astype("f4"), {"units": "m"}),
        "sp": (("time", "latitude", "longitude"), surface[None].astype("f4") / 100, {"units": "hPa"}),
        "orog": (("time", "latitude", "longitude"), OROGRAPHY[None].astype("f4"), {"units": "m"}),
    }
    xr.Dataset(fields, axes).to_netcdf(path)
    return PluginChoice(plugin="xarray", path=str(path))


def options(choice: PluginChoice, count: int = 40, **changes: Any) -> dict[str, Any]:
    a, b = coefficients(count)
    given = {"variables": ["u"], "levels": [500.0, 2000.0, 10000.0], "surface_pressure": "sp", "a": a, "b": b}
    return {"source": choice} | given | changes


def test_a_field_that_is_its_own_height(tmp_path):
    source = HeightLevels(**options(written(tmp_path / "x.nc")))
    assert source.header.names[-3:] == ("u_500", "u_2000", "u_10000")
    assert "t_40" in source.header.names
    made = source.header.variables[-1]
    assert (made.level, made.level_units, made.level_type) == (10000, "m", "heightAboveGround")
    found = source.read(source.header.times, ["u_500", "u_2000", "u_10000"])[0, 0]
    np.testing.assert_allclose(found, np.repeat([[500.0], [2000.0], [10000.0]], 4, axis=1), rtol=2e-3)


def test_heights_above_the_sea_begin_above_the_ground(tmp_path):
    source = HeightLevels(**options(written(tmp_path / "x.nc"), levels=[700.0, 3000.0], orography="orog"))
    assert source.header.variables[-1].level_type == "heightAboveSea"
    low, high = source.read(source.header.times, ["u_700", "u_3000"])[0, 0]
    np.testing.assert_allclose(high, 3000 - OROGRAPHY.ravel(), rtol=3e-3)
    assert np.isnan(low[2])  # the ground is at 1000 m
    np.testing.assert_allclose(low[[0, 3]], [700, 650], rtol=1e-2)


def test_dry_air_is_lower(tmp_path):
    choice = written(tmp_path / "x.nc")
    moist, dry = (HeightLevels(**options(choice, **changes)) for changes in ({}, {"humidity": None}))
    found = [source.read(source.header.times, ["u_2000"])[0, 0, 0, 0] for source in (moist, dry)]
    assert found[1] / found[0] == pytest.approx(1 + (1 / RATIO - 1) * 0.01, rel=1e-3)


def test_an_isothermal_atmosphere_converges_with_the_square_of_the_thickness():
    def error(count: int) -> float:
        a, b = (np.array(each) for each in coefficients(count))
        found = heights_of_levels(np.array([1e5]), np.full((count, 1), 250.0), 0.0, a, b)
        full = 1e5 * (b[1:] + b[:-1]) / 2
        lower = full > 2e4
        return float(np.abs(found[:, 0] - DRY_AIR * 250.0 * np.log(1e5 / full))[lower].max())

    errors = [error(count) for count in (20, 40, 80, 160)]
    assert errors[0] / errors[-1] > 0.9 * 8**2, errors


def test_the_standard_atmosphere():
    """T = 288.15 K − 6.5 K km⁻¹ z: 5574 m at 500 hPa, 1457 m at 850 hPa (ICAO, geopotential metres)."""
    count = 200
    a, b = np.zeros(count + 1), np.linspace(0.15, 1, count + 1)
    full = 101325 * (b[1:] + b[:-1]) / 2
    exponent = 287.05287 * 0.0065 / GRAVITY
    temperature = np.maximum(288.15 * (full / 101325) ** exponent, 216.65)
    heights = heights_of_levels(np.array([101325.0]), temperature[:, None], 0.0, a, b)[:, 0] / GRAVITY
    assert np.interp(500e2, full, heights) == pytest.approx(5574, abs=4)
    assert np.interp(850e2, full, heights) == pytest.approx(1457, abs=2)


@carries_out("read it at all hybrid levels: a height is the sum over all that is below")
def test_a_level_that_lacks(tmp_path):
    choice = written(tmp_path / "x.nc", 6)
    less = PluginChoice(plugin="subset", source=choice.model_dump(), drop=["t_3"])
    with pytest.raises(DataError, match="`temperature` is 't', which is not at level 3 of the 6 that `a` and `b` have"):
        HeightLevels(**options(less, 6))
    assert HeightLevels(**options(choice, 6)).header.names[-1] == "u_10000"


class TestContract(DataSourceContract):
    plugin = HeightLevels

    @pytest.fixture(autouse=True)
    def _sources(self, tmp_path):
        choice = written(tmp_path / "x.nc", 8)
        self.options = options(choice, 8) | {"source": {"plugin": "xarray", **choice.options}}
