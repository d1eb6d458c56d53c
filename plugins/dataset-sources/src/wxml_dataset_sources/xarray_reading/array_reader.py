"""Reads values of one variable from a NetCDF file or a zarr store."""

__all__ = ["ArrayReader", "Layout"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError
from wxml.files.failures import DAMAGE

from wxml_dataset_sources.xarray_reading.formats import DataFile
from wxml_dataset_sources.xarray_reading.opening import opened

UNWRITTEN = (
    9.9e36  # NetCDF fills what was never written with 9.97e36, often without saying so; nothing physical is near
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which dimension of a variable is what; every other one has length 1."""

    time: str | None
    member: str | None
    level: str | None
    nodes: tuple[str, ...]

    @property
    def order(self) -> tuple[str, ...]:
        """The dimensions in the order `(time, member, level, nodes)`, without those that are not there."""
        return (*(dim for dim in (self.time, self.member, self.level) if dim), *self.nodes)


@dataclass(frozen=True, slots=True)
class ArrayReader:
    """One variable of a dataset; holds names only."""

    file: DataFile
    name: str
    layout: Layout

    def read(self, times: NDArray[np.intp], levels: NDArray[np.intp]) -> NDArray[np.float32]:
        """See `Reader.read`."""
        try:
            values = self._values(times, levels)
        except DataError:
            raise
        except DAMAGE as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise DataError(
                f"`{self.name}` cannot be read from `{self.file.path}`: {reason}",
                fix="the file is damaged or cut short: fetch or write it again",
            ) from error
        with np.errstate(invalid="ignore", over="ignore"):  # an undeclared fill value may not fit into float32
            floats = np.array(values, np.float32)
            floats[np.abs(floats) > UNWRITTEN] = np.nan
        return floats.reshape(
            len(times), -1, len(levels), int(np.prod(values.shape[-len(self.layout.nodes) or None :]))
        )

    def _values(self, times: NDArray[np.intp], levels: NDArray[np.intp]) -> NDArray[np.generic]:
        variable = opened(self.file).variables[self.name]
        chosen = {self.layout.time: _selector(times), self.layout.level: _selector(levels)}
        wanted = {dim: 0 for dim in variable.dims if dim not in self.layout.order}
        part = variable.isel(wanted | {dim: where for dim, where in chosen.items() if dim is not None})
        return np.asarray(part.transpose(*self.layout.order).values)


def _selector(positions: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Positions that follow each other as a slice: files read these at once."""
    first, last = int(positions[0]), int(positions[-1])
    return slice(first, last + 1) if last - first + 1 == len(positions) else positions
