"""Tables in CSV, Parquet and NetCDF files, as a column of text, numbers or dates for each name."""

__all__ = ["Column", "Table", "numbers", "read_table", "texts"]

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError
from wxml.files.failures import damage_errors

from wxml_dataset_sources.xarray_reading.station_columns import station_columns

Column = NDArray[Any]
MISSING: Final = ("", "NA", "N/A", "na", "NaN", "nan", "NAN", "null", "NULL", "None", "-", "M", "///")
"""What stands in a table for a value that is not there."""
SEPARATORS: Final = ",;\t|"
WRITE_AGAIN: Final = "fetch or write the file again"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The columns of one file, all of one length."""

    path: str
    columns: Mapping[str, Column]
    first_row: int
    """The line of the first row, for messages."""
    units: Mapping[str, str] = field(default_factory=dict)
    """The units of the columns whose units the file states."""


def read_table(path: str) -> Table:
    """Read a whole file.

    Raises:
        DataError: it is no table, is damaged, or is Parquet and pyarrow is not there.
    """
    if Path(path).suffix.lower() in (".parquet", ".pq"):
        return _parquet(path)
    if Path(path).suffix.lower() in (".nc", ".nc4", ".cdf", ".netcdf"):
        return Table(path, *station_columns(path))
    with damage_errors(lambda error: _broken(path, error)), open(path, newline="", encoding="utf-8-sig") as file:
        header = file.readline()
        separator = max(SEPARATORS, key=header.count)
        names = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
        if len(set(names)) < max(2, len(names)):
            raise DataError(
                f"`{path}` has no line of different names at its top, got {header[:80]!r}",
                fix="write the names of the columns into the first line",
            )
        rows = [row for row in csv.reader(file, delimiter=separator) if row]
        odd = next((number for number, row in enumerate(rows) if len(row) != len(names)), None)
        if odd is not None:
            raise DataError(
                f"`{path}` has {len(names)} columns, and {len(rows[odd])} in row {odd + 2}", fix=WRITE_AGAIN
            )
        columns = zip(*rows, strict=True) if rows else [()] * len(names)
        return Table(path, {name: np.array(column, str) for name, column in zip(names, columns, strict=True)}, 2)


def _parquet(path: str) -> Table:
    try:
        from pyarrow import parquet  # an extra
    except ImportError as error:
        raise DataError(
            f"`{path}` is Parquet, which is read with pyarrow, and that is not installed",
            fix="install the extra `parquet` of wxml-dataset-sources, or write the table as CSV",
        ) from error
    with damage_errors(lambda error: _broken(path, error)):
        table = parquet.read_table(path)
        return Table(path, {name: np.asarray(table[name].to_numpy()) for name in table.column_names}, 0)


def _broken(path: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return DataError(f"`{path}` cannot be read as a table: {reason}", fix=WRITE_AGAIN)


def texts(column: Column) -> NDArray[np.str_]:
    """The entries of a column as text, without spaces around them."""
    return np.asarray(np.char.strip(column.astype(str)))


def numbers(table: Table, name: str) -> NDArray[np.float64]:
    """The entries of a column as numbers, NaN where one is missing.

    Raises:
        DataError: an entry is no number; the error names its row.
    """
    column = table.columns[name]
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    entries = texts(column)
    there = ~np.isin(entries, MISSING)
    found = np.full(len(entries), np.nan)
    try:
        found[there] = entries[there].astype(np.float64)
    except ValueError as error:
        row, entry = next((row, entry) for row, entry in enumerate(entries) if there[row] and not _is_number(entry))
        raise DataError(
            f"`{name}` of `{table.path}` holds {str(entry)!r} in row {row + table.first_row}, which is no number",
            fix=f"correct the entry, or leave `{name}` out with `variables`",
        ) from error
    found[np.isinf(found)] = np.nan
    return found


def _is_number(entry: str) -> bool:
    try:
        float(entry)
    except ValueError:
        return False
    return True
