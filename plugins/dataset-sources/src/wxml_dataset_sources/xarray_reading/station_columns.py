"""Observations in NetCDF, as the columns of a table."""

__all__ = ["station_columns"]

from collections.abc import Hashable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.dates import decoded_dates
from wxml_dataset_sources.xarray_reading.files import DataFile
from wxml_dataset_sources.xarray_reading.opening import in_file, opened


def station_columns(path: str) -> tuple[dict[str, NDArray[Any]], int, dict[str, str]]:
    """Every variable as a column with an entry for each combination of positions on all axes, such as station and time.

    A station without a name is called by its position.

    Returns:
        The columns, the number of the first row, and the units that variables state.

    Raises:
        DataError: the file is damaged, or its times are no dates.
    """
    dataset = opened(DataFile(path, "netcdf"))
    sizes = dict(dataset.sizes)
    names = [str(name) for name in [*dataset.coords, *dataset.data_vars]]
    with in_file(path):
        arrays = {name: _decoded(name, dataset[name].variable) for name in names}
    if not arrays or not np.prod(list(sizes.values())):
        raise DataError(f"`{path}` has no observations", fix="fetch or write the file again")
    arrays |= {
        str(axis): xr.Variable(axis, np.arange(size).astype(str)) for axis, size in sizes.items() if axis not in arrays
    }
    columns = {name: _along_all(array, sizes) for name, array in arrays.items()}
    units = {name: str(dataset[name].attrs["units"]) for name in names if "units" in dataset[name].attrs}
    return columns, 0, units


def _decoded(name: str, variable: xr.Variable) -> xr.Variable:
    """The values; dates are decoded, and bytes are text."""
    if " since " in str(variable.attrs.get("units", "")):
        return decoded_dates(name, variable)
    if variable.dtype.kind == "S":
        return variable.astype(str)
    return variable


def _along_all(variable: xr.Variable, sizes: dict[Hashable, int]) -> NDArray[Any]:
    """The values for each combination of positions, in one row."""
    own = variable.transpose(*(axis for axis in sizes if axis in variable.dims)).values
    index = tuple(slice(None) if axis in variable.dims else None for axis in sizes)
    return np.broadcast_to(own[index], tuple(sizes.values())).ravel()
