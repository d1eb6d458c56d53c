"""DataSource: weather data in physical units, by time and variable."""

__all__ = ["DataSource", "SelectiveSource", "SourceHeader"]

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.data.aligned import aligned
from wxml.data.fingerprint import fingerprint_of
from wxml.data.forecast_series import ForecastSeries
from wxml.data.grid import Grid
from wxml.data.grid_weights import SparseWeights
from wxml.data.moments import Moments
from wxml.data.read_request import ReadRequest, checked_positions
from wxml.data.times import format_time
from wxml.data.variables import Variable
from wxml.errors import DataError, nearest

KEPT_NAMES: Final = 64
"""So many choices of names are kept with their positions."""
READ_AT_ONCE: Final = 2**28
"""Bytes that a source without `_read_part` may take to read more than is asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceHeader:
    """Grid, variables, times and members of a source, which are known before a field is read."""

    grid: Grid
    variables: tuple[Variable, ...]
    times: NDArray[np.datetime64]
    """`datetime64[s]`, strictly rising; a gap is a time that is not there."""
    members: int = 1
    _places: Mapping[str, int] = field(init=False, repr=False)
    """The position of each name."""
    _found: dict[tuple[str, ...], NDArray[np.intp]] = field(init=False, repr=False, default_factory=dict)
    """What `variable_indices` has found; a training asks for the same names again and again."""

    def __post_init__(self) -> None:
        if self.times.dtype != np.dtype("datetime64[s]") or not np.all(np.diff(self.times) > np.timedelta64(0, "s")):
            raise DataError("`times` of a source must be datetime64[s] and rise strictly, got others", fix="sort them")
        if len(set(self.names)) != len(self.names):
            raise DataError(f"a source must name each variable once, got {list(self.names)}", fix="rename one")
        object.__setattr__(self, "_places", {name: place for place, name in enumerate(self.names)})

    @property
    def names(self) -> tuple[str, ...]:
        """The variables' names, in order."""
        return tuple(variable.name for variable in self.variables)

    def variable_indices(self, names: Sequence[str]) -> NDArray[np.intp]:
        """The positions of the names in `variables`, not to be written to.

        Raises:
            DataError: the source does not have one of the names; the error suggests the nearest name.
        """
        key = tuple(names)
        found = self._found.get(key)
        return self._find(key) if found is None else found

    def _find(self, names: tuple[str, ...]) -> NDArray[np.intp]:
        for name in names:
            if name not in self._places:
                raise DataError(f"the source has no variable {name!r}", fix=nearest(name, self.names))
        found = np.array([self._places[name] for name in names], dtype=np.intp)
        found.flags.writeable = False
        if len(self._found) == KEPT_NAMES:
            self._found.clear()
        self._found[names] = found
        return found

    def time_indices(self, times: ArrayLike) -> NDArray[np.intp]:
        """The positions of the given times in the header's `times`.

        Raises:
            DataError: the source does not have one of the times; the error says which times it has.
        """
        wanted = np.asarray(times, "datetime64[s]").reshape(-1)
        found = np.searchsorted(self.times, wanted)
        is_there = np.zeros(len(wanted), bool) if not len(self.times) else self.times.take(found, mode="clip") == wanted
        if not is_there.all():
            fix = "it has no times at all: choose other data"
            if len(self.times):
                first, last = format_time(self.times[0]), format_time(self.times[-1])
                fix = f"it has {len(self.times)} times from {first} to {last}; choose among these"
            raise DataError(f"the source has no data for {format_time(wanted[np.argmin(is_there)])}", fix=fix)
        return found


