"""The headers of all messages of a GRIB file, read once and kept in the cache for the next time that it is opened."""

__all__ = ["HeaderRows", "kept_rows"]

import json
import logging
import os
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from wxml.files.folders import cache_folder

from wxml_dataset_sources.xarray_reading.cache_table import FORGET, GET, HEADERS, PUT, SETTLED, CacheTable, as_place
from wxml_dataset_sources.xarray_reading.file_records import contents_of
from wxml_dataset_sources.xarray_reading.file_stamps import has_settled, stamp_of_contents

logger = logging.getLogger("wxml")

FORM: Final = 1
"""Of what is kept; another one is passed over."""
MOST: Final = 20_000
"""The file keeps the headers of so many files, those that were read last."""
WORTH_KEEPING: Final = 2**17
"""Bytes; a smaller file is read as quickly as what would be kept of it."""

Place = tuple[int, int]
"""The byte of a message, and the field within a message that holds several."""


class HeaderRows(NamedTuple):
    """The different headers of a file, each with the places of the messages that have it."""

    keys: tuple[str, ...]
    rows: list[tuple[tuple[Any, ...], list[Place]]]

    def passing(self, chosen: Mapping[str, str | int | float]) -> "HeaderRows":
        """Those rows that have the chosen value of each key."""
        columns = [(self.keys.index(key), value) for key, value in chosen.items()]
        rows = [row for row in self.rows if all(row[0][column] == value for column, value in columns)]
        return HeaderRows(self.keys, rows)

    def values(self, key: str) -> list[Any]:
        """The different values of a key, in the order of the file."""
        column = self.keys.index(key)
        return list(dict.fromkeys(header[column] for header, _ in self.rows))


def kept_rows(path: str, keys: Iterable[str], read: Callable[[Sequence[str]], HeaderRows]) -> HeaderRows:
    """The headers of a file: those that are kept if the file is still the same and they have the keys, else read anew.

    Args:
        path: the file.
        keys: the keys that are needed.
        read: reads the headers of the whole file.
    """
    keys, contents = tuple(keys), contents_of(path)
    if contents.size < WORTH_KEEPING:
        return read(keys)
    table, place, stamp = _table(cache_folder()), as_place(os.path.realpath(path)), stamp_of_contents(contents)
    found = table.run([(GET, (place, stamp, FORM))]) if table.exists() else []
    kept = _parsed(found[0][0], contents.size) if found else None
    if kept is not None and set(keys) <= set(kept.keys):
        return kept
    rows = read(tuple(dict.fromkeys((*keys, *(kept.keys if kept else ())))))
    if has_settled(contents, SETTLED) and stamp_of_contents(contents_of(path)) == stamp:
        table.run([(PUT, (place, stamp, FORM, _text(rows))), (FORGET, (MOST,))])
    return rows


@cache
def _table(folder: Path) -> CacheTable:
    """The table in a folder; one for each, so that there is one warning."""
    lost = "the next command reads the headers of all messages again"
    return CacheTable(folder / "grib-headers.sqlite", HEADERS, "the headers of GRIB files", lost)


def _text(rows: HeaderRows) -> bytes:
    """By column: the different values of each key with the position of each row's among them; then the places."""
    values = [rows.values(key) for key in rows.keys]
    columns = zip(*(header for header, _ in rows.rows), strict=True)
    where = [{value: number for number, value in enumerate(different)} for different in values]
    codes = [[places[value] for value in column] for column, places in zip(columns, where, strict=True)]
    content = [rows.keys, values, codes, [len(places) for _, places in rows.rows]]
    content += [[place[part] for _, places in rows.rows for place in places] for part in (0, 1)]
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)


def _parsed(content: Any, size: int) -> HeaderRows | None:
    """What `_text` has written; None if it is damaged, or has a place beyond the file of `size` bytes."""
    try:
        keys, values, codes, counts, offsets, fields = json.loads(zlib.decompress(content))
        known = [[tuple(value) if isinstance(value, list) else value for value in column] for column in values]
        columns = [[column[code] for code in code_column] for column, code_column in zip(known, codes, strict=True)]
        places = iter(zip(offsets, fields, strict=True))
        headers = [
            (header, list(islice(places, count)))
            for header, count in zip(zip(*columns, strict=True), counts, strict=True)
        ]
        is_whole = sum(counts) == len(offsets) and len(columns) == len(keys) and min(counts, default=0) > 0
        is_whole &= all(type(number) is int and 0 <= number < size for number in (*offsets, *fields))
    except (ValueError, TypeError, IndexError, zlib.error):
        is_whole = False
    if not is_whole:
        logger.warning("what the cache holds of a GRIB file is damaged: its headers are read again")
        return None
    return HeaderRows(tuple(keys), headers)
