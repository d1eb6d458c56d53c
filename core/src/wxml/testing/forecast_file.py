"""The values of a forecast file, read with xarray, for the contract of forecast writers."""

__all__ = ["forecast_values"]

import unittest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.forecasting.layout import LEAD_TIME, MEMBER, TIME

AXES = (TIME, LEAD_TIME, MEMBER)


def forecast_values(target: str) -> dict[str, NDArray[np.float32]]:
    """Read a NetCDF or zarr file in the layout of `wxml.forecasting.layout`.

    Returns:
        The values by variable, shape `[time, lead_time, member, node]`.

    Raises:
        SkipTest: xarray is not installed, or does not know the format.
    """
    try:
        import xarray as xr

        engine: Any = {"engine": "zarr", "consolidated": False} if Path(target).is_dir() else {}
        opened = xr.open_dataset(target, decode_timedelta=True, **engine)
    except (ImportError, ValueError, OSError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise unittest.SkipTest(f"override `read_back`, since xarray cannot read the file: {reason}") from error
    with opened as dataset:
        forecasts = {str(name): field for name, field in dataset.data_vars.items() if set(AXES[:2]) <= set(field.dims)}
        with_members = {name: f if AXES[2] in f.dims else f.expand_dims(AXES[2]) for name, f in forecasts.items()}
        arrays = {name: field.transpose(*AXES, ...).values for name, field in with_members.items()}
    return {name: array.reshape(*array.shape[:3], -1) for name, array in arrays.items()}
