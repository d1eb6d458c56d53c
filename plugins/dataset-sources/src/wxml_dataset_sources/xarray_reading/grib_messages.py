"""The messages of GRIB files: their grids and their values, in the order of the nodes of a source."""

__all__ = ["GRIB_DAMAGES", "MessageReader", "message_grid"]

from dataclasses import dataclass

import cfgrib
import eccodes
import numpy as np
from numpy.typing import NDArray
from wxml.data.fetching import fetching
from wxml.errors import DataError
from wxml.files.failures import damage_errors

from wxml_dataset_sources.xarray_reading.files import DataFile
from wxml_dataset_sources.xarray_reading.grib_fields import field_at, open_grib
from wxml_dataset_sources.xarray_reading.repeated_meridian import Placed, find_grid

GRIB_DAMAGES = (eccodes.CodesInternalError, OSError, EOFError, ValueError, KeyError, TypeError, MemoryError)
"""The errors that ecCodes and cfgrib raise for a damaged file."""
ROW_TOLERANCE = 1e-6  # degrees: a row of a regular grid has one latitude


@dataclass(frozen=True, slots=True, eq=False)
class MessageReader:
    """The messages of one parameter in one file."""

    file: DataFile
    places: NDArray[np.int64]
    """The byte of each message and the field within it, shape `[time, member, level, 2]`; -1 without a message."""
    nodes: int

    @property
    def together(self) -> tuple[int, int, int]:
        """Every message is read by itself."""
        return 1, 1, 1

    def read(self, times: NDArray[np.intp], members: NDArray[np.intp], levels: NDArray[np.intp]) -> NDArray[np.float32]:
        """See `Reader.read`."""
        places = self.places[times][:, members][:, :, levels]
        self.file.check_unchanged()
        out = np.full((*places.shape[:3], self.nodes), np.nan, np.float32)
        with damage_errors(self._damaged, GRIB_DAMAGES), open_grib(self.file.path) as file:
            for slot in zip(*np.nonzero(places[..., 0] >= 0), strict=True):
                with fetching:
                    byte, number = places[slot].tolist()
                    message = field_at(file, (byte, number))
                out[slot] = _message_values(message)
        return out

    def _damaged(self, error: Exception) -> DataError:
        return DataError(
            f"a message of `{self.file.path}` cannot be read: {' '.join(str(error).split())[:200]}",
            fix="the file is damaged or has changed: fetch or write it again",
        )


def message_grid(path: str, offset: tuple[int, int]) -> Placed:
    """The grid of the message at `offset`; it takes the place of every point, so any scanning mode is right.

    Raises:
        DataError: ecCodes gives no latitudes and longitudes for this type of grid.
    """
    with open_grib(path) as file:
        message = field_at(file, offset)
    try:
        latitudes, longitudes = (np.asarray(message[key], np.float64) for key in ("latitudes", "longitudes"))
    except (KeyError, eccodes.CodesInternalError) as error:
        raise DataError(
            f"a grid of type {message.get('gridType', 'unknown')!r} has no latitudes and longitudes",
            fix="bring it onto a grid first (spherical harmonics, for example, with `cdo sp2gpl`)",
        ) from error
    shape = _plane(message)
    if shape is None:
        return find_grid(latitudes, longitudes, "cells")
    latitudes, longitudes = (_in_rows(places, message, shape) for places in (latitudes, longitudes))
    if np.ptp(latitudes, axis=1).max() < ROW_TOLERANCE and np.ptp(longitudes, axis=0).max() < ROW_TOLERANCE:
        return find_grid(latitudes[:, 0], longitudes[0], "axes")
    return find_grid(latitudes, longitudes, "plane")


def _plane(message: cfgrib.Message) -> tuple[int, int] | None:
    """The rows and columns of a message; None for a grid whose rows differ in length."""
    rows, columns = (message.get(key, None) for key in ("Ny", "Nx"))
    if message["gridType"].startswith("reduced") or not isinstance(rows, int) or not isinstance(columns, int):
        return None
    return (rows, columns) if rows * columns == message["numberOfPoints"] else None


def _in_rows(values: NDArray[np.float64], message: cfgrib.Message, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Reshape values to `[y, x]`, whichever of the two runs faster in the message."""
    if message.get("jPointsAreConsecutive", 0):
        return values.reshape(shape[::-1]).T
    return values.reshape(shape)


def _message_values(message: cfgrib.Message) -> NDArray[np.float64]:
    """The values, shape `[node]`, in the order of `message_grid`; NaN where missing."""
    values = np.array(message["values"], np.float64)
    values[values == message["missingValue"]] = np.nan
    shape = _plane(message)
    if shape is None:
        return values
    rows = _in_rows(values, message, shape)
    if message.get("alternativeRowScanning", 0):
        rows[1::2] = rows[1::2, ::-1]
    return rows.reshape(-1)
