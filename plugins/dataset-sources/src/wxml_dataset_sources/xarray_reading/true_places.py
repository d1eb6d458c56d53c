"""Whether two coordinates are the true latitudes and longitudes, in degrees."""

__all__ = ["check_dimensions", "check_no_rotated_pole", "in_degrees", "place_of", "surest"]

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.coordinates import Signs
from wxml_dataset_sources.xarray_reading.horizontal import SAME_PLACE

OTHER_UNITS: Final = re.compile(r"(k|kilo)?m(et(er|re)s?)?", re.IGNORECASE)
"""Units of places that are no angles; whatever else a file writes, such as `1`, is taken for degrees."""
RADIANS: Final = re.compile(r"rad(ian)?s?", re.IGNORECASE)


def surest(dataset: xr.Dataset, names: Sequence[str], signs: Signs) -> str | None:
    """The first of `names`, which are sorted by `signs`; None if there is none.

    Raises:
        DataError: another one is as sure, has the same dimensions, and holds other values.
    """
    first, *others = names or (None,)
    for other in others:
        one, two = (dataset[name].variable for name in (first, other))
        as_sure = signs.rank(str(first), one) == signs.rank(str(other), two) and one.dims == two.dims
        if as_sure and not np.allclose(one.values, two.values, rtol=0, atol=SAME_PLACE, equal_nan=True):
            raise DataError(
                f"`{first}` and `{other}` both claim to be the {signs.standard_name}, and hold different values",
                fix=f"leave one of them out, for example with `dataset.drop_vars({other!r})`",
            )
    return first


def check_dimensions(dataset: xr.Dataset, latitude: str, longitude: str) -> None:
    """Refuse a two-dimensional latitude or longitude that has other dimensions than the other one.

    Raises:
        DataError: names both with their dimensions.
    """
    dims = {name: tuple(map(str, dataset[name].dims)) for name in (latitude, longitude)}
    if max(map(len, dims.values())) > 1 and set(dims[latitude]) != set(dims[longitude]):
        raise DataError(
            f"latitude and longitude must share dimensions, got `{latitude}` along {dims[latitude]} and `{longitude}` "
            f"along {dims[longitude]}",
            fix="correct the coordinates of the file",
        )


def place_of(dataset: xr.Dataset, name: str) -> xr.Variable:
    """A latitude or longitude in degrees.

    Raises:
        DataError: it holds nothing or no numbers; it is in metres, or in radians and goes around more than once.
    """
    axis = dataset[name].variable
    if axis.size == 0 or axis.dtype.kind not in "fiu":
        got = f"values of type {axis.dtype}" if axis.size else f"none, as `{axis.dims[axis.shape.index(0)]}` is empty"
        raise DataError(
            f"`{name}` must hold degrees, got {got}",
            fix="write the place of every node into the file, in numbers",
        )
    units = str(axis.attrs.get("units", ""))
    is_wrong = RADIANS.fullmatch(units) and float(np.max(np.abs(axis.values), initial=0.0)) > 2 * np.pi + 1e-3
    if is_wrong or OTHER_UNITS.fullmatch(units):
        raise DataError(
            f"`{name}` must be in degrees, got the units {units!r}",
            fix="convert it to degrees, or correct its attribute `units`; if it is no latitude or longitude, give it "
            "another name",
        )
    return in_degrees(axis)


def in_degrees(axis: xr.Variable, units: str = "") -> xr.Variable:
    """A latitude or longitude, or bounds of it, in degrees, from radians if its units, or else `units`, are such."""
    if not RADIANS.fullmatch(str(axis.attrs.get("units", units))):
        return axis
    return xr.Variable(axis.dims, np.degrees(np.asarray(axis.values, np.float64)), axis.attrs)


def check_no_rotated_pole(dataset: xr.Dataset, field: str, latitude: str, longitude: str) -> None:
    """Refuse one-dimensional axes of a field whose grid mapping turns the pole: they are no true places.

    Raises:
        DataError: names the axes and the grid mapping.
    """
    mapping = re.split(r"[:\s]", str(dataset[field].attrs.get("grid_mapping", "")).strip())[0]
    are_axes = dataset[latitude].ndim == 1 and dataset[latitude].dims != dataset[longitude].dims
    if mapping not in dataset.variables or not are_axes:
        return
    if dataset[mapping].attrs.get("grid_mapping_name") == "rotated_latitude_longitude":
        raise DataError(
            f"`{latitude}` and `{longitude}` are the axes of a rotated pole, as the grid mapping `{mapping}` of "
            f"`{field}` says",
            fix="add the true latitudes and longitudes as two-dimensional coordinates, or correct the attribute "
            "`grid_mapping`",
        )
