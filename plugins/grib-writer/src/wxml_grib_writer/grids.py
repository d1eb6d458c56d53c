"""The grid section of a message: which type of grid some nodes are, and its keys.

The types are those of code table 3.1 of the WMO Manual on Codes, volume I.2. The order of the nodes is never changed: a
row may run north or south, west or east, as the nodes do. What was found is tried: the places that ecCodes computes
from the section must be those of the nodes.
"""

__all__ = ["TOLERANCE", "GridSection", "grid_section"]

import uuid
from dataclasses import dataclass
from typing import Any

import eccodes
import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import gauss_legendre, wrapped
from wxml.errors import DataError

from wxml_grib_writer.handles import REFUSALS, Keys, copied, set_keys

TOLERANCE = 1e-3
"""Degrees that a node may lie away from its place in the message, which counts microdegrees."""
SPHERE = 6
"""The earth as a sphere of 6 371 229 m (code table 3.2), as the field's models have it."""

Axis = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GridSection:
    """What a message says of its grid."""

    keys: Keys
    row_lengths: tuple[int, ...] = ()
    """The nodes of each row of a reduced Gaussian grid; empty for others."""
    has_places: bool = True
    """Whether the places follow from the keys; the nodes of an unstructured grid stand in messages of their own."""

    def put(self, handle: int) -> None:
        """Set the grid of a message."""
        set_keys(handle, {"shapeOfTheEarth": SPHERE, "gridType": self.keys["gridType"]})
        if self.row_lengths:
            set_keys(handle, {"Nj": len(self.row_lengths)})
            eccodes.codes_set_array(handle, "pl", list(self.row_lengths))
        set_keys(handle, {key: value for key, value in self.keys.items() if key != "gridType"})


def grid_section(grid: Grid, stated: Keys, empty: int) -> GridSection:
    """Find the section of a grid.

    Args:
        grid: the nodes.
        stated: the keys of a projected grid, whose projection the places alone do not say; empty for others.
        empty: a message, of which copies are tried.

    Raises:
        DataError: GRIB 2 has no such grid, or the keys `stated` describe other places.
    """
    if grid.parts:
        raise DataError(
            f"a GRIB message has one grid, and this forecast has {len(grid.parts)}: {', '.join(grid.ranges)}",
            fix="write it as zarr or NetCDF",
        )
    if stated:
        section = GridSection(_projected(grid, stated))
        worst = _distance(section, grid, empty)
        if not worst <= TOLERANCE:
            raise DataError(
                f"`grid` describes nodes that lie up to {worst:g} degrees away from those of the forecast",
                fix="give the keys that `grib_dump` shows for the grid of the data: the first node, the order of rows "
                "and columns and the shape of the earth count, too",
            )
        return section
    for find in (_regular, _reduced_gaussian, _healpix):
        found = find(grid)
        if found is not None and _distance(found, grid, empty) <= TOLERANCE:
            return found
    return _other(grid)


def _other(grid: Grid) -> GridSection:
    """Nodes by their number alone; raise a DataError where they have rows and columns, which would be lost."""
    if len(grid.shape) == 2:
        what = "uneven rows or columns" if grid.is_regular else "a projection that the places alone do not say"
        raise DataError(
            f"the grid of {grid.shape[0]} by {grid.shape[1]} nodes has {what}",
            fix="give its keys as `grid` of the writer, such as {gridType: lambert, …}, or write zarr or NetCDF",
        )
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"wxml-grid:{grid.identity}")
    keys: Keys = {"gridType": "unstructured_grid", "numberOfGridUsed": 0, "uuidOfHGrid": identity.hex}
    return GridSection(keys, has_places=False)


def _distance(section: GridSection, grid: Grid, empty: int) -> float:
    """Degrees between a node and its place by the section, at most; infinity if ecCodes does not take the section."""
    with copied(empty) as handle:
        try:
            section.put(handle)
            eccodes.codes_set_values(handle, np.zeros(len(grid)))
            latitudes, longitudes = (eccodes.codes_get_array(handle, key) for key in ("latitudes", "longitudes"))
        except REFUSALS:
            return float("inf")
    if len(latitudes) != len(grid):
        return float("inf")
    apart = np.abs(wrapped(longitudes - grid.longitudes + 180) - 180) * np.cos(np.radians(grid.latitudes))
    return float(max(np.max(np.abs(latitudes - grid.latitudes)), np.max(np.abs(apart))))


