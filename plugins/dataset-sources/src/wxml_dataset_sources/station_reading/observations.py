"""Observations from tables: which stations, times and variables there are, and the values by time and station."""

__all__ = ["COLUMNS", "Observations", "Wanted", "observed"]

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from wxml.data.times import format_time
from wxml.errors import DataError, nearest

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


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The time and the station of each row of all tables, as positions."""

    time: NDArray[np.intp]
    station: NDArray[np.intp]
    times: NDArray[np.datetime64]
    names: NDArray[np.str_]


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
    rows = _rows(table, called)
    where = _places(table, rows, called) if places is None else _listed_places(places, rows)
    count = (len(rows.times), len(rows.names))
    columns = _long(table, wanted) if called["variable"] in table.columns else _wide(table, wanted)
    accepted = _accepted(table, wanted)
    values = {
        name: _placed(name, rows, np.where(accepted, column, np.nan), count, wanted.repeated)
        for name, column in columns
    }
    if "elevation" in where and (wanted.variables is None or "elevation" in wanted.variables):
        values["elevation"] = np.broadcast_to(where["elevation"].astype(np.float32), count)
    names = tuple(values) if wanted.variables is None else tuple(wanted.variables)
    stacked = np.stack([values[name] for name in names], axis=1)
    return Observations(where["latitude"], where["longitude"], rows.times, names, stacked)


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
    return Table(first.path, columns, first.first_row)


def _require(table: Table, called: Mapping[str, str], meaning: str) -> None:
    name = called[meaning]
    if name not in table.columns:
        raise DataError(
            f"`{table.path}` has no column {name!r}",
            fix=f"write which of {', '.join(table.columns)} it is: `columns: {{{meaning}: NAME}}`",
        )


def _rows(table: Table, called: Mapping[str, str]) -> _Rows:
    names, station = np.unique(texts(table.columns[called["station"]]), return_inverse=True)
    column = table.columns[called["time"]]
    if column.dtype.kind == "M":
        dates = column.astype("datetime64[s]")
    else:
        different, which = np.unique(texts(column), return_inverse=True)
        dates = text_dates(called["time"], different)[which]
    times, time = np.unique(dates, return_inverse=True)
    return _Rows(time, station, times, names)


def _places(table: Table, rows: _Rows, called: Mapping[str, str]) -> dict[str, NDArray[np.float64]]:
    """The place of each station from the rows; raise a DataError for a station that is at two."""
    lacking = [called[name] for name in ("latitude", "longitude") if called[name] not in table.columns]
    if lacking:
        raise DataError(
            f"`{table.path}` has no column {lacking[0]!r}",
            fix="write a table of the stations, with station, latitude and longitude, and name it in `places`",
        )
    kinds = [name for name in ("latitude", "longitude", "elevation") if called[name] in table.columns]
    return {name: _one_each(rows, numbers(table, called[name]), called[name]) for name in kinds}


def _one_each(rows: _Rows, column: NDArray[np.float64], name: str) -> NDArray[np.float64]:
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


def _listed_places(places: Table, rows: _Rows) -> dict[str, NDArray[np.float64]]:
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


def _require_places(rows: _Rows, has_place: NDArray[np.bool_]) -> None:
    lost = rows.names[~has_place]
    if len(lost):
        more = f" and {len(lost) - NAMES} more" if len(lost) > NAMES else ""
        raise DataError(
            f"no place is known of the stations {', '.join(map(str, lost[:NAMES]))}{more}",
            fix="add their latitudes and longitudes to the table of places",
        )


def _wide(table: Table, wanted: Wanted) -> list[tuple[str, NDArray[np.float64]]]:
    """The columns that are variables."""
    keys = {wanted.columns[name] for name in COLUMNS}
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


def _accepted(table: Table, wanted: Wanted) -> NDArray[np.bool_] | bool:
    """Whether each row has a quality that is taken; says how many have none."""
    if wanted.quality is None:
        return True
    _require(table, wanted.columns, "quality")
    accepted = np.isin(texts(table.columns[wanted.columns["quality"]]), wanted.quality)
    if not accepted.all():
        logger.warning(
            "%d of the %d rows of `%s` have another `quality` and count as missing",
            int((~accepted).sum()),
            len(accepted),
            table.path,
        )
    return accepted


def _placed(
    name: str,
    rows: _Rows,
    column: NDArray[np.float64],
    count: tuple[int, int],
    repeated: Literal["error", "first", "last"],
) -> NDArray[np.float32]:
    """The values `[time, station]`; of several ones at one time and station, the one that `repeated` says.

    Raises:
        DataError: two differ, and `repeated` is `error`.
    """
    there = np.flatnonzero(np.isfinite(column))
    where = rows.time[there] * count[1] + rows.station[there]
    order = np.argsort(where, kind="stable")
    where, found = where[order], column[there][order]
    is_same = where[1:] == where[:-1]
    twice = np.flatnonzero(is_same & (found[1:] != found[:-1]))
    if len(twice) and repeated == "error":
        time, station = divmod(int(where[twice[0]]), count[1])
        raise DataError(
            f"station {str(rows.names[station])!r} reports two values of `{name}` for "
            f"{format_time(rows.times[time])}: {found[twice[0]]:g} and {found[twice[0] + 1]:g}",
            fix="choose with `repeated: first` or `repeated: last`, or by `quality`",
        )
    if len(twice):
        logger.warning("%d values of `%s` are left out for the %s one of their time", len(twice), name, repeated)
    counts = np.concatenate([~is_same, [True]] if repeated == "last" else [[True], ~is_same])[: len(where)]
    out = np.full(count, np.nan, np.float32)
    out.reshape(-1)[where[counts]] = found[counts]
    return out
