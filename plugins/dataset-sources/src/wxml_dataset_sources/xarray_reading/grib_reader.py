"""Reads values and grids of GRIB messages through cfgrib."""

__all__ = ["GRIB_DAMAGES", "MessageReader", "message_grid"]

from dataclasses import dataclass

import cfgrib
import eccodes
import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.horizontal import axes_grid, cells_grid, plane_grid

GRIB_DAMAGES = (eccodes.CodesInternalError, OSError, EOFError, ValueError, KeyError, TypeError)
"""What ecCodes and cfgrib raise for a file that is not what it should be."""

ROW_TOLERANCE = 1e-6  # degrees: a row of a regular grid has one latitude


@dataclass(frozen=True, slots=True, eq=False)
class MessageReader:
    """The messages of one parameter in one file."""

    path: str
    places: NDArray[np.int64]
    """Byte of each message and field within it, shape `[time, member, level, 2]`; -1 where there is none."""
    nodes: int

    def read(self, times: NDArray[np.intp], levels: NDArray[np.intp]) -> NDArray[np.float32]:
        """See `Reader.read`."""
        places = self.places[times][:, :, levels]
        out = np.full((*places.shape[:3], self.nodes), np.nan, np.float32)
        try:
            with open(self.path, "rb") as file:
                for slot in zip(*np.nonzero(places[..., 0] >= 0), strict=True):
                    message = cfgrib.Message.from_file(file, _offset(places[slot]), errors="raise")
                    out[slot] = _values(message)
        except GRIB_DAMAGES as error:
            raise DataError(
                f"a message of `{self.path}` cannot be read: {' '.join(str(error).split())[:200]}",
                fix="the file is damaged or has changed: fetch or write it again",
            ) from error
        return out


def message_grid(path: str, offset: tuple[int, int]) -> Grid:
    """The grid of a message.

    Places are taken point by point, which holds for every scanning mode.

    Raises:
        DataError: ecCodes knows no places for this kind of grid.
    """
    with open(path, "rb") as file:
        message = cfgrib.Message.from_file(file, _offset(np.asarray(offset)), errors="raise")
    try:
        latitudes, longitudes = (np.asarray(message[key], np.float64) for key in ("latitudes", "longitudes"))
    except (KeyError, eccodes.CodesInternalError) as error:
        raise DataError(
            f"a grid of type {message.get('gridType', 'unknown')!r} has no latitudes and longitudes",
            fix="bring it onto a grid first (spherical harmonics, for example, with `cdo sp2gpl`)",
        ) from error
    shape = _plane(message)
    if shape is None:
        return cells_grid(latitudes, longitudes)
    latitudes, longitudes = (_in_rows(places, message, shape) for places in (latitudes, longitudes))
    if np.ptp(latitudes, axis=1).max() < ROW_TOLERANCE and np.ptp(longitudes, axis=0).max() < ROW_TOLERANCE:
        return axes_grid(latitudes[:, 0], longitudes[0])
    return plane_grid(latitudes, longitudes)


def _offset(place: NDArray[np.int64]) -> int | tuple[int, int]:
    byte, field = (int(number) for number in place)
    return (byte, field) if field else byte


def _plane(message: cfgrib.Message) -> tuple[int, int] | None:
    """The rows and columns of a message; None for a grid whose rows differ in length."""
    rows, columns = (message.get(key, None) for key in ("Ny", "Nx"))
    if message["gridType"].startswith("reduced") or not isinstance(rows, int) or not isinstance(columns, int):
        return None
    return (rows, columns) if rows * columns == message["numberOfPoints"] else None


def _in_rows(values: NDArray[np.float64], message: cfgrib.Message, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Values as `[y, x]`, whichever of the two runs faster in the message."""
    if message.get("jPointsAreConsecutive", 0):
        return values.reshape(shape[::-1]).T
    return values.reshape(shape)


def _values(message: cfgrib.Message) -> NDArray[np.float64]:
    values = np.array(message["values"], np.float64)
    values[values == message["missingValue"]] = np.nan
    shape = _plane(message)
    if shape is None:
        return values
    rows = _in_rows(values, message, shape)
    if message.get("alternativeRowScanning", 0):
        rows[1::2] = rows[1::2, ::-1]
    return rows.reshape(-1)
