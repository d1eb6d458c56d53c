"""References in tables of Parquet, as fsspec and kerchunk write those that are too many for JSON.

A folder holds the metadata of all arrays in `.zmetadata`, and in `ARRAY/refs.N.parq` a row for each chunk of an array,
in C order, so many in each file as the `record_size` says (fsspec 2025, `fsspec.implementations.reference`). The
columns are `path`, `offset`, `size` and `raw`, the bytes of a chunk themselves. They are data: nothing in them is run.
"""

__all__ = ["ReferenceTables", "TableError", "is_folder_of_tables"]

import json
import math
import os
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from wxml.errors import DataError
from wxml.files.failures import DAMAGE
from wxml.files.json_loader import load_json

from wxml_dataset_sources.remote.table_files import LONGEST, METADATA, TableFiles

NOT_THERE: Final = (".zgroup", "zarr.json")
"""A zarr store has one of these beside its consolidated metadata, and a folder of references has not."""
MOST_ROWS: Final = 2**24
"""The most references of one table; those that kerchunk writes have 10 000."""
KEPT: Final = 64
"""So many tables are kept in memory."""


class TableError(Exception):
    """What is wrong with the tables, as the end of a sentence."""


class ReferenceTables:
    """The references of the chunks, of which a table is read when one of its chunks is asked for."""

    def __init__(self, files: TableFiles) -> None:
        """Read the metadata.

        Raises:
            TableError: they are damaged, or describe arrays that such tables do not hold.
        """
        self.files, self._lock = files, threading.Lock()
        try:
            with open(files.metadata(), encoding="utf-8") as file:
                content = load_json(file.read())
        except (OSError, ValueError) as error:
            raise TableError(f"has damaged metadata: {error}") from error
        said = content if isinstance(content, dict) else {}
        metadata, size = said.get("metadata"), said.get("record_size")
        if not isinstance(metadata, dict) or not isinstance(size, int) or not 1 <= size <= MOST_ROWS:
            raise TableError("has metadata without arrays, or without the length of its tables")
        self._length = size
        self.documents = {str(key): json.dumps(value).encode() for key, value in metadata.items()}
        """The metadata of each array by its key, such as `t/.zarray`."""
        self._counts: dict[str, tuple[int, ...]] = {}
        self.version = ""
        """Changes when a file is written again; see `check`."""

    def check(self, arrays: Mapping[str, Mapping[str, Any]]) -> None:
        """Learn how many chunks each array has, and which tables are there.

        Args:
            arrays: their metadata by path, which were checked.

        Raises:
            TableError: an array is of format 3, or names its chunks in another way.
        """
        for path, array in arrays.items():
            if "chunks" not in array or array.get("dimension_separator", ".") != ".":
                raise TableError(f"has the array {path[:80]!r}, whose chunks are not named as in `0.0` of zarr 2")
            lengths = zip(array["shape"], array["chunks"], strict=True)
            self._counts[path] = tuple(-(-length // max(size, 1)) for length, size in lengths)
        self.version = self.files.expect([_name(*table) for table in self._tables()])

    def paths(self) -> set[str]:
        """The files that hold chunks."""
        found = set[str | None]()
        for array, number in self._tables():
            table = self._table(array, number)
            if table is not None and "path" in table:
                found.update(table["path"].unique().to_pylist())
        return {path for path in found if path is not None}

    def get(self, key: str) -> bytes | list[Any] | None:
        """The bytes of a chunk, or the file that they are in, with offset and length or all of it; None if absent."""
        array, _, name = key.rpartition("/")
        row = _position(name, self._counts.get(array))
        table = None if row is None else self._table(array, row // self._length)
        if table is None or row is None:
            return None
        row %= self._length
        if row >= len(next(iter(table.values()))):
            raise TableError(f"has a table of {array[:80]!r} that is cut short")
        raw, path, offset, size = (table[c][row].as_py() if c in table else None for c in COLUMNS)
        if raw is not None:
            return bytes(raw)
        if path is None:
            return None
        return [path, offset, size] if offset or size else [path]

    def _tables(self) -> list[tuple[str, int]]:
        """The array and the number of each table that there may be."""
        counts = {array: -(-math.prod(counts) // self._length) for array, counts in self._counts.items()}
        return [(array, number) for array, count in counts.items() for number in range(count)]

    def _table(self, array: str, number: int) -> Mapping[str, Any] | None:
        """The columns of a table; None if it is not there."""
        name = _name(array, number)
        with self._lock:  # many chunks want the same table at once
            found = self.files.table(name)
            return None if found is None else _columns(found[0], f"{self.files.shown}/{name}", self._length, found[1])


def _name(array: str, number: int) -> str:
    """The path of a table below the folder."""
    return f"{array}/refs.{number}.parq"


COLUMNS: Final = ("raw", "path", "offset", "size")


def is_folder_of_tables(path: str) -> bool:
    """Whether a folder holds references in tables."""
    there = (os.path.lexists(os.path.join(path, name)) for name in NOT_THERE)
    if not os.path.isfile(os.path.join(path, METADATA)) or any(there):
        return False
    return any(True for _ in Path(path).rglob("refs.*.parq"))


def _position(name: str, counts: tuple[int, ...] | None) -> int | None:
    """The number of a chunk in C order; None if an array has no such chunk."""
    numbers = name.split(".")
    if counts is None or not all(number.isdecimal() and number.isascii() for number in numbers):
        return None
    found, counts = list(map(int, numbers)), counts or (1,)
    if len(found) != len(counts) or any(number >= count for number, count in zip(found, counts, strict=True)):
        return None
    position = 0
    for number, count in zip(found, counts, strict=True):
        position = position * count + number
    return position


@lru_cache(maxsize=KEPT)
def _columns(file: str, shown: str, length: int, written: int) -> Mapping[str, Any]:
    """The columns of a table, each of a type that holds what it should.

    Args:
        file: on this machine.
        shown: in messages.
        length: the most rows.
        written: when the file was written.

    Raises:
        DataError: pyarrow is not installed.
        TableError: the table is damaged, too large, or holds other things.
    """
    try:
        import pyarrow as pa  # an extra
        from pyarrow import parquet
    except ImportError as error:
        raise DataError(
            f"`{shown}` is Parquet, which is read with pyarrow, and that is not installed",
            fix="install the extra `parquet` of wxml-dataset-sources, or write the references as JSON",
        ) from error
    name = "/".join(shown.rsplit("/", 2)[1:])[:80]
    try:
        opened = parquet.ParquetFile(file)
        _check_size(name, os.path.getsize(file), opened.metadata, length)
        table = opened.read()
    except (*DAMAGE, pa.ArrowException) as error:
        raise TableError(f"has the table {name!r}, which cannot be read: {error}") from error
    types, found = pa.types, dict[str, Any]()
    for column in set(COLUMNS).intersection(table.column_names):
        values = table[column]
        kind = values.type.value_type if types.is_dictionary(values.type) else values.type
        is_bytes, is_text = (types.is_binary, types.is_large_binary), (types.is_string, types.is_large_string)
        fits = {"raw": is_bytes, "path": is_text}.get(column, (types.is_integer,))
        if not types.is_null(kind) and not any(fit(kind) for fit in fits):
            raise TableError(f"has the column `{column}` of type {kind} in the table {name!r}")
        found[column] = values
    if not found:
        raise TableError(f"has the table {name!r} without references")
    return found


def _check_size(name: str, size: int, metadata: Any, length: int) -> None:
    """Refuse a table that would take more memory, or has more rows, than references do."""
    unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if max(size, unpacked) > LONGEST:
        raise TableError(f"has the table {name!r} of more than {LONGEST >> 20} MiB")
    if metadata.num_rows > length:
        raise TableError(f"has the table {name!r} of {metadata.num_rows} rows, where the metadata say {length}")
