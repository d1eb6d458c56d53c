"""The values of a NetCDF variable or zarr array that are missing by its limits, or were never written."""

__all__ = ["invalid", "is_limited", "limits", "warn_of_zeros"]

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import netCDF4
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.files import DataFile

logger = logging.getLogger("wxml")

LIMITS = ("valid_range", "valid_min", "valid_max")
PACKING = ("scale_factor", "add_offset")


def is_limited(variable: xr.Variable, engine: str) -> bool:
    """Whether the stored values of `variable`, which xarray has masked and scaled, decide more about what is missing.

    They do if the variable has limits, or if it holds NetCDF integers of two bytes and more, or packed numbers of any
    such type, without a `_FillValue`. Other numbers keep the fill value that they had in the file.
    """
    stored = np.dtype(variable.encoding.get("dtype", variable.dtype))
    is_undeclared = engine == "netcdf" and variable.encoding.get("_FillValue") is None
    is_changed = stored.kind in "iu" or not set(PACKING).isdisjoint(variable.encoding)
    return any(name in variable.attrs for name in LIMITS) or (is_undeclared and is_changed and _has_silent_fill(stored))


def invalid(
    stored: NDArray[Any], values: NDArray[Any], attributes: Mapping[str, Any], engine: str
) -> NDArray[np.bool_]:
    """Whether each value is outside of the limits, or the fill value of the format; a NaN is neither.

    Limits are in the units of the stored values, unless these are packed integers and the limits are not: then they are
    in the units of the unpacked values (attribute conventions of the NetCDF User's Guide).

    Args:
        stored: the values as they are in the file.
        values: the same values, unpacked, in the same shape.
        attributes: the attributes of the variable as they are in the file; `limits` accepts them.
        engine: the format; only `netcdf` has a fill value that need not be declared.
    """
    outside = np.zeros(stored.shape, bool)
    signed = _with_sign(stored, attributes)
    is_packed = stored.dtype.kind in "iu" and not set(PACKING).isdisjoint(attributes)
    for limit, is_beyond in zip(limits(attributes), (np.less, np.greater), strict=True):
        if limit is None:
            continue
        if is_packed and limit.dtype.kind == "f":
            outside |= is_beyond(values, limit.astype(values.dtype))
        elif stored.dtype.kind == "f":
            outside |= is_beyond(stored, limit.astype(stored.dtype))
        else:
            outside |= is_beyond(signed, _with_sign(limit, attributes))
    if engine == "netcdf" and _has_silent_fill(stored.dtype) and "_FillValue" not in attributes:
        outside |= stored == netCDF4.default_fillvals[stored.dtype.str[1:]]
    return outside


def limits(attributes: Mapping[str, Any]) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """The smallest and the largest valid value, shape `[1]`, each None if it is not stated.

    Raises:
        DataError: a limit is no number, or `valid_range` does not have two of them.
    """
    wanted = {"valid_range": 2, "valid_min": 1, "valid_max": 1}
    found = {name: np.atleast_1d(attributes[name]) for name in LIMITS if name in attributes}
    for name, limit in found.items():
        if limit.dtype.kind not in "iuf" or limit.size != wanted[name]:
            numbers = "two numbers" if wanted[name] == 2 else "a number"
            raise DataError(
                f"the attribute `{name}` must be {numbers}, got {attributes[name]!r}",
                fix="correct or remove the attribute",
            )
    lowest, highest = found.get("valid_min"), found.get("valid_max")
    if "valid_range" in found:
        lowest, highest = found["valid_range"][:1], found["valid_range"][1:]
    return lowest, highest


def warn_of_zeros(file: DataFile, dataset: xr.Dataset, names: Sequence[str]) -> None:
    """Log a warning for the variables of a zarr store whose zeros count as missing.

    The `fill_value` of format 2 is the missing value by the convention of xarray. Other programs write 0 there, and
    mean by it that chunks that were never written hold zeros.
    """
    fills = {name: dataset.variables[name].encoding.get("_FillValue") for name in names}
    zeros = [name for name, fill in fills.items() if fill is not None and np.all(np.asarray(fill) == 0)]
    if file.engine == "zarr" and zeros:
        logger.warning(
            "the zeros of `%s` in `%s` are read as missing, because the store states 0 as `fill_value`; if they are "
            "values, write null there",
            "`, `".join(zeros),
            file.path,
        )


def _has_silent_fill(dtype: np.dtype[Any]) -> bool:
    """Whether NetCDF fills unwritten values of this type with a number that need not be declared."""
    return dtype.kind in "iuf" and dtype.itemsize > 1


def _with_sign(stored: NDArray[Any], attributes: Mapping[str, Any]) -> NDArray[Any]:
    """Integers with the sign that the attribute `_Unsigned` gives them."""
    kind = {"true": "u", "false": "i"}.get(str(attributes.get("_Unsigned", "")).lower(), stored.dtype.kind)
    if stored.dtype.kind not in "iu" or kind == stored.dtype.kind:
        return stored
    native = stored.astype(stored.dtype.newbyteorder("="))
    return native.view(f"{kind}{stored.dtype.itemsize}")
