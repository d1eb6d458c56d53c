"""Observations from tables: which stations, times and variables there are, and the values by time and station."""

__all__ = ["COLUMNS", "Observations", "Wanted", "observed"]

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError, nearest

from wxml_dataset_sources.station_reading.reports import Reports, Schedule, chosen
from wxml_dataset_sources.station_reading.tables import Table, numbers, texts
from wxml_dataset_sources.xarray_reading.dates import text_dates

logger = logging.getLogger("wxml")

COLUMNS: Final = ("station", "time", "latitude", "longitude", "elevation", "variable", "value", "quality")
"""The meanings of columns; every other column is a variable of its own, unless the table has `variable` and `value`."""
SAME_PLACE: Final = 1e-4  # degrees
NAMES: Final = 5  # so many stations are named in messages


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the user wants of the tables."""

    columns: Mapping[str, str]
    """The name of the column for each of COLUMNS."""
    variables: Sequence[str] | None
    quality: Sequence[str] | None
    """The entries of the column `quality` that are taken; None for all."""
    repeated: Literal["error", "first", "last"] = "error"
    """Which row counts where a station reports several values of a variable for one time."""
    quality_columns: Mapping[str, str] = field(default_factory=dict)
    """Variable → the column of its own quality, in place of `quality`."""
    without: Sequence[str] = ()
    """Stations that are left out."""
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Variable → the smallest and the largest value that is taken."""
    schedule: Schedule | None = None
    """The times that reports are given to; None: each has its own."""


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """What the tables hold."""

    latitudes: NDArray[np.float64]
    longitudes: NDArray[np.float64]
    times: NDArray[np.datetime64]
    """`datetime64[s]`, rising."""
    variables: tuple[str, ...]
    values: NDArray[np.float32]
    """`[time, variable, station]`, NaN where nothing was reported."""
    names: tuple[str, ...]
    """The stations."""
    dropped: Mapping[str, int]
    """Why values were left out → how many."""


def observed(tables: Sequence[Table], places: Table | None, wanted: Wanted) -> Observations:
    """The observations in the tables.

    Args:
        tables: all of the same columns.
        places: the stations with their latitudes, longitudes and perhaps elevations; None if the tables have these.
        wanted: what the user wants.

    Raises:
        DataError: a column is not there, an entry is no number or no date, a station has no place or two, or reports
            two values for one time.
    """
    table = _one(tables)
    called = wanted.columns
    for meaning in ("station", "time"):
        _require(table, called, meaning)
    table, absent = _without(table, wanted)
    rows = _rows(table, called, wanted.schedule)
    where = _places(table, rows, called) if places is None else _listed_places(places, rows)
    count = (len(rows.times), len(rows.names))
    columns = _long(table, wanted) if called["variable"] in table.columns else _wide(table, wanted)
    dropped = {"of stations that are left out": absent}
    values = {}
    for name, column in columns:
        kept = _limited(name, _accepted(table, name, column, wanted, dropped), wanted, dropped)
        values[name] = chosen(name, rows, kept, wanted.repeated, dropped)
    _tell(dropped, table)
    if "elevation" in where and (wanted.variables is None or "elevation" in wanted.variables):
        values["elevation"] = np.broadcast_to(where["elevation"].astype(np.float32), count)
    names = tuple(values) if wanted.variables is None else tuple(wanted.variables)
    stacked = np.stack([values[name] for name in names], axis=1)
    told = {why: number for why, number in dropped.items() if number}
    return Observations(
        where["latitude"], where["longitude"], rows.times, names, stacked, tuple(map(str, rows.names)), told
    )


def _without(table: Table, wanted: Wanted) -> tuple[Table, int]:
    """The table without the rows of stations that are left out, and the number of these rows."""
    if not wanted.without:
        return table, 0
    stations = texts(table.columns[wanted.columns["station"]])
    for name in wanted.without:
        if name not in stations:
            raise DataError(f"`without` names the station {name!r}, which has no row", fix=nearest(name, set(stations)))
    kept = ~np.isin(stations, wanted.without)
    if not kept.any():
        raise DataError("`without` names all stations, so nothing is left to read", fix="leave some of them out of it")
    return Table(
        table.path, {name: column[kept] for name, column in table.columns.items()}, table.first_row, table.units
    ), int((~kept).sum())


def _limited(name: str, column: NDArray[np.float64], wanted: Wanted, dropped: dict[str, int]) -> NDArray[np.float64]:
    """The column without values beyond the limits of its variable."""
    if name not in wanted.limits:
        return column
    low, high = wanted.limits[name]
    beyond = (column < low) | (column > high)
    _count(dropped, "beyond `limits`", beyond)
    return np.where(beyond, np.nan, column)


def _count(dropped: dict[str, int], why: str, which: NDArray[np.bool_]) -> None:
    dropped[why] = dropped.get(why, 0) + int(which.sum())


def _tell(dropped: Mapping[str, int], table: Table) -> None:
    for why, number in dropped.items():
        if number:
            logger.warning("`%s`: %d values %s count as missing", table.path, number, why)


def _one(tables: Sequence[Table]) -> Table:
    """All tables as one; raise a DataError if one lacks a column of the first."""
    first = tables[0]
    for table in tables[1:]:
        lacking = [name for name in first.columns if name not in table.columns]
        if lacking:
            raise DataError(
                f"`{table.path}` has no column {lacking[0]!r}, which is in `{first.path}`",
                fix="read tables of the same columns, each kind with a source of its own, and join these",
            )
    if not len(first.columns) or not sum(len(next(iter(table.columns.values()))) for table in tables):
        raise DataError(f"`{first.path}` has no rows", fix="fetch or write the file again")
    if len(tables) == 1:
        return first
    columns = {name: np.concatenate([table.columns[name] for table in tables]) for name in first.columns}
    return Table(first.path, columns, first.first_row, first.units)


