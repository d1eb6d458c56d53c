"""What a file is: NetCDF, GRIB or zarr, told by its first bytes and by its name."""

__all__ = ["DataFile", "Engine", "recognise"]

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wxml.errors import DataError

Engine = Literal["netcdf", "grib", "zarr"]

NETCDF_STARTS = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF\r\n\x1a\n")
GRIB_WITHIN = 1024  # bytes: a bulletin header may stand before the first message
SUFFIXES: dict[str, Engine] = {
    ".nc": "netcdf",
    ".nc4": "netcdf",
    ".cdf": "netcdf",
    ".netcdf": "netcdf",
    ".h5": "netcdf",
    ".grib": "grib",
    ".grib1": "grib",
    ".grib2": "grib",
    ".grb": "grib",
    ".grb1": "grib",
    ".grb2": "grib",
    ".zarr": "zarr",
}
ZARR_FILES = ("zarr.json", ".zgroup", ".zmetadata")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file, or a folder that is a zarr store."""

    path: str
    engine: Engine


def recognise(path: str, engine: Literal["auto", "netcdf", "grib", "zarr"]) -> DataFile:
    """The file with its format: the one that the user says, else what its first bytes say, else its suffix.

    Raises:
        DataError: it is none of the three.
    """
    if engine != "auto":
        return DataFile(path, engine)
    found = _by_content(path) or SUFFIXES.get(Path(path).suffix.lower())
    if found is None:
        what = "folder that is no zarr store" if os.path.isdir(path) else "file of unknown format"
        raise DataError(
            f"`{path}` is a {what}",
            fix="name NetCDF (.nc), GRIB (.grib, .grib2) or zarr; a pattern such as 'folder/*.nc' takes a whole folder",
        )
    return DataFile(path, found)


def _by_content(path: str) -> Engine | None:
    if os.path.isdir(path):
        return "zarr" if any(os.path.exists(os.path.join(path, name)) for name in ZARR_FILES) else None
    try:
        with open(path, "rb") as file:
            start = file.read(GRIB_WITHIN)
    except OSError as error:
        raise DataError(f"`{path}` cannot be read: {error.strerror}", fix="check the file and its mode") from error
    if start.startswith(NETCDF_STARTS):
        return "netcdf"
    return "grib" if b"GRIB" in start else None
