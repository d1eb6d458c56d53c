"""The layouts of ARCO-ERA5 and WeatherBench 2, which leave unsaid what their documentation says."""

__all__ = ["kept_times", "with_units_of_levels"]

import logging
from functools import cache

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml.data.times import format_time
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.dates import decoded_dates, text_dates

logger = logging.getLogger("wxml")

ERA5_LEVELS = frozenset(
    (1, 2, 3, 5, 7, 10, 20, 30, 50, 70, *range(100, 251, 25), *range(300, 751, 50), *range(775, 1001, 25))
)
"""The 37 pressure levels of ERA5 in hPa (Hersbach et al. 2020, doi:10.1002/qj.3803)."""
ERA5_FIELDS = frozenset(
    (
        "divergence",
        "fraction_of_cloud_cover",
        "geopotential",
        "ozone_mass_mixing_ratio",
        "potential_vorticity",
        "relative_humidity",
        "specific_cloud_ice_water_content",
        "specific_cloud_liquid_water_content",
        "specific_humidity",
        "specific_rain_water_content",
        "specific_snow_water_content",
        "temperature",
        "u_component_of_wind",
        "v_component_of_wind",
        "vertical_velocity",
        "vorticity",
        "wind_speed",
    )
)
"""The names that the Climate Data Store gives the fields of ERA5 on pressure levels, which both layouts use."""
START, STOP = "valid_time_start", "valid_time_stop"
DAY = len("2020-01-01")
"""Characters of a date without a time."""


def with_units_of_levels(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with units of its pressure levels, if they are those of ERA5 and say none."""
    if _has_levels_of_era5(dataset):
        dataset["level"].attrs |= {"units": "hPa", "standard_name": "air_pressure"}
    return dataset


def kept_times(path: str, dataset: xr.Dataset) -> NDArray[np.intp] | None:
    """The positions on the axis `time` that the dataset does not say to hold no data; None: all.

    ARCO-ERA5 has a time axis until 2050, and states in the attributes `valid_time_start` and `valid_time_stop` which
    times were written; a date without a time stands for all of its day.

    Args:
        path: the file, for messages.
        dataset: opened without decoding of times.

    Raises:
        DataError: the attributes are no dates, or no time is between them.
    """
    stated = [dataset.attrs.get(key) for key in (START, STOP)]
    if "time" not in dataset.dims or "time" not in dataset.coords or not all(isinstance(one, str) for one in stated):
        return None
    start, stop = (text_dates(key, np.array([text]))[0] for key, text in zip((START, STOP), stated, strict=True))
    if len(str(stated[1])) == DAY:
        stop += np.timedelta64(1, "D") - np.timedelta64(1, "s")
    return _between(path, dataset, start, stop)


def _has_levels_of_era5(dataset: xr.Dataset) -> bool:
    """Whether the axis `level` holds pressures in hPa, and says no units."""
    if "level" not in dataset.coords or dataset["level"].ndim > 1 or "units" in dataset["level"].attrs:
        return False
    fields = [name for name in dataset.data_vars if "level" in dataset[name].dims]
    levels = np.atleast_1d(dataset["level"].values)
    return levels.dtype.kind in "iuf" and ERA5_LEVELS.issuperset(levels.tolist()) and not ERA5_FIELDS.isdisjoint(fields)


def _between(path: str, dataset: xr.Dataset, start: np.datetime64, stop: np.datetime64) -> NDArray[np.intp] | None:
    times = decoded_dates("time", dataset["time"].variable).values
    has_data = (times >= start) & (times <= stop)
    if has_data.all():
        return None
    said = f"`{path}` says that it holds data from {format_time(start)} to {format_time(stop)}"
    positions = np.flatnonzero(has_data)
    if not len(positions):
        raise DataError(
            f"{said}, and none of its times is between them", fix=f"correct its attributes `{START}` and `{STOP}`"
        )
    _tell(f"{said}: the other {len(times) - len(positions)} of the {len(times)} times on its axis are left out")
    return positions


@cache
def _tell(text: str) -> None:
    """Log one warning, however often the file is opened."""
    logger.warning("%s", text)
