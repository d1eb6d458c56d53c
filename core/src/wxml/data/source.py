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
    """Grid, variables, times and members of a source, which are known before a field is read."""

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
        """The positions of the names in `variables`.

        Raises:
            DataError: the source does not have one of the names; the error suggests the nearest name.
        """
        places = {variable.name: place for place, variable in enumerate(self.variables)}
        for name in names:
            if name not in places:
                raise DataError(f"the source has no variable {name!r}", fix=nearest(name, self.names))
        return np.array([places[name] for name in names], dtype=np.intp)

    def time_indices(self, times: ArrayLike) -> NDArray[np.intp]:
        """The positions of the given times in the header's `times`.

        Raises:
            DataError: the source does not have one of the times; the error says which times it has.
        """
        wanted = np.asarray(times, "datetime64[s]").reshape(-1)
        found = np.searchsorted(self.times, wanted)
        is_there = found < len(self.times)
        is_there[is_there] = self.times[found[is_there]] == wanted[is_there]
        if not is_there.all():
            fix = "it has no times at all: choose other data"
            if len(self.times):
                first, last = format_time(self.times[0]), format_time(self.times[-1])
                fix = f"it has {len(self.times)} times from {first} to {last}; choose among these"
            raise DataError(f"the source has no data for {format_time(wanted[np.argmin(is_there)])}", fix=fix)
        return found


class DataSource(ABC):
    """Weather data on one grid.

    A plugin sets `header` in its constructor (cheap: no field is read) and fills `_read`. Instances are pickled to
    data-loader workers, so they hold paths rather than open files. All options are keyword-only.
    """

    header: SourceHeader

    @final
    def read(self, times: ArrayLike, variables: Sequence[str]) -> NDArray[np.float32]:
        """Read values in physical units, shape `[time, member, variable, node]`; missing values are NaN.

        Args:
            times: instants that are in `header.times`, in any order.
            variables: names that are in `header.names`, in any order.

        Raises:
            DataError: the source does not have a time or a variable, or a file cannot be read.
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
        """Fill `out[time, member, variable, node]` in place; it is full of NaN, so leave missing values as they are.

        Args:
            time_indices: positions in `header.times`, never empty, perhaps repeated, in any order.
            variable_indices: positions in `header.variables`, likewise.
            out: the array to fill.

        Raises:
            DataError: a file cannot be read; the error names it.
        """

    @abstractmethod
    def provenance(self) -> dict[str, Any]:
        """Describe the data in JSON values, the same on every run: the files, the options.

        Every command calls this, so it reads little of the data. Files are a list `files` of mappings with the `name`,
        the size in `bytes` and, for example, a hash of a sample of the bytes.
        """

    def checksums(self) -> list[str]:
        """Return the SHA-256 of all bytes of each file in `provenance()["files"]`, in that order; [] without files.

        It may read all of the data. Core never calls it; a trainer may, to compare the data with those of an earlier
        training.

        Raises:
            DataError: a file cannot be read; the error names it.
        """
        return []

    def stamp(self) -> str:
        """Return a text that is another one after a file was written or copied, such as a hash of the files' times.

        It stands in no artefact, and a trainer may warn if it differs from that of an earlier training. The empty text
        means that `provenance` itself tells every change.

        Raises:
            DataError: a file cannot be read; the error names it.
        """
        return ""
