"""Forecasts as one NetCDF-4 file.

netCDF4 makes the file, and h5py puts the chunks into it, packed: HDF5 itself packs one chunk after the other in one
thread with zlib, which kept up with a disk of 60 MB/s. Here a few threads pack at a time. Level 1 is by ISA-L, whose
streams every zlib reads; it took a tenth of the time that zlib took for the same waves with noise, and 1 % less room.
"""

__all__ = ["NetcdfWriter"]

import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import netCDF4
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from pydantic import Field
from wxml.errors import ArtefactError, DataError
from wxml.files.failures import disk_errors
from wxml.files.hdf5_structure import check_hdf5_file
from wxml.files.netcdf_lock import NETCDF_LOCK
from wxml.forecasting.layout import PROVENANCE, ForecastLayout
from wxml.forecasting.packing import PackingThreads

from wxml_forecast_writers.cf_writer import CfWriter

if TYPE_CHECKING:
    import h5py

FASTEST = 1


class _Chunk(NamedTuple):
    """A chunk of one variable: where it begins, and its values."""

    name: str
    place: tuple[int, ...]
    values: NDArray[np.float32]


class NetcdfWriter(CfWriter):
    """Writes a NetCDF-4 file (HDF5), with the one compression that every build of the library reads."""

    suffixes = (".nc", ".nc4")

    def __init__(
        self,
        target: str,
        *,
        compression: Annotated[
            Literal["none", "zlib"],
            Field(description="How chunks are packed, losslessly, after a byte shuffle"),
        ] = "zlib",
        level: Annotated[int, Field(ge=1, le=9, description="Effort of the compression: 1 is fastest")] = FASTEST,
    ) -> None:
        super().__init__(target)
        self._level = level if compression == "zlib" else None
        self._layout: ForecastLayout | None = None
        self._file: h5py.File | None = None
        self._variables: dict[str, h5py.h5d.DatasetID] = {}
        self._threads = PackingThreads()

    def _create(self, layout: ForecastLayout, attributes: dict[str, dict[str, Any]]) -> None:
        import h5py  # takes a while to load: not for the sake of a suffix

        self._layout = layout
        with NETCDF_LOCK, disk_errors(self.target, layout.step_bytes):
            with netCDF4.Dataset(self.target, "w", format="NETCDF4", clobber=False) as file:
                _describe(file, layout, attributes, self._level)
            self._file = h5py.File(self.target, "r+")
            self._variables = {name: self._file[name].id for name in layout.variables}

    def _put(self, step: tuple[int, int], values: Mapping[str, NDArray[np.float32]]) -> None:
        assert self._layout is not None  # noqa: S101
        chunks = _chunks(step, values, self._layout.chunks)
        for chunk, packed in self._threads.in_order(partial(_packed, self._level), chunks):
            with NETCDF_LOCK, disk_errors(self.target, self._layout.step_bytes):
                self._variables[chunk.name].write_direct_chunk(chunk.place, packed)

    def _finish(self) -> None:
        self._threads.close()
        file, self._file, self._variables = self._file, None, {}
        if file is not None and self._layout is not None:
            with NETCDF_LOCK, disk_errors(self.target, self._layout.step_bytes):
                file.close()

    @classmethod
    def _read_provenance_text(cls, target: str) -> Any:
        try:
            check_hdf5_file(target)
        except DataError as error:
            raise ArtefactError(error.message, fix=error.fix) from error
        with NETCDF_LOCK, netCDF4.Dataset(target) as file:
            return file.getncattr(PROVENANCE) if PROVENANCE in file.ncattrs() else None


def _describe(
    file: netCDF4.Dataset, layout: ForecastLayout, attributes: dict[str, dict[str, Any]], level: int | None
) -> None:
    """Put everything into a new file but the values of the forecast."""
    packing: dict[str, Any] = {} if level is None else {"compression": "zlib", "complevel": level, "shuffle": True}
    file.setncatts(layout.attributes)
    for name, size in layout.dimensions.items():
        file.createDimension(name, size)
    for one in layout.coordinates:
        array = file.createVariable(one.name, one.values.dtype, one.dimensions, fill_value=False)
        array.setncatts(one.attributes)
        array[...] = one.values
    for name in layout.variables:
        array = file.createVariable(
            name,
            np.float32,
            tuple(layout.dimensions),
            chunksizes=layout.chunks,
            fill_value=np.float32("nan"),
            **packing,
        )
        array.setncatts(attributes[name])


def _chunks(
    step: tuple[int, int], values: Mapping[str, NDArray[np.float32]], chunks: tuple[int, ...]
) -> Iterator[_Chunk]:
    """The chunks of one step; only members are in several, the last of which is filled up with NaN."""
    size, *others = chunks[2:]
    for name, array in values.items():
        for first in range(0, len(array), size):
            chunk = array[first : first + size]
            if len(chunk) < size:
                lacking = np.full((size - len(chunk), *others), np.nan, np.float32)
                chunk = np.concatenate([chunk, lacking])
            yield _Chunk(name, (*step, first, *(0 for _ in others)), chunk)


def _packed(level: int | None, chunk: _Chunk) -> tuple[_Chunk, bytes]:
    """A chunk with its bytes as the filters of HDF5 make them: the first bytes of all values come first, and so on."""
    if level is None:
        return chunk, chunk.values.tobytes()
    values = np.ascontiguousarray(chunk.values)
    shuffled = np.ascontiguousarray(values.view(np.uint8).reshape(-1, values.itemsize).T).data
    return chunk, _deflated_fast(shuffled) if level == FASTEST else zlib.compress(shuffled, level)


def _deflated_fast(values: memoryview) -> bytes:
    """A stream of ISA-L whose bytes depend on the values alone.

    `isal_zlib.compress` packs a few kilobytes in other ways, equally right, when other things have lain in the memory
    that it takes. A stream that does not know yet where it ends does not.
    """
    stream = isal_zlib.compressobj(FASTEST)
    return stream.compress(values) + stream.flush()
