"""The headers of many NetCDF files, read once and kept in the cache for the next time that they are opened."""

__all__ = ["kept_headers"]

import json
import logging
import os
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from wxml.files.folders import cache_folder

from wxml_dataset_sources.xarray_reading.cache_table import FORGET, GET, HEADERS, PUT, SETTLED, CacheTable, as_place
from wxml_dataset_sources.xarray_reading.file_records import Contents, contents_of
from wxml_dataset_sources.xarray_reading.file_stamps import has_settled, stamp_of_contents
from wxml_dataset_sources.xarray_reading.netcdf_headers import Header, read_header

logger = logging.getLogger("wxml")

FORM: Final = 1
"""Of what is kept; another one is passed over."""
MOST: Final = 200_000
"""The file keeps the headers of so many files, those that were read last."""


def kept_headers(paths: Sequence[str]) -> dict[str, Header | None]:
    """The headers of files: those that are kept if the file is still the same, else read anew.

    Args:
        paths: NetCDF files.

    Raises:
        OSError: a file is not there any more.
    """
    table, contents = _table(cache_folder()), {path: contents_of(path) for path in paths}
    keys = {path: (as_place(os.path.realpath(path)), stamp_of_contents(own), FORM) for path, own in contents.items()}
    rows = table.each(GET, list(keys.values())) if table.exists() else []
    kept = dict(zip(keys, rows, strict=False))
    found = {path: _parsed(row[0][0]) for path, row in kept.items() if row}
    lacking = {path: read_header(path) for path in paths if found.get(path) is None}
    new = [
        (PUT, (*keys[path], _text(header)))
        for path, header in lacking.items()
        if header is not None and _is_still(path, contents[path])
    ]
    if new:
        table.run([*new, (FORGET, (MOST,))])
    return found | lacking


def _is_still(path: str, before: Contents) -> bool:
    """Whether the file is the one that it was, and the next change of it will have another time."""
    return has_settled(before, SETTLED) and stamp_of_contents(contents_of(path)) == stamp_of_contents(before)


@cache
def _table(folder: Path) -> CacheTable:
    """The table in a folder; one for each, so that there is one warning."""
    lost = "the next command opens all files again"
    return CacheTable(folder / "netcdf-headers.sqlite", HEADERS, "the headers of NetCDF files", lost)


def _text(header: Header) -> bytes:
    content = [*header[:-1], str(header.dates.dtype), header.dates.tolist()]
    return zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 1)


def _parsed(content: Any) -> Header | None:
    """What `_text` has written; None if it is damaged."""
    try:
        *texts, kind, numbers = json.loads(zlib.decompress(content))
        header = Header._make((*texts, np.array(numbers, np.dtype(kind))))
        if all(isinstance(text, str) for text in texts) and header.dates.ndim == 1:
            return header
    except (ValueError, TypeError, OverflowError, zlib.error):
        pass
    logger.warning("what the cache holds of a NetCDF file is damaged: the file is read again")
    return None
