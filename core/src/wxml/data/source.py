"""DataSource: weather data in physical units, by time and variable."""

__all__ = ["DataSource", "SourceHeader"]

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.data.grid import Grid
from wxml.data.times import format_time
from wxml.data.variables import Variable
from wxml.errors import DataError, nearest


@dataclass(frozen=True, slots=True, eq=False)
class SourceHeader:
    """What a source holds, known without reading a field."""

    grid: Grid
    variables: tuple[Variable, ...]
    times: NDArray[np.datetime64]
    """`datetime64[s]`, strictly rising; a gap is a time that is not there."""
    members: int = 1

    def __post_init__(self) -> None:
        if self.times.dtype != np.dtype("datetime64[s]") or not np.all(np.diff(self.times) > np.timedelta64(0, "s")):
            raise DataError("`times` of a source must be datetime64[s] and rise strictly, got others", fix="sort them")
        if len(set(self.names)) != len(self.names):
            raise DataError(f"a source must name each variable once, got {list(self.names)}", fix="rename one")

    @property
    def names(self) -> tuple[str, ...]:
        """The variables' names, in order."""
        return tuple(variable.name for variable in self.variables)

    def variable_indices(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Where the named variables are; a DataError names the first that is not there, and the nearest name."""
        for name in names:
            if name not in self.names:
                raise DataError(f"the source has no variable {name!r}", fix=nearest(name, self.names))
        return np.array([self.names.index(name) for name in names], dtype=np.intp)

    def time_indices(self, times: ArrayLike) -> NDArray[np.intp]:
        """Where the times are; a DataError names the first that is not there, and what the source covers."""
        wanted = np.asarray(times, "datetime64[s]").reshape(-1)
        found = np.searchsorted(self.times, wanted)
        for time, index in zip(wanted, found, strict=True):
            if index == len(self.times) or self.times[index] != time:
                raise DataError(f"the source has no data for {format_time(time)}", fix=self._coverage())
        return found

    def _coverage(self) -> str:
        if not len(self.times):
            return "it has no times at all"
        first, last = format_time(self.times[0]), format_time(self.times[-1])
        return f"it has {len(self.times)} times from {first} to {last}; choose among these"


class DataSource(ABC):
    """Weather data on one grid.

    A plugin sets `header` in its constructor (cheap: no field is read) and fills `_read`. Instances are pickled to
    data-loader workers, so they hold paths rather than open files. All options are keyword-only.
    """

    header: SourceHeader

    @final
    def read(self, times: ArrayLike, variables: Sequence[str]) -> NDArray[np.float32]:
        """Values in physical units, shape `[time, member, variable, node]`; NaN where a value is missing.

        Args:
            times: instants that are in `header.times`, in any order.
            variables: names that are in `header.names`, in any order.

        Raises:
            DataError: a time or a variable that the source does not have, or a file that cannot be read.
        """
        time_indices = self.header.time_indices(times)
        variable_indices = self.header.variable_indices(variables)
        shape = (len(time_indices), self.header.members, len(variable_indices), len(self.header.grid))
        out = np.full(shape, np.nan, dtype=np.float32)
        if out.size:
            self._read(time_indices, variable_indices, out)
        return out

    @abstractmethod
    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        """Fill `out[time, member, variable, node]` in place; it comes filled with NaN, so leave what is missing.

        Args:
            time_indices: positions in `header.times`, never empty, perhaps repeated, in any order.
            variable_indices: positions in `header.variables`, likewise.
            out: the array to fill.

        Raises:
            DataError: a file that cannot be read; name it.
        """

    @abstractmethod
    def provenance(self) -> dict[str, Any]:
        """Where the data come from: JSON values, the same on every run, such as files with size and hash, options."""