def _require(table: Table, called: Mapping[str, str], meaning: str) -> None:
    name = called[meaning]
    if name not in table.columns:
        raise DataError(
            f"`{table.path}` has no column {name!r}",
            fix=f"write which of {', '.join(table.columns)} it is: `columns: {{{meaning}: NAME}}`",
        )


def _rows(table: Table, called: Mapping[str, str], schedule: Schedule | None) -> Reports:
    names, station = np.unique(texts(table.columns[called["station"]]), return_inverse=True)
    column = table.columns[called["time"]]
    if column.dtype.kind == "M":
        dates = column.astype("datetime64[s]")
    else:
        different, which = np.unique(texts(column), return_inverse=True)
        dates = text_dates(called["time"], different)[which]
    return Reports.of(dates, station, names, schedule)


def _places(table: Table, rows: Reports, called: Mapping[str, str]) -> dict[str, NDArray[np.float64]]:
    """The place of each station from the rows; raise a DataError for a station that is at two."""
    lacking = [called[name] for name in ("latitude", "longitude") if called[name] not in table.columns]
    if lacking:
        raise DataError(
            f"`{table.path}` has no column {lacking[0]!r}",
            fix="write a table of the stations, with station, latitude and longitude, and name it in `places`",
        )
    kinds = [name for name in ("latitude", "longitude", "elevation") if called[name] in table.columns]
    return {name: _one_each(rows, numbers(table, called[name]), called[name]) for name in kinds}


def _one_each(rows: Reports, column: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    lowest, highest = np.full(len(rows.names), np.inf), np.full(len(rows.names), -np.inf)
    np.fmin.at(lowest, rows.station, column)
    np.fmax.at(highest, rows.station, column)
    moved = np.flatnonzero(highest - lowest > SAME_PLACE)
    if len(moved):
        station = moved[0]
        raise DataError(
            f"station {str(rows.names[station])!r} has the {name} {lowest[station]:g} in one row and "
            f"{highest[station]:g} in another",
            fix="give the two places two names, or write one place into `places`",
        )
    found = np.where(np.isfinite(lowest), lowest, np.nan)
    if name != "elevation":
        _require_places(rows, np.isfinite(found))
    return found


def _listed_places(places: Table, rows: Reports) -> dict[str, NDArray[np.float64]]:
    for name in ("station", "latitude", "longitude"):
        if name not in places.columns:
            raise DataError(
                f"`{places.path}` (`places`) has no column {name!r}",
                fix="name its columns station, latitude, longitude",
            )
    listed = texts(places.columns["station"])
    order = np.argsort(listed, kind="stable")
    where = order[np.minimum(np.searchsorted(listed[order], rows.names), len(listed) - 1)]
    _require_places(rows, listed[where] == rows.names)
    kinds = [name for name in ("latitude", "longitude", "elevation") if name in places.columns]
    return {name: numbers(places, name)[where] for name in kinds}


def _require_places(rows: Reports, has_place: NDArray[np.bool_]) -> None:
    lost = rows.names[~has_place]
    if len(lost):
        more = f" and {len(lost) - NAMES} more" if len(lost) > NAMES else ""
        raise DataError(
            f"no place is known of the stations {', '.join(map(str, lost[:NAMES]))}{more}",
            fix="add their latitudes and longitudes to the table of places",
        )


def _wide(table: Table, wanted: Wanted) -> list[tuple[str, NDArray[np.float64]]]:
    """The columns that are variables."""
    keys = {wanted.columns[name] for name in COLUMNS} | set(wanted.quality_columns.values())
    names = [name for name in table.columns if name not in keys]
    if wanted.variables is None:
        return [(name, numbers(table, name)) for name in names]
    _check_known(wanted.variables, names, table)
    return [(name, numbers(table, name)) for name in wanted.variables if name != "elevation"]


def _long(table: Table, wanted: Wanted) -> list[tuple[str, NDArray[np.float64]]]:
    """A column for each entry of the column `variable`; the values of other variables are missing in it."""
    _require(table, wanted.columns, "value")
    kinds = texts(table.columns[wanted.columns["variable"]])
    values = numbers(table, wanted.columns["value"])
    names = np.unique(kinds).tolist()
    if wanted.variables is not None:
        _check_known(wanted.variables, names, table)
        names = [name for name in wanted.variables if name != "elevation"]
    return [(name, np.where(kinds == name, values, np.nan)) for name in names]


def _check_known(variables: Sequence[str], names: Sequence[str], table: Table) -> None:
    for name in variables:
        if name not in names and name != "elevation":
            raise DataError(f"`variables` names {name!r}, which is not in `{table.path}`", fix=nearest(name, names))


def _accepted(
    table: Table, name: str, column: NDArray[np.float64], wanted: Wanted, dropped: dict[str, int]
) -> NDArray[np.float64]:
    """The column without values of a quality that is not taken."""
    if wanted.quality is None:
        return column
    own = wanted.quality_columns.get(name)
    if own is None and wanted.quality_columns and wanted.columns["quality"] not in table.columns:
        return column  # the qualities that there are belong to other variables
    if own is None:
        _require(table, wanted.columns, "quality")
    elif own not in table.columns:
        raise DataError(
            f"`quality_columns` names {own!r}, which is not in `{table.path}`", fix=nearest(own, table.columns)
        )
    accepted = np.isin(texts(table.columns[own or wanted.columns["quality"]]), wanted.quality)
    _count(dropped, "of another `quality`", ~accepted & np.isfinite(column))
    return np.where(accepted, column, np.nan)
