"""Latitudes and longitudes from a file: NumPy, text in columns, or NetCDF."""

__all__ = ["SUFFIXES", "Units", "places_beside", "read_points"]

import csv
import logging
import re
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from wxml import NodeSet
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError, nearest

from wxml_graph_builders.reading.netcdf_variables import Attributes, Stored, existing_file, read_variables

logger = logging.getLogger("wxml")

Units = Literal["degrees", "radians"]
Values = NDArray[np.float64]

SUFFIXES: Final = {".npz": "npz", ".csv": "csv", ".txt": "csv", ".nc": "netcdf", ".nc4": "netcdf", ".cdf": "netcdf"}
NAMES: Final = {
    "latitude": ("latitude", "latitudes", "lat", "lats", "clat", "nav_lat", "xlat"),
    "longitude": ("longitude", "longitudes", "lon", "lons", "long", "clon", "nav_lon", "xlong"),
}
DEGREES: Final = re.compile(r"(arc)?deg(ree)?s?(_?(n(orth)?|e(ast)?))?|°", re.IGNORECASE)
RADIANS: Final = re.compile(r"rad(ian)?s?", re.IGNORECASE)
SAME_PLACE: Final = 1e-9  # of the earth's radius, 6 mm


class Axis(NamedTuple):
    """The latitudes or the longitudes of a file."""

    name: str
    values: NDArray[Any]
    units: str = ""
    dims: tuple[str, ...] = ()


def read_points(path: str, latitude: str | None, longitude: str | None, units: Units) -> NodeSet:
    """The points of a file, in its order; longitudes from 0 up to 360 degrees.

    Args:
        path: a file with one of `SUFFIXES`.
        latitude: the name of the latitudes in the file; None: one of the usual names.
        longitude: likewise.
        units: of both; they must be what the file says, if it does.

    Raises:
        DataError: the file cannot be read, has no such names, other units, values that are no places, or one place
            twice.
    """
    found = existing_file(path)
    kind = SUFFIXES.get(found.suffix.lower())
    if kind is None:
        raise DataError(
            f"`path` of points must end with {', '.join(SUFFIXES)}, got `{path}`", fix="give the file such a name"
        )
    reader = {"npz": _of_npz, "csv": _of_csv, "netcdf": _of_netcdf}[kind]
    axes = reader(found, {"latitude": latitude, "longitude": longitude})
    if axes[0].values.shape != axes[1].values.shape or axes[0].dims != axes[1].dims:
        raise _one_each(path, axes)
    degrees = [_in_degrees(path, axis, units) for axis in axes]
    _refuse_no_places(path, axes, degrees)
    _tell_of_radians(path, axes, degrees, units)
    nodes = NodeSet(degrees[0], np.mod(degrees[1], 360.0))
    _refuse_twice(path, nodes)
    return nodes


def places_beside(stored: Mapping[str, Stored], variable: str) -> tuple[Values, Values] | None:
    """The latitudes and longitudes (degrees) of each value of a variable, by the names or units that are usual.

    None if the file has none along the dimensions of the variable. Axes, one dimension each, give all their pairs.
    """
    dims = stored[variable].dims
    found = []
    for what, usual in NAMES.items():
        named = [
            name
            for name, each in stored.items()
            if (each.attributes.get("standard_name") == what or name.lower() in usual)
            and name != variable
            and (_is_alike(each, stored[variable]) or each.dims in [(dim,) for dim in dims if dim])
        ]
        if not named:
            return None
        chosen = stored[named[0]]
        degrees = np.degrees(chosen.values) if RADIANS.fullmatch(chosen.units) else np.asarray(chosen.values, float)
        found.append(_spread(degrees, chosen.dims, dims, stored[variable].values.shape))
    return found[0], found[1]


def _is_alike(one: Stored, other: Stored) -> bool:
    return one.dims == other.dims and one.values.shape == other.values.shape


def _spread(values: Values, own: tuple[str, ...], dims: tuple[str, ...], shape: tuple[int, ...]) -> Values:
    """The values along the dimensions of another variable, flat."""
    if own == dims:
        return values.ravel()
    axis = [len(values) if dim == own[0] else 1 for dim in dims]
    return np.broadcast_to(values.reshape(axis), shape).ravel()


def _of_npz(path: Path, wanted: Mapping[str, str | None]) -> tuple[Axis, Axis]:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            names = [_found(path, file.files, what, wanted[what]) for what in NAMES]
            axes = [Axis(name, file[name]) for name in names]
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"`{path}` cannot be read as arrays of NumPy: {error}", fix="write it again, with `numpy.savez`"
        ) from error
    return axes[0], axes[1]


