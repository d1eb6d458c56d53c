"""From hybrid levels to pressure levels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml import PluginChoice
from wxml.errors import DataError
from wxml.testing import DataSourceContract
from wxml_dataset_sources.combining.pressure_levels import PressureLevels

carries_out = pytest.mark.carries_out
A, B = [0.0, 5000.0, 10000.0, 6000.0, 0.0], [0.0, 0.0, 0.1, 0.5, 1.0]
SURFACE = np.array([[1000.0, 900.0], [600.0, 1000.0]])  # hPa
PRESSURE = {
    1000.0: (25.0, 125.0, 380.0, 780.0),
    900.0: (25.0, 120.0, 350.0, 705.0),
    600.0: (25.0, 105.0, 260.0, 480.0),
}
"""By hand, hPa: the mean of a + b p at the half levels above and below (at 1000 hPa: 0, 50, 200, 560, 1000)."""


def written(path: Path, levels: tuple[int, ...] = (4, 3, 2, 1), **attributes: str) -> PluginChoice:
    """A source whose `t` is 200 + 10 ln p (hPa) at the hybrid levels, and `sp`."""
    axes: dict[str, Any] = {
        "time": [np.datetime64("2000-01-01", "ns")],
        "hybrid": (
            "hybrid",
            list(levels),
            {"axis": "Z", "standard_name": "atmosphere_hybrid_sigma_pressure_coordinate"},
        ),
        "latitude": ("latitude", [1.0, 0.0], {"units": "degrees_north"}),
        "longitude": ("longitude", [0.0, 1.0], {"units": "degrees_east"}),
    }
    t = np.array([[[PRESSURE[place][level - 1] for place in row] for row in SURFACE] for level in levels])
    fields = {
        "t": (("time", "hybrid", "latitude", "longitude"), (200 + 10 * np.log(t))[None].astype("f4"), {"units": "K"}),
        "sp": (("time", "latitude", "longitude"), SURFACE[None].astype("f4"), {"units": "hPa"}),
    }
    xr.Dataset(fields, axes).to_netcdf(path)
    return PluginChoice(plugin="xarray", path=str(path))


def options(choice: PluginChoice, **changes: Any) -> dict[str, Any]:
    given = {"variables": ["t"], "levels": [500.0, 110.0, 25.0], "surface_pressure": "sp", "a": A, "b": B}
    return {"source": choice} | given | changes


def test_a_profile_that_is_a_line_in_the_logarithm_of_the_pressure(tmp_path):
    source = PressureLevels(**options(written(tmp_path / "x.nc")))
    assert source.header.names == ("sp", "t_500", "t_110", "t_25")
    level = source.header.variables[1]
    assert (level.param, level.level, level.level_units, level.level_type, level.units) == (
        "t",
        500,
        "hPa",
        "isobaric",
        "K",
    )
    found = source.read(source.header.times, ["t_25", "t_500", "sp", "t_110"])[0, 0]
    expected = 200 + 10 * np.log([25.0, 500.0, 110.0])
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
    np.testing.assert_allclose(
        found[1], [expected[1], expected[1], np.nan, expected[1]], rtol=1e-6
    )  # 480 hPa is the lowest
    np.testing.assert_allclose(found[3], expected[2], rtol=1e-6)
    np.testing.assert_array_equal(found[2], SURFACE.ravel())
    part = source.read(source.header.times, ["t_500"], nodes=[3, 2])[0, 0, 0]
    np.testing.assert_array_equal(part, found[1][[3, 2]])


def test_some_of_the_levels_in_another_order(tmp_path):
    source = PressureLevels(**options(written(tmp_path / "x.nc", levels=(3, 4)), levels=[500.0, 125.0]))
    found = source.read(source.header.times, ["t_500", "t_125"])[0, 0]
    np.testing.assert_allclose(found[0, [0, 1, 3]], 200 + 10 * np.log(500.0), rtol=1e-6)
    assert np.isnan(found[1]).all()


@carries_out(
    "give both for all half levels, one more than there are levels, from the top down, `a` in Pa",
    "name parameters on hybrid levels, and give `a` and `b` for all of them",
)
def test_coefficients_and_levels_that_do_not_fit(tmp_path):
    choice = written(tmp_path / "x.nc")
    for a, b in ((A[:-1], B), (A[::-1], B[::-1])):
        with pytest.raises(DataError, match="are no half levels from the top on, whose pressure rises"):
            PressureLevels(**options(choice, a=a, b=b))
    with pytest.raises(
        DataError, match=r"t_4 of `source` \(xarray\) are not at two or more of the hybrid levels 1 to 3"
    ):
        PressureLevels(**options(choice, a=A[:-1], b=B[:-1]))
    with pytest.raises(DataError, match=r"sp of `source` \(xarray\) are not at two or more"):
        PressureLevels(**options(choice, variables=["sp"]))
    assert len(PressureLevels(**options(choice)).header.names) == 4


class TestContract(DataSourceContract):
    plugin = PressureLevels

    @pytest.fixture(autouse=True)
    def _sources(self, tmp_path):
        choice = written(tmp_path / "x.nc")
        self.options = options(choice) | {"source": {"plugin": "xarray", **choice.options}}