def _regular(grid: Grid) -> GridSection | None:
    """All pairs of some latitudes and some longitudes, equally spaced; or Gaussian latitudes."""
    if not grid.is_regular:
        return None
    latitudes, longitudes = grid.latitudes.reshape(grid.shape)[:, 0], grid.longitudes.reshape(grid.shape)[0]
    rows, columns = grid.shape
    step = _step(np.unwrap(longitudes, period=360.0))
    keys: dict[str, int | float | str] = {
        "gridType": "regular_gg" if _is_gaussian(latitudes) else "regular_ll",
        "Ni": columns,
        "Nj": rows,
        "latitudeOfFirstGridPointInDegrees": float(latitudes[0]),
        "longitudeOfFirstGridPointInDegrees": float(longitudes[0]),
        "latitudeOfLastGridPointInDegrees": float(latitudes[-1]),
        "longitudeOfLastGridPointInDegrees": float(longitudes[-1]),
        "iScansNegatively": int(step < 0),
        "jScansPositively": int(_step(latitudes) > 0),
        "iDirectionIncrementInDegrees": abs(step),
    }
    if keys["gridType"] == "regular_gg":
        return GridSection(keys | {"N": rows // 2})
    return GridSection(keys | {"jDirectionIncrementInDegrees": abs(_step(latitudes))})


def _step(axis: Axis) -> float:
    """The mean distance of two neighbours; 1 for a single node."""
    return float((axis[-1] - axis[0]) / (len(axis) - 1)) if len(axis) > 1 else 1.0


def _is_gaussian(latitudes: Axis) -> bool:
    count = len(latitudes)
    return count % 2 == 0 and bool(np.allclose(np.sort(latitudes), np.sort(gauss_legendre(count)[0]), atol=TOLERANCE))


def _reduced_gaussian(grid: Grid) -> GridSection | None:
    """Gaussian latitudes from north to south, each with its own number of nodes from 0°E on."""
    if len(grid.shape) != 1:
        return None
    starts = np.flatnonzero(np.diff(grid.latitudes, prepend=np.nan) != 0)
    latitudes, lengths = grid.latitudes[starts], np.diff(starts, append=len(grid))
    if not _is_gaussian(latitudes):
        return None
    keys: Keys = {
        "gridType": "reduced_gg",
        "N": len(latitudes) // 2,
        "latitudeOfFirstGridPointInDegrees": float(latitudes[0]),
        "longitudeOfFirstGridPointInDegrees": 0.0,
        "latitudeOfLastGridPointInDegrees": float(latitudes[-1]),
        "longitudeOfLastGridPointInDegrees": 360.0 - 360.0 / int(lengths.max()),
    }
    return GridSection(keys, tuple(int(length) for length in lengths))


def _healpix(grid: Grid) -> GridSection | None:
    """The cells of HEALPix, in ring order."""
    nside = round((len(grid) / 12) ** 0.5)
    if len(grid.shape) != 1 or 12 * nside**2 != len(grid):
        return None
    keys: Keys = {
        "gridType": "healpix",
        "Nside": nside,
        "orderingConvention": "ring",
        "longitudeOfFirstGridPointInDegrees": 45.0,
    }
    return GridSection(keys)


def _projected(grid: Grid, stated: Keys) -> dict[str, Any]:
    """The keys that are stated, with the numbers of rows and columns and the first node, unless these are stated."""
    if len(grid.shape) != 2 or "gridType" not in stated:
        raise DataError(
            f"`grid` of the writer needs `gridType` and a grid of rows and columns, got {dict(stated)} and the shape "
            f"{list(grid.shape)}",
            fix="leave `grid` out: the grid is known by its nodes",
        )
    rows, columns = grid.shape
    first = {
        "latitudeOfFirstGridPointInDegrees": float(grid.latitudes[0]),
        "longitudeOfFirstGridPointInDegrees": float(grid.longitudes[0]),
    }
    is_rotated = str(stated["gridType"]).startswith("rotated")  # its first node is told from its own pole
    sizes = {"Ni": columns, "Nj": rows} if is_rotated else {"Nx": columns, "Ny": rows, **first}
    return {"gridType": stated["gridType"], **sizes, **stated}
