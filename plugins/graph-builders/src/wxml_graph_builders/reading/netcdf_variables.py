"""Variables of a NetCDF file as arrays: classic files through scipy, NetCDF 4 through h5py, which is an extra."""

__all__ = ["Attributes", "Stored", "existing_file", "read_variables"]

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.io import netcdf_file
from wxml.errors import DataError
from wxml.files.hdf5_structure import check_hdf5_file

Attributes = Mapping[str, Any]
"""Texts and numbers, by their names."""
Wanted = Callable[[str, Attributes], bool]

HDF5: Final = b"\x89HDF\r\n\x1a\n"
CLASSIC: Final = (b"CDF\x01", b"CDF\x02")
DAMAGE: Final = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    struct.error,
    MemoryError,
)
NO_VARIABLE: Final = "This is a netCDF dimension but not a netCDF variable"
OWN: Final = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST")
"""Attributes by which HDF5 keeps its dimensions."""


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A variable of a file."""

    values: NDArray[Any]
    """Missing floats are NaN."""
    attributes: Attributes
    dims: tuple[str, ...]

    @property
    def units(self) -> str:
        """The text of the attribute `units`; empty without one."""
        return str(self.attributes.get("units", "")).strip()


def existing_file(path: str) -> Path:
    """The path, with `~` as the user's folder.

    Raises:
        DataError: there is no such file.
    """
    found = Path(path).expanduser()
    if not found.is_file():
        raise DataError(f"there is no file `{path}`", fix="give the path of a file; it counts from the working folder")
    return found


def read_variables(path: Path, wanted: Wanted) -> dict[str, Stored]:
    """The variables of a file, outside of groups, that `wanted` takes by name and attributes; numbers alone.

    Raises:
        DataError: the file is damaged, unsafe, or no NetCDF file, or h5py is not installed and needed.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(HDF5))
        if start == HDF5:
            return dict(_of_hdf5(path, wanted))
        if start[:4] in CLASSIC:
            return dict(_of_classic(path, wanted))
    except DataError:
        raise
    except ImportError as error:
        raise DataError(
            f"`{path}` is a file of NetCDF 4, which is read with h5py, and that is not installed",
            fix="install the extra `netcdf` of wxml-graph-builders",
        ) from error
    except DAMAGE as error:
        raise DataError(f"`{path}` is damaged: {error}", fix="fetch or write the file again") from error
    raise DataError(
        f"`{path}` is no NetCDF file of the versions 1, 2 and 4", fix="write it again, with `nccopy -k netCDF-4`"
    )


def _of_classic(path: Path, wanted: Wanted) -> Iterator[tuple[str, Stored]]:
    with netcdf_file(path, mmap=False, maskandscale=False) as file:
        for name, variable in file.variables.items():
            attributes = {key: _plain(value) for key, value in vars(variable)["_attributes"].items()}
            if variable.data.dtype.kind in "fiu" and wanted(name, attributes):
                yield name, Stored(_decoded(variable.data, attributes), attributes, tuple(variable.dimensions))


def _of_hdf5(path: Path, wanted: Wanted) -> Iterator[tuple[str, Stored]]:
    import h5py  # an extra

    unreadable = check_hdf5_file(path)
    with h5py.File(path, "r") as file:
        for name, variable in file.items():
            if not isinstance(variable, h5py.Dataset) or name in unreadable or variable.dtype.kind not in "fiu":
                continue
            if str(_plain(variable.attrs.get("NAME", ""))).startswith(NO_VARIABLE):
                continue
            attributes = {key: _plain(variable.attrs[key]) for key in variable.attrs if key not in OWN}
            if variable.shape and wanted(name, attributes):
                yield name, Stored(_decoded(variable[()], attributes), attributes, _dims(name, variable))


def _dims(name: str, variable: Any) -> tuple[str, ...]:
    """The names of the dimensions; a variable of one dimension that is none itself has a name or an empty one."""
    if variable.is_scale and variable.ndim == 1:
        return (name,)
    return tuple(str(dim[0].name).rpartition("/")[2] if len(dim) else "" for dim in variable.dims)


def _plain(value: Any) -> Any:
    """An attribute as text or as a number, or as it is."""
    if isinstance(value, bytes | np.bytes_):
        return value.decode("utf-8", "replace")
    found = np.asarray(value)
    return _plain(found.ravel()[0]) if found.size == 1 and found.ndim else value


def _decoded(values: NDArray[Any], attributes: Attributes) -> NDArray[Any]:
    """The values in the byte order of this machine, unpacked, with NaN where a float is missing; integers stay."""
    is_packed = {"scale_factor", "add_offset"} & attributes.keys()
    if values.dtype.kind in "iu" and not is_packed:
        return np.asarray(values, np.int64)
    missing = np.zeros(values.shape, bool)
    for key in ("_FillValue", "missing_value"):
        if key in attributes:
            missing |= values == attributes[key]
    scale, offset = (float(attributes.get(key, empty)) for key, empty in (("scale_factor", 1.0), ("add_offset", 0.0)))
    return np.where(missing, np.nan, np.asarray(values, np.float64) * scale + offset)
