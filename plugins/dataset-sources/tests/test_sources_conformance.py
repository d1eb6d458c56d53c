"""What the interface promises, checked by the kit."""

import numpy as np
import pytest
import xarray as xr
from wxml.testing import DataSourceContract
from wxml_dataset_sources.simulated_atmosphere import SimulatedAtmosphere
from wxml_dataset_sources.xarray_source import XarraySource


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache of its own, so that the fields are made once, and not left behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WXML_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.usefixtures("cache")
class TestSimulatedAtmosphere(DataSourceContract):
    plugin = SimulatedAtmosphere
    options = {"truncation": 5, "end": "2000-01-03", "spin_up_days": 1}


@pytest.fixture(scope="module")
def weather(tmp_path_factory):
    """A dataset of two variables, one of them with levels, which lacks temperature at the third time."""
    random = np.random.default_rng(0)
    axes = ("time", "level", "latitude", "longitude")
    t, msl = random.normal(280, 10, (7, 2, 4, 6)), random.normal(1e5, 1e3, (7, 4, 6))
    t[2, 0, 1, 3:5] = np.nan
    coordinates = {
        "time": np.datetime64("2000-01-01", "ns") + 6 * np.arange(7) * np.timedelta64(1, "h"),
        "level": ("level", [500.0, 850.0], {"units": "hPa"}),
        "latitude": ("latitude", [67.5, 22.5, -22.5, -67.5], {"units": "degrees_north"}),
        "longitude": ("longitude", 60.0 * np.arange(6), {"units": "degrees_east"}),
    }
    t, msl = (
        (names, values.astype("f4"), {"units": u})
        for names, values, u in ((axes, t, "K"), (axes[:1] + axes[2:], msl, "Pa"))
    )
    folder = tmp_path_factory.mktemp("weather")
    dataset = xr.Dataset({"t": t, "msl": msl}, coordinates)
    dataset.to_netcdf(folder / "weather.nc")
    dataset.to_zarr(folder / "weather.zarr", zarr_format=2)
    return folder


class TestXarray(DataSourceContract):
    plugin = XarraySource
    missing = [("2000-01-01T12", "t_500")]

    @pytest.fixture(autouse=True, params=["weather.nc", "weather.zarr"])
    def _file(self, request, weather):
        self.options = {"path": str(weather / request.param)}
