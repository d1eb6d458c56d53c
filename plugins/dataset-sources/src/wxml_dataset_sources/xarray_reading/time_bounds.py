"""The bounds of the cells of a time axis (CF, chapter 7.1), in seconds from each time."""

__all__ = ["cell_offsets"]

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml.errors import DataError

INHERITED = ("units", "calendar")


def cell_offsets(
    dataset: xr.Dataset, name: str, decoded: Callable[[str, xr.Variable], xr.Variable]
) -> NDArray[np.int64] | None:
    """The start and the end of the cell of each time, in seconds from the time, shape `[time, 2]`, the start first.

    Args:
        dataset: opened without decoding of times.
        name: a coordinate of dates or of lead times.
        decoded: decodes the coordinate, and its bounds.

    Returns:
        None if the coordinate has no bounds in the file.

    Raises:
        DataError: the times are those of a climatology, or the bounds cannot be decoded, or they are no pairs.
    """
    axis = dataset[name].variable
    if "climatology" in axis.attrs:
        raise DataError(
            f"`{name}` holds the times of a climatology (its attribute `climatology` names "
            f"`{axis.attrs['climatology']}`), whose values are statistics over several years",
            fix="choose other files with `path`, or leave these variables out with `variables`",
        )
    bounds = str(axis.attrs.get("bounds", ""))
    if bounds not in dataset.variables:
        return None
    pairs = dataset[bounds].variable
    if pairs.dims[:-1] != axis.dims or pairs.shape[-1] != 2:
        raise DataError(
            f"`{bounds}`, the bounds of `{name}`, must have the dimensions of `{name}` and then 2 bounds, got "
            f"{dict(pairs.sizes)}",
            fix=f"correct the bounds, or remove the attribute `bounds` of `{name}`",
        )
    attributes = {key: axis.attrs[key] for key in INHERITED if key in axis.attrs} | pairs.attrs
    limits = decoded(bounds, xr.Variable(pairs.dims, pairs.values, attributes)).values.reshape(-1, 2)
    times = decoded(name, axis).values.reshape(-1, 1)
    offsets = (limits - times).astype("timedelta64[s]").astype(np.int64)
    return np.asarray(np.sort(offsets, axis=1))
