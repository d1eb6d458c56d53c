"""The places of stations in a file, and how values on nodes are brought to them."""

__all__ = ["Stations", "nearest_weights", "read_stations", "rectangle_weights"]

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.sphere import angular_distance, unit_vectors, wrapped
from wxml.errors import DataError

COLUMNS = ("station", "latitude", "longitude")
BLOCK = 1 << 22
"""So many distances are computed at once."""
FAR = 2.0
"""A station is outside of a limited area from so many times the distance between its nodes on."""
Weights = tuple[NDArray[np.intp], NDArray[np.float64]]
"""The nodes that each station reads, `[station, node]`, and their weights, whose sum is 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Stations:
    """Places with names."""

    names: tuple[str, ...]
    latitudes: NDArray[np.float64]
    longitudes: NDArray[np.float64]


def read_stations(path: Path) -> Stations:
    """Read a CSV file with the columns `station, latitude, longitude` (degrees), and perhaps others.

    Raises:
        DataError: there is no such file, it lacks a column, a line is no place, or a name is there twice.
    """
    fix = "write a CSV file with a line of column names: station, latitude, longitude (degrees)"
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except (OSError, UnicodeError, csv.Error) as error:
        raise DataError(f"the stations in `{path}` cannot be read: {error}", fix=fix) from error
    if not rows or any(name not in rows[0] for name in COLUMNS):
        raise DataError(f"`{path}` has no stations with the columns {', '.join(COLUMNS)}", fix=fix)
    names = tuple(str(row["station"]) for row in rows)
    try:
        places = np.array([[float(row["latitude"]), float(row["longitude"])] for row in rows])
    except (TypeError, ValueError) as error:
        raise DataError(f"a station in `{path}` has no place: {error}", fix=fix) from error
    if len(set(names)) < len(names) or not np.isfinite(places).all() or np.abs(places[:, 0]).max() > 90:
        raise DataError(f"`{path}` names a station twice, or has a place that is none", fix=fix)
    return Stations(names, places[:, 0], places[:, 1])


def nearest_weights(grid: Grid, stations: Stations, where: str) -> Weights:
    """The node next to each station.

    Raises:
        DataError: the grid is a limited area, and a station is farther from its nodes than twice their distance.
    """
    nodes = unit_vectors(grid.latitudes, grid.longitudes)
    places = unit_vectors(stations.latitudes, stations.longitudes)
    found = _next(places, nodes, 1)
    if not grid.is_global and len(grid) > 1:
        near = _next(nodes[found[:, 0]], nodes, 2)[:, 1]
        spacing = angular_distance(nodes[found[:, 0]], nodes[near])
        _check_inside(angular_distance(places, nodes[found[:, 0]]) > FAR * spacing, stations, where)
    return found, np.ones(found.shape)


def _next(places: NDArray[np.float64], nodes: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The nearest nodes of each place, `[place, count]`, the nearest first."""
    found = np.empty((len(places), count), np.intp)
    size = max(1, BLOCK // len(nodes))
    for start in range(0, len(places), size):
        cosines = places[start : start + size] @ nodes.T
        some = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(cosines, some, 1), axis=1, kind="stable")
        found[start : start + size] = np.take_along_axis(some, order, 1)
    return found


def rectangle_weights(grid: Grid, stations: Stations, where: str) -> Weights:
    """The four nodes around each station on a regular grid, with weights bilinear in latitude and longitude.

    Raises:
        DataError: the grid is not regular, or a station is outside of the rows or columns.
    """
    if not grid.is_regular or min(grid.shape) < 2:
        raise DataError(
            f"`method: bilinear` needs a grid of rows and columns, and this has {len(grid)} single nodes ({where})",
            fix="write `method: nearest`",
        )
    rows, columns = grid.latitudes.reshape(grid.shape)[:, 0], grid.longitudes.reshape(grid.shape)[0]
    above, of_row = _between(rows, stations.latitudes)
    start = columns[0] if not _goes_around(columns) else columns.min()
    order = np.argsort(wrapped(columns - start), kind="stable")
    eastward, wanted = wrapped(columns - start)[order], wrapped(stations.longitudes - start)
    around = _goes_around(columns)
    left, of_column = _between(np.append(eastward, 360.0) if around else eastward, wanted)
    _check_inside(np.isnan(of_row) | np.isnan(of_column), stations, where)
    lefts, rights = order[left], order[(left + 1) % len(columns)]
    nodes = [row * len(columns) + column for row in (above, above + 1) for column in (lefts, rights)]
    shares = [row * column for row in (1 - of_row, of_row) for column in (1 - of_column, of_column)]
    return np.stack(nodes, axis=1), np.stack(shares, axis=1)


def _goes_around(columns: NDArray[np.float64]) -> bool:
    """Whether the columns go once around the earth, so that the first one follows the last."""
    gaps = np.diff(np.sort(columns), append=np.sort(columns)[0] + 360.0)
    return bool(gaps.max() < 1.5 * np.median(gaps))


def _between(axis: NDArray[np.float64], wanted: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The number of the value before each wanted one, and the share of the one after it; NaN outside."""
    rising = axis if axis[-1] >= axis[0] else axis[::-1]
    place = np.clip(np.searchsorted(rising, wanted, side="right") - 1, 0, len(axis) - 2)
    share = (wanted - rising[place]) / (rising[place + 1] - rising[place])
    share = np.where((share < -1e-9) | (share > 1 + 1e-9), np.nan, np.clip(share, 0, 1))
    if rising is axis:
        return place, share
    return len(axis) - 2 - place, 1 - share


def _check_inside(is_outside: NDArray[np.bool_], stations: Stations, where: str) -> None:
    if is_outside.any():
        names = [name for name, out in zip(stations.names, is_outside, strict=True) if out]
        raise DataError(
            f"{len(names)} of {len(stations.names)} stations are outside of the forecast: "
            f"{', '.join(names[:5])} ({where})",
            fix="take them out of the file",
        )
