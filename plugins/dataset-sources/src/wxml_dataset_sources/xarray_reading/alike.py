"""Files that differ in their dates and values alone: one of each kind is examined, and the others are like it."""

__all__ = ["AlikeFiles"]

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.arrays import ArrayReader
from wxml_dataset_sources.xarray_reading.block import Block, FileContent, Reader, Selection
from wxml_dataset_sources.xarray_reading.coordinates import find_coordinates
from wxml_dataset_sources.xarray_reading.dates import decoded_dates, plain_dates
from wxml_dataset_sources.xarray_reading.files import DataFile
from wxml_dataset_sources.xarray_reading.netcdf_headers import Header
from wxml_dataset_sources.xarray_reading.netcdf_index import kept_headers
from wxml_dataset_sources.xarray_reading.opening import opened
from wxml_dataset_sources.xarray_reading.repeated_meridian import FirstColumnsReader, without_repeat

Times = NDArray[np.datetime64]
FEW = 4
"""So many files are opened as quickly one by one."""


class AlikeFiles:
    """The content of files of which one of the same kind was examined before.

    Nothing is known of a file whose blocks depend on more than its own dates and on what it shares with others.
    """

    def __init__(self, files: Sequence[DataFile], selection: Selection) -> None:
        """Look at the headers of the NetCDF files.

        Args:
            files: all files, of any format.
            selection: what the user wants of them.
        """
        names = [file.path for file in files if file.engine == "netcdf"]
        by_file = any(":" in name for name in selection.rename)
        with_headers = len(names) > FEW and not by_file and not selection.forecast
        self._headers = kept_headers(names) if with_headers else {}
        self._times = _decoded(filter(None, self._headers.values()))
        self._selection = selection
        self._examined: dict[str, FileContent | None] = {}

    def known(self, file: DataFile) -> FileContent | None:
        """What is in the file, as far as the files before tell; None if it must be examined itself."""
        header = self._headers.get(file.path)
        first = None if header is None else self._examined.get(header.kind)
        times = self._times.get(id(header))
        if first is None or times is None or not len(times):
            return None
        blocks = tuple(_moved(block, file, times) for block in first.blocks)
        return replace(first, path=file.path, blocks=blocks)

    def examined(self, file: DataFile, content: FileContent) -> None:
        """Take note of a file that was examined."""
        header = self._headers.get(file.path)
        if header is not None and header.kind not in self._examined:
            self._examined[header.kind] = content if self._is_example(file, header, content) else None

    def _is_example(self, file: DataFile, header: Header, content: FileContent) -> bool:
        """Whether the blocks follow from the dates, and what is the same in all files of the kind."""
        times = self._times.get(id(header))
        dataset = opened(file)
        found = find_coordinates(dataset, lambda name: self._selection.name(file.path, name))
        others = [name for name in found.all if name != header.axis and header.axis in dataset[name].dims]
        if times is None or found.instants != (header.axis,) or found.leads or others:
            return False
        return all(block.times is None or np.array_equal(block.times, times) for block in content.blocks)


def _moved(block: Block, file: DataFile, times: Times) -> Block:
    """The same block of another file."""
    own = None if block.times is None else times
    if isinstance(block.reader, FirstColumnsReader):
        inner, columns = block.reader.reader, block.reader.columns
        return without_repeat(replace(block, path=file.path, times=own, reader=_of(inner, file)), columns)
    return replace(block, path=file.path, times=own, reader=_of(block.reader, file))


def _of(reader: Reader, file: DataFile) -> Reader:
    """The same variable of another NetCDF file."""
    return replace(reader, file=file) if isinstance(reader, ArrayReader) else reader


def _decoded(headers: Iterable[Header]) -> dict[int, Times]:
    """The dates of each header, by its identity; nothing of those that are no dates: who reads the file says so."""
    found: dict[int, Times] = {}
    for header in headers:
        times = plain_dates(header.dates, header.units, header.calendar)
        if times is None:
            attributes = {"units": header.units} | ({"calendar": header.calendar} if header.calendar else {})
            with suppress(DataError):
                times = decoded_dates(header.axis, xr.Variable(("time",), header.dates, attributes)).values
        if times is not None:
            found[id(header)] = times
    return found
