"""Observations at stations, in CSV, Parquet and NetCDF files."""

__all__ = ["StationsSource"]

from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import DataSource, Grid, SourceHeader, Variable
from wxml.data.times import parse_duration
from wxml.errors import DataError, nearest

from wxml_dataset_sources.station_reading.observations import COLUMNS, Observations, Wanted, observed
from wxml_dataset_sources.station_reading.reports import Schedule
from wxml_dataset_sources.station_reading.tables import read_table
from wxml_dataset_sources.xarray_reading.checksums import checksums
from wxml_dataset_sources.xarray_reading.file_records import file_record, stamp_of
from wxml_dataset_sources.xarray_reading.file_stamps import fingerprint_of_files
from wxml_dataset_sources.xarray_reading.files import resolve


class StationsSource(DataSource):
    """Tables of observations in CSV, Parquet or NetCDF: every station is a node, NaN stands where it reported nothing.

    A table has a column for each variable, or the columns `variable` and `value`.
    """

    def __init__(
        self,
        *,
        path: Annotated[str | list[str], Field(description="A file, a pattern such as 'data/*.csv', or a list")],
        columns: Annotated[
            dict[str, str] | None, Field(description="What the columns are called: station, time, latitude …: NAME")
        ] = None,
        places: Annotated[
            str | None, Field(description="A table with the station, latitude, longitude (and elevation) of each")
        ] = None,
        variables: Annotated[list[str] | None, Field(description="Read only these variables")] = None,
        units: Annotated[dict[str, str] | None, Field(description="The units of each variable")] = None,
        quality: Annotated[
            list[str | int] | None, Field(description="Take only rows with these entries in the column quality")
        ] = None,
        repeated: Annotated[
            Literal["error", "first", "last"],
            Field(description="Which row counts where a station reports several values for one time"),
        ] = "error",
        quality_columns: Annotated[
            dict[str, str] | None,
            Field(description="The column with the quality of each variable: VARIABLE: NAME"),
        ] = None,
        without: Annotated[list[str] | None, Field(description="Stations to leave out")] = None,
        limits: Annotated[
            dict[str, tuple[float, float]] | None,
            Field(description="The smallest and the largest value of each variable that is taken; others are missing"),
        ] = None,
        every: Annotated[
            str | None,
            Field(description="Give reports to the multiples of this span since midnight UTC, such as 1h: the nearest"),
        ] = None,
        within: Annotated[
            str | None, Field(description="How far a report may be from such a time; half of `every` if none is given")
        ] = None,
    ) -> None:
        given = {
            "columns": columns,
            "variables": variables,
            "units": units,
            "quality": quality,
            "quality_columns": quality_columns,
            "without": without,
            "limits": limits,
            "every": every,
            "within": within,
        }
        self._options = {key: value for key, value in given.items() if value is not None} | {"repeated": repeated}
        if variables is not None and not variables:
            raise DataError("`variables` is empty, so nothing is left to read", fix="leave `variables` out")
        self._paths = resolve(path)
        self._places = None if places is None else resolve(places)[0]
        accepted = None if quality is None else [str(entry) for entry in quality]
        self._wanted = Wanted(
            _called(columns or {}),
            variables,
            accepted,
            repeated,
            quality_columns or {},
            tuple(without or ()),
            limits or {},
            _schedule(every, within),
        )
        self._units: dict[str, str] = {}
        self._observed: Observations | None = self._tables()
        known = self._observed
        self._dropped = dict(known.dropped)
        stated = {"elevation": "m"} | self._units | (units or {})
        for option, chosen in (("units", units), ("limits", limits), ("quality_columns", quality_columns)):
            for name in chosen or ():
                if name not in known.variables:
                    raise DataError(f"`{option}` names {name!r}, which is not read", fix=nearest(name, known.variables))
        self.header = SourceHeader(
            replace(Grid.unstructured(known.latitudes, known.longitudes), names=known.names),
            tuple(Variable(name, units=stated.get(name, "")) for name in known.variables),
            known.times,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the names of the files; a data-loader worker reads them again."""
        return self.__dict__ | {"_observed": None}

    def provenance(self) -> dict[str, Any]:
        """The files with their sizes and samples, the options, and why values were left out, with their numbers."""
        told = {"dropped": self._dropped} if self._dropped else {}
        files = [file_record(path) for path in self._files]
        return {"source": "stations", "files": files, "options": self._options} | told

    def checksums(self) -> list[str]:
        """The SHA-256 of all bytes of each file."""
        return checksums(self._files)

    def stamp(self) -> str:
        """A hash of the times of the files."""
        return stamp_of(self._files)

    def fingerprint(self) -> str:
        """A hash of names, sizes, times and inodes of the files, and of the options."""
        return fingerprint_of_files(self._files, self._options)

    @property
    def _files(self) -> list[str]:
        return [*self._paths, *([self._places] if self._places else [])]

    def _tables(self) -> Observations:
        places = read_table(self._places) if self._places else None
        tables = [read_table(path) for path in self._paths]
        self._units = dict(tables[0].units)
        return observed(tables, places, self._wanted)

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        if self._observed is None:
            self._observed = self._tables()
        out[:, 0] = self._observed.values[np.ix_(time_indices, variable_indices)]


def _called(columns: dict[str, str]) -> dict[str, str]:
    """The name of the column for each meaning: that of the user, else the meaning itself."""
    for meaning in columns:
        if meaning not in COLUMNS:
            raise DataError(f"`columns` names {meaning!r}, which no column can be", fix=nearest(meaning, COLUMNS))
    return {meaning: columns.get(meaning, meaning) for meaning in COLUMNS}


def _schedule(every: str | None, within: str | None) -> Schedule | None:
    """The times that reports are given to; raise a DataError for spans that are none."""
    if every is None:
        if within is not None:
            raise DataError(f"`within` is {within}, and counts beside `every` alone", fix="write `every: 1h`, say")
        return None
    step = parse_duration(every)
    reach = step / 2 if within is None else parse_duration(within)
    if reach > step / 2:
        raise DataError(
            f"`within` is {within}, more than half of `every`, which is {every}",
            fix="shorten `within`, or widen `every`",
        )
    return Schedule(step, reach)