def _of_csv(path: Path, wanted: Mapping[str, str | None]) -> tuple[Axis, Axis]:
    """Columns by the names in the first line, which commas, semicolons or tabs divide; lines after `#` are left out."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"`{path}` cannot be read as text: {error}", fix="write it again, in UTF-8") from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    first = lines[0] if lines else ""
    mark = max(",;\t", key=first.count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]
    names = rows[0] if rows else []
    columns = [names.index(_found(path, names, what, wanted[what])) for what in NAMES]
    return _column(path, rows, columns[0]), _column(path, rows, columns[1])


def _column(path: Path, rows: list[list[str]], column: int) -> Axis:
    name = rows[0][column]
    values = np.empty(len(rows) - 1)
    for number, row in enumerate(rows[1:]):
        try:
            values[number] = float(row[column])
        except (IndexError, ValueError) as error:
            got = repr(row[column]) if column < len(row) else f"a row of {len(row)} columns"
            raise DataError(
                f"`{name}` of point {number} in `{path}` must be a number, got {got}",
                fix="correct the row, or leave it out",
            ) from error
    return Axis(name, values)


def _of_netcdf(path: Path, wanted: Mapping[str, str | None]) -> tuple[Axis, Axis]:
    names = dict[str, list[str]]()

    def is_wanted(name: str, attributes: Attributes) -> bool:
        for what, usual in NAMES.items():
            if name == wanted[what] or (wanted[what] is None and attributes.get("standard_name") == what):
                names.setdefault(what, []).insert(0, name)
            elif wanted[what] is None and name.lower() in usual:
                names.setdefault(what, []).append(name)
        return any(name in each for each in names.values())

    stored = read_variables(path, is_wanted)
    for what in NAMES:
        if what not in names:
            _found(path, list(read_variables(path, lambda *_: True)), what, wanted[what])
    chosen = [_axis(stored, names[what]) for what in NAMES]
    return chosen[0], chosen[1]


def _axis(stored: Mapping[str, Stored], names: list[str]) -> Axis:
    first = stored[names[0]]
    return Axis(names[0], first.values, first.units, first.dims)


def _found(path: Path, names: Collection[str], what: str, wanted: str | None) -> str:
    """The name of the latitudes or the longitudes among those of a file."""
    usual = [name for name in names if name.lower() in NAMES[what]]
    if wanted in names:
        return str(wanted)
    if wanted is None and usual:
        return min(usual, key=lambda name: NAMES[what].index(name.lower()))
    raise DataError(
        f"`{path}` has no {what}s named {wanted or ' or '.join(NAMES[what][:3])}: {nearest(wanted or what, names)}",
        fix=f"give the option `{what}` the name that they have in the file",
    )


def _one_each(path: str, axes: tuple[Axis, Axis]) -> DataError:
    sizes = " and ".join(f"`{axis.name}` of shape {list(axis.values.shape)}" for axis in axes)
    dims = "" if axes[0].dims == axes[1].dims else f" along {' and '.join(map(', '.join, (a.dims for a in axes)))}"
    return DataError(
        f"each point needs a latitude and a longitude, got {sizes}{dims} in `{path}`",
        fix="write one of both for each point; rows and columns are the mesh `latitude-longitude`",
    )


def _in_degrees(path: str, axis: Axis, units: Units) -> Values:
    if axis.values.dtype.kind not in "fiu":
        raise DataError(
            f"`{axis.name}` in `{path}` must be numbers, got {axis.values.dtype}", fix="write it again, as numbers"
        )
    said = "degrees" if DEGREES.fullmatch(axis.units) else "radians" if RADIANS.fullmatch(axis.units) else axis.units
    if said and said != units:
        raise DataError(
            f"`{axis.name}` in `{path}` must be in {units}, got the units {axis.units!r}",
            fix=f"write `units: {said}`"
            if said in ("degrees", "radians")
            else "convert it to degrees, or correct its attribute `units`",
        )
    values = np.asarray(axis.values, np.float64).ravel()
    return values if units == "degrees" else np.degrees(values)


def _refuse_no_places(path: str, axes: tuple[Axis, Axis], degrees: list[Values]) -> None:
    for axis, values, greatest in zip(axes, degrees, (90.0, 360.0), strict=True):
        wrong = ~(np.abs(values) <= greatest + 1e-6)
        if wrong.any():
            first = int(np.argmax(wrong))
            raise DataError(
                f"`{axis.name}` in `{path}` must lie within -{greatest:g} and {greatest:g} degrees, got "
                f"{wrong.sum()} of {len(values)} values that do not; the first, of point {first}, is {values[first]:g}",
                fix="leave these points out, or correct the names or the `units` of latitude and longitude",
            )
    if not len(degrees[0]):
        raise DataError(f"`{path}` has no point", fix="write at least one")


def _tell_of_radians(path: str, axes: tuple[Axis, Axis], degrees: list[Values], units: Units) -> None:
    """Warn of a file that says no units, and whose values reach as far as radians do around the globe."""
    reach = [float(np.ptp(values)) for values in degrees]
    within = all(np.abs(v).max() <= most for v, most in zip(degrees, (np.pi / 2, 2 * np.pi), strict=True))
    if units == "degrees" and within and not any(axis.units for axis in axes) and reach[0] > 2 and reach[1] > 4:
        logger.warning("the points in %s look like radians, and are taken for degrees: `units: radians`?", path)


def _refuse_twice(path: str, nodes: NodeSet) -> None:
    pairs = cKDTree(unit_vectors(nodes.latitudes, nodes.longitudes)).query_pairs(SAME_PLACE, output_type="ndarray")
    if len(pairs):
        one, other = sorted(pairs[np.lexsort(pairs.T[::-1])][0].tolist())
        raise DataError(
            f"{len(np.unique(pairs))} of {len(nodes)} points in `{path}` share their place with another, the first are "
            f"{one} and {other} at {nodes.latitudes[one]:g}°N {nodes.longitudes[one]:g}°E",
            fix="write each place once",
        )
