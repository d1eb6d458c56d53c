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


SEASONS = np.array(
    ["2019-02-28T18", "2019-12-31T12", "2020-02-28T18", "2020-02-29T12", "2020-12-30T18", "2020-12-31T06"],
    "datetime64[ns]",
)
"""Initial times before and after 29 February and at the turn of the year, in years with 365 and with 366 days."""
CLIMATOLOGY = "1990-2019_6h_24x13.zarr"


def write_climatology(folder: Path) -> None:
    """Write a climatology with the dimensions in the order of those of WeatherBench 2."""
    axes = {"hour": np.arange(0, 24, 6), "dayofyear": np.arange(1, 367)}
    places = {"longitude": LONGITUDES, "latitude": LATITUDES}
    sizes, nodes = (4, 366), (len(LONGITUDES), len(LATITUDES))
    fields = {
        field: ((*axes, "level", *places), numbers((*sizes, len(LEVELS), *nodes), 90 + place))
        for place, field in enumerate(ON_LEVELS)
    }
    fields["2m_temperature"] = ((*axes, *places), numbers((*sizes, *nodes), 99))
    xr.Dataset(fields, {**axes, "level": LEVELS, **places}).to_zarr(folder / CLIMATOLOGY, zarr_format=2)


def write_files(folder: Path, starts: np.ndarray = STARTS) -> None:
    """Write `forecast.nc` and `truth.nc`: latitudes rise in one, and fall in the other."""
    places = {"latitude": LATITUDES, "longitude": LONGITUDES}
    times = np.unique(starts[:, None] + np.arange(8) * np.timedelta64(6, "h"))
    times = times if starts is not STARTS else times[:8]
    of_forecast = {"time": starts, "prediction_timedelta": LEADS}
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
