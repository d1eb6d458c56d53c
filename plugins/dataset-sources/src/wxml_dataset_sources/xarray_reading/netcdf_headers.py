"""What a NetCDF file says beside the values of its fields: a text that files of one kind share, and its dates."""

__all__ = ["Header", "read_header"]

import hashlib
import json
from contextlib import suppress
from typing import Any, Final, NamedTuple

import netCDF4
import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError
from wxml.files.failures import DAMAGE
from wxml.files.hdf5_structure import check_hdf5_file
from wxml.files.netcdf_lock import NETCDF_LOCK
from wxml.forecasting.layout import PROVENANCE

from wxml_dataset_sources.xarray_reading.classic_netcdf import check_length

OF_DATES: Final = ("units", "calendar")
"""Attributes of the dates that files of one kind may differ in."""
CHANGING: Final = {"scale_factor", "add_offset", "_FillValue", "missing_value", "valid_min", "valid_max", "valid_range"}
"""Attributes with which dates may be other numbers than those in the file."""
PLACES: Final = 2
"""So many dimensions a coordinate has at most."""


class Header(NamedTuple):
    """What one file says."""

    kind: str
    """The SHA-256 of all that is no field and no date: the same text means files that differ in their dates alone."""
    axis: str
    """The name of the dates, which is that of their dimension."""
    units: str
    calendar: str
    dates: NDArray[Any]
    """The numbers in the file, `[time]`."""


def read_header(path: str) -> Header | None:
    """The header of a file; None if the file is damaged, or is none with one axis of dates that stands for itself."""
    with suppress(*DAMAGE, DataError):
        check_length(path)
        unreadable = check_hdf5_file(path)
        with NETCDF_LOCK, netCDF4.Dataset(path) as file:
            file.set_auto_maskandscale(False)
            return _header(file, unreadable)
    return None


def _header(file: netCDF4.Dataset, unreadable: dict[str, str]) -> Header | None:
    said = {name: _attributes(variable) for name, variable in file.variables.items()}
    dated = [variable for name, variable in file.variables.items() if _is_dated(variable, said[name])]
    if len(dated) != 1:
        return None
    axis = dated[0]
    attributes = said[axis.name]
    if not CHANGING.isdisjoint(attributes) or axis.dtype not in (np.int32, np.int64, np.float64):
        return None
    digest = hashlib.sha256(json.dumps([unreadable, PROVENANCE in file.ncattrs(), axis.name]).encode())
    for dimension in file.dimensions.values():
        digest.update(json.dumps([dimension.name, -1 if dimension.name == axis.name else dimension.size]).encode())
    for variable in file.variables.values():
        _add(digest, variable, said[variable.name], axis.name)
    units, calendar = (str(attributes.get(name, "")) for name in OF_DATES)
    return Header(digest.hexdigest(), axis.name, units, calendar, np.asarray(axis[:]))


def _is_dated(variable: "netCDF4.Variable[Any]", attributes: dict[str, Any]) -> bool:
    """Whether it is an axis of dates, named like its dimension, in units such as `hours since 2000-01-01`."""
    return variable.dimensions == (variable.name,) and " since " in str(attributes.get("units", ""))


def _add(digest: Any, variable: "netCDF4.Variable[Any]", attributes: dict[str, Any], axis: str) -> None:
    """Add what a variable is; and the values of what may be a coordinate, but no date."""
    if variable.name == axis:
        attributes = {name: value for name, value in attributes.items() if name not in OF_DATES}
    content = [variable.name, variable.dimensions, str(variable.dtype), attributes]
    digest.update(json.dumps(content, default=str).encode())
    if axis not in variable.dimensions and len(variable.dimensions) <= PLACES:
        digest.update(_bytes(np.asarray(variable[:])))


def _bytes(values: NDArray[Any]) -> bytes:
    return str(values.tolist()).encode() if values.dtype == object else values.tobytes()


def _attributes(variable: "netCDF4.Variable[Any]") -> dict[str, Any]:
    """The attributes of a variable, as what JSON holds, with their types."""
    found = {name: variable.getncattr(name) for name in variable.ncattrs()}
    return {
        name: [str(value.dtype), value.tolist()] if isinstance(value, np.ndarray | np.generic) else value
        for name, value in found.items()
    }
