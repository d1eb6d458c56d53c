"""Ten days of fields of which the peer's store and ours are made: two levels, missing values, rain, a missing date."""

from pathlib import Path

import eccodes
import numpy as np
import xarray as xr

TIMES = np.datetime64("2020-01-01", "s") + 6 * np.arange(40) * np.timedelta64(1, "h")
MISSING = 7
"""The number of the date that is in no file."""
LATITUDES, LONGITUDES, LEVELS = np.linspace(60, 30, 7), np.arange(0, 50, 5.0), np.array([500.0, 850.0])
SHAPE = (len(LATITUDES), len(LONGITUDES))
RECIPE = """
description: exchange
dates: {{start: 2020-01-01T00:00:00, end: 2020-01-10T18:00:00, frequency: 6h, missing: [2020-01-02T18:00:00]}}
input:
  join:
  - netcdf: {{path: {folder}/fields.nc, param: [t], level: [500, 850]}}
  - netcdf: {{path: {folder}/fields.nc, param: [sst]}}
  - grib: {{path: {folder}/rain.grib, param: [tp]}}
statistics: {{end: 2020-01-08T18:00:00, tendencies: [6h, 24h]}}
output: {{format: {format}}}
build: {{allow_nans: true}}
"""
"""The recipe of the peer."""


def write_netcdf(path: Path) -> None:
    """Temperature at two levels, waves that travel east, and a sea surface temperature that land has not."""
    random = np.random.default_rng(1)
    east = np.radians(LONGITUDES)
    waves = 280 + 10 * np.sin(3 * east - 0.3 * np.arange(len(TIMES))[:, None, None, None])
    temperature = waves + np.array([-30.0, 0.0])[:, None, None] + random.normal(0, 0.1, (len(TIMES), 2, *SHAPE))
    sea = 285 + 5 * np.cos(np.radians(LATITUDES))[:, None] + random.normal(0, 0.1, (len(TIMES), *SHAPE))
    sea[:, 2:4, 1:5] = np.nan
    axes = {
        "time": ("time", TIMES.astype("datetime64[ns]")),
        "level": ("level", LEVELS, {"units": "hPa", "standard_name": "air_pressure", "positive": "down"}),
        "latitude": ("latitude", LATITUDES, {"units": "degrees_north", "standard_name": "latitude"}),
        "longitude": ("longitude", LONGITUDES, {"units": "degrees_east", "standard_name": "longitude"}),
    }
    kelvin = {"units": "K"}
    variables = {
        "t": (tuple(axes), temperature.astype("f4"), kelvin | {"standard_name": "air_temperature"}),
        "sst": (
            ("time", "latitude", "longitude"),
            sea.astype("f4"),
            kelvin | {"standard_name": "sea_surface_temperature"},
        ),
    }
    xr.Dataset(variables, axes).drop_isel(time=MISSING).to_netcdf(path)


def write_grib(path: Path) -> None:
    """Precipitation, accumulated over the six hours before each time."""
    random = np.random.default_rng(2)
    with path.open("wb") as file:
        for time in np.delete(TIMES, MISSING):
            message = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
            for key, value in _keys(time).items():
                eccodes.codes_set(message, key, value)
            eccodes.codes_set_values(message, np.abs(random.normal(0, 0.001, np.prod(SHAPE))))
            eccodes.codes_write(message, file)
            eccodes.codes_release(message)


def _keys(time: np.datetime64) -> dict[str, int | float | str]:
    """The keys of a message of six hours that end at `time`, in the order in which they are set."""
    date, clock = str(time - np.timedelta64(6, "h")).split("T")
    return {
        "Ni": SHAPE[1],
        "Nj": SHAPE[0],
        "latitudeOfFirstGridPointInDegrees": LATITUDES[0],
        "latitudeOfLastGridPointInDegrees": LATITUDES[-1],
        "longitudeOfFirstGridPointInDegrees": LONGITUDES[0],
        "longitudeOfLastGridPointInDegrees": LONGITUDES[-1],
        "iDirectionIncrementInDegrees": 5.0,
        "jDirectionIncrementInDegrees": 5.0,
        "dataDate": int(date.replace("-", "")),
        "dataTime": int(clock[:2]) * 100,
        "productDefinitionTemplateNumber": 8,
        "shortName": "tp",
        "stepType": "accum",
        "startStep": 0,
        "endStep": 6,
        "bitsPerValue": 24,
    }
