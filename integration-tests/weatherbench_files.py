"""Small files in the layout of WeatherBench 2, made of whole numbers: the same for wxml and for WeatherBench-X."""

from pathlib import Path

import numpy as np
import xarray as xr

LATITUDES, LONGITUDES = np.linspace(-90.0, 90.0, 13), np.arange(0.0, 360.0, 15.0)
LEVELS = [500, 850]
STARTS = np.array(["2020-01-01T00", "2020-01-01T12", "2020-01-02T00"], "datetime64[ns]")
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[ns]")
ON_LEVELS = ("temperature", "u_component_of_wind", "v_component_of_wind")
REGIONS = {
    "tropics": ((-20, 20), (0, 360)),
    "northern-hemisphere": ((20, 90), (0, 360)),
    "europe": ((35, 75), (-12.5, 42.5)),
    "north-pacific": ((25, 60), (145, 230)),
}
"""Latitudes and longitudes of some of WeatherBench's regions."""


def numbers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Multiples of 1/64 between 0 and 16, which float32 holds exactly."""
    count = np.arange(int(np.prod(shape)), dtype=np.int64)
    return ((count * (7919 + 2 * seed) + 31 * seed) % 1009 / 64).astype("f4").reshape(shape)


def write_files(folder: Path) -> None:
    """Write `forecast.nc` and `truth.nc`: latitudes rise in one, and fall in the other."""
    places = {"latitude": LATITUDES, "longitude": LONGITUDES}
    times = STARTS[0] + np.arange(8) * np.timedelta64(6, "h")
    of_forecast = {"time": STARTS, "prediction_timedelta": LEADS}
    for name, axes, seed in (("forecast", of_forecast, 0), ("truth", {"time": times}, 50)):
        sizes = tuple(len(one) for one in axes.values())
        nodes = (len(LATITUDES), len(LONGITUDES))
        fields = {
            field: ((*axes, "level", *places), numbers((*sizes, len(LEVELS), *nodes), seed + place))
            for place, field in enumerate(ON_LEVELS)
        }
        fields["2m_temperature"] = ((*axes, *places), numbers((*sizes, *nodes), seed + 9))
        dataset = xr.Dataset(fields, {**axes, "level": LEVELS, **places})
        if name == "truth":
            dataset = dataset.isel(latitude=slice(None, None, -1))
        dataset.to_netcdf(folder / f"{name}.nc")