class DataSource(ABC):
    """Weather data on one grid.

    A plugin sets `header` in its constructor (cheap: no field is read) and fills `_read`; one that can read some
    members or some nodes alone is a `SelectiveSource` instead. Instances are pickled to data-loader workers, so they
    hold paths rather than open files. All options are keyword-only.
    """

    header: SourceHeader

    @classmethod
    def for_variables(cls, names: Sequence[str], options: Mapping[str, Any]) -> Self:
        """Make the source for some variables alone; by default the whole source is made.

        One that can may leave out all other variables, need not judge them, and has no times for their sake. A name
        that is not there is no error: a forcing may be computed.

        Args:
            names: the variables that are asked for.
            options: the keyword arguments of the constructor, validated.

        Raises:
            DataError: as the constructor, for what is asked for.
        """
        return cls(**options)

    @final
    def read(
        self,
        times: ArrayLike,
        variables: Sequence[str],
        *,
        members: slice | ArrayLike | None = None,
        nodes: slice | ArrayLike | None = None,
        out: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Read values in physical units, shape `[time, member, variable, node]`; missing values are NaN.

        Args:
            times: instants that are in `header.times`, in any order.
            variables: names that are in `header.names`, in any order.
            members: positions from 0, in any order; None reads all of them.
            nodes: positions in `header.grid`, likewise.
            out: an array of that shape, perhaps a view, to write the values to; it is returned.

        Raises:
            DataError: the source does not have a time, a variable, a member or a node, `out` has another shape or type,
                or a file cannot be read.
        """
        request = ReadRequest(
            self.header.time_indices(times),
            self.header.variable_indices(variables),
            checked_positions(members, self.header.members, "members"),
            checked_positions(nodes, len(self.header.grid), "nodes"),
        )
        if out is None:
            out = aligned(request.shape)
        elif out.shape != request.shape or out.dtype != np.float32:
            raise DataError(
                f"`out` has shape {out.shape} and type {out.dtype}, and what is read has {request.shape} and float32",
                fix="leave `out` out, or give an array of this shape and type",
            )
        self.fill(request, out)
        return out

    @final
    def fill(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        """Write what is asked for to `out[time, member, variable, node]`; sources that are made of others call it.

        It is `read` by positions, which nobody checks again.

        Raises:
            DataError: a file cannot be read.
        """
        if out.size:
            self._read_part(request, out)

    @abstractmethod
    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        """Fill `out[time, member, variable, node]` in place; it is full of NaN, so leave missing values as they are.

        Args:
            time_indices: positions in `header.times`, never empty, perhaps repeated, in any order.
            variable_indices: positions in `header.variables`, likewise.
            out: the array to fill, for all members and nodes.

        Raises:
            DataError: a file cannot be read; the error names it.
        """

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        """Read all members and nodes with `_read`, and take those that are asked for; see `SelectiveSource`."""
        members, nodes = self.header.members, len(self.header.grid)
        if request.is_whole(members, nodes) and out.flags.c_contiguous:
            out.fill(np.nan)
            self._read(request.times, request.variables, out)
            return
        for times, variables in request.blocks(READ_AT_ONCE // (4 * members * nodes)):
            rows, columns = request.times[times], request.variables[variables]
            whole = np.full((len(rows), members, len(columns), nodes), np.nan, np.float32)
            self._read(rows, columns, whole)
            out[times, :, variables] = whole[:, request.members][..., request.nodes]

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

    def fingerprint(self) -> str | None:
        """Return a text that is another one if a value may be another one, or None if the source cannot tell.

        It is made without reading the data. What was computed from the values, such as statistics, is kept for the next
        run under this text, the options and the code of the plugin; without a text, nothing is kept. A source that has
        a stamp has a text; so may one that has no files, and whose provenance tells every change.

        Raises:
            DataError: a file cannot be read; the error names it.
        """
        stamp = self.stamp()
        return fingerprint_of(self.provenance(), stamp) if stamp else None

    def moments(
        self, times: NDArray[np.datetime64], variables: Sequence[str], timestep: np.timedelta64 | None = None
    ) -> Moments | None:
        """Return moments that were computed when the data were made, or None if there are none, as by default.

        They are those of `Moments.of` with the areas of the grid as weights, over all members.

        Args:
            times: instants that are in `header.times`.
            variables: names that are in `header.names`.
            timestep: None: those of the values; else those of the change from each time to the one so much later
                (`Moments.of_change`), and nothing where there is none.

        Returns:
            Moments of shape `[time, variable]`.

        Raises:
            DataError: a file cannot be read; the error names it.
        """
        return None

    @classmethod
    def of_dataset(cls, dataset: Any) -> "DataSource":
        """Return a source of what a user holds in memory, an `xarray.Dataset`; by default no source can.

        Coordinates, units, levels and missing values are understood as in files. What it reads lazily stays lazy.

        Args:
            dataset: the dataset; it is not changed.

        Raises:
            DataError: this plugin reads no datasets in memory, or does not understand this one.
        """
        raise DataError(
            f"the data source `{cls.__name__}` reads no datasets that are in memory", fix="name a source that does"
        )

    @classmethod
    def grid_weights(cls, source: Grid, target: Grid, method: str) -> SparseWeights:
        """Return what brings values from one grid to another; by default no source can make it.

        The weights of a node of `target` sum to 1, or to less where `source` covers a part of its cell; one that lies
        outside of `source` has none.

        Args:
            source: the nodes that have values.
            target: the nodes that get them.
            method: how, such as `nearest` or `bilinear`.

        Raises:
            DataError: this plugin has no such method, or there are no weights between these grids.
        """
        raise DataError(
            f"the data source `{cls.__name__}` brings no values to other grids",
            fix="name one that does, such as `regrid`",
        )

    @classmethod
    def forecasts(cls, options: Mapping[str, Any]) -> ForecastSeries:
        """Return the forecasts that files of other programs hold, which `wxml verify` scores; by default no source can.

        Args:
            options: those of the constructor.

        Raises:
            DataError: this plugin reads no forecasts, or finds none in the files.
        """
        raise DataError(f"the data source `{cls.__name__}` reads no forecasts", fix="name a source that does: xarray")

    def forget(self) -> None:  # noqa: B027  # a source that keeps nothing has nothing to do
        """Let go of values that are kept in memory for later reads, which then take them from the files again.

        A caller that reads each value once says so from time to time, so that its memory does not grow with what it has
        read. By default nothing is kept.
        """

    def chunk_groups(self) -> NDArray[np.intp]:
        """Number the variables so that those of one number are read at the cost of one of them; by default all are.

        Variables that lie in the same chunks have one number. Samples leave out a variable at the times at which nobody
        needs it, where none of its number is needed, and read those of different numbers one after the other.

        Returns:
            Numbers of shape `[variable]`, in the order of `header.variables`.
        """
        return np.zeros(len(self.header.variables), np.intp)

    def statistics_source(self) -> "DataSource":
        """Return the source that a training takes its statistics from: this one, at the training times.

        Another source counts at all of its times. It has every variable of this one, in the same units. A source that
        is made of others must not lose the one that these return; `statistics-of` therefore stands around all others.
        """
        return self


class SelectiveSource(DataSource):
    """A source that reads some members and some nodes alone, so that one member costs one member.

    A plugin fills `_read_part` in place of `_read`.
    """

    @final
    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        every_member, every_node = slice(0, self.header.members), slice(0, len(self.header.grid))
        self._read_part(ReadRequest(time_indices, variable_indices, every_member, every_node), out)

    @abstractmethod
    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        """Write what is asked for to `out[time, member, variable, node]`: each of its values, NaN where missing.

        Args:
            request: positions of times, variables, members and nodes; none of them is empty.
            out: the array to fill, perhaps a view of a larger one; what is in it before means nothing.

        Raises:
            DataError: a file cannot be read; the error names it.
        """
