"""From a GRIB file to blocks: its messages, sorted by parameter, level, member and time."""

__all__ = ["read_messages"]

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import cfgrib
import numpy as np
from wxml import Grid
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.block import Block, FileContent
from wxml_dataset_sources.xarray_reading.formats import DataFile
from wxml_dataset_sources.xarray_reading.grib_reader import GRIB_DAMAGES, MessageReader, message_grid
from wxml_dataset_sources.xarray_reading.levels import flatten, pressure_in_hpa
from wxml_dataset_sources.xarray_reading.opening import damaged
from wxml_dataset_sources.xarray_reading.selection import Selection

KEYS = (
    "cfVarName",
    "shortName",
    "typeOfLevel",
    "stepType",
    "units",
    "md5GridSection",
    "level:float",
    "number",
    "valid_time",
)
UNNAMED = ("unknown", "undef", "~")
ALWAYS_NUMBERED = ("isobaric", "hybrid", "sigma", "eta", "theta", "generalVertical")
"""Types of level whose number belongs to the name; others state it only where a parameter has several."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the messages of one block share."""

    parameter: str
    type_of_level: str
    step_type: str
    units: str
    grid: str
    is_static: bool

    @property
    def origin(self) -> str:
        return f"`{self.parameter}` ({self.type_of_level}, {self.step_type})"


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where one message is, and what it is about."""

    offset: tuple[int, int]  # bytes, and the field within a message that holds several
    level: float
    member: int
    time: int  # seconds since 1970


def read_messages(file: DataFile, selection: Selection, grids: dict[Hashable, Grid]) -> FileContent:
    """The blocks of a GRIB file; only headers are read.

    Args:
        file: the file.
        selection: what is wanted.
        grids: what other files have, by the hash of their grid section; this one's are added.

    Raises:
        DataError: it is damaged, holds something twice, or has a grid without places; names the file.
    """
    try:
        kinds = _sorted_by_kind(file.path, selection.grib_filter)
        content = _GribFile(file, selection, grids).content(kinds)
    except DataError as error:
        raise DataError(f"`{file.path}`: {error.message}", fix=error.fix) from error
    except GRIB_DAMAGES as error:
        raise damaged(file.path, "grib", error) from error
    return content


@dataclass(frozen=True, slots=True, eq=False)
class _GribFile:
    """A file while it is taken apart."""

    file: DataFile
    selection: Selection
    grids: dict[Hashable, Grid]

    def content(self, kinds: Mapping[_Kind, list[_Entry]]) -> FileContent:
        called = {kind: self.selection.name(self.file.path, kind.parameter) for kind in kinds}
        wanted = {kind: name for kind, name in called.items() if self.selection.wants(name)}
        blocks = tuple(self._block(kind, name, kinds[kind]) for kind, name in wanted.items())
        return FileContent(
            self.file.path, blocks, frozenset(kind.parameter for kind in kinds), frozenset(called.values())
        )

    def _block(self, kind: _Kind, name: str, entries: list[_Entry]) -> Block:
        times, levels, members = (_values(entries, of) for of in (_time, _level, _member))
        places = np.full((len(times), len(members), len(levels), 2), -1, np.int64)
        where = tuple({value: position for position, value in enumerate(axis)} for axis in (times, members, levels))
        for entry in entries:
            slot = where[0][entry.time], where[1][entry.member], where[2][entry.level]
            if places[slot][0] >= 0:
                raise _twice(kind, entry, int(places[slot][0]))
            places[slot] = entry.offset
        grid = self._grid(kind.grid, entries[0].offset)
        return Block(
            path=self.file.path,
            origin=kind.origin,
            variables=flatten(name, _numbers(kind.type_of_level, levels), kind.units),
            levels=np.arange(len(levels)),
            times=None if kind.is_static else np.array(times, "datetime64[s]"),
            members=len(members),
            grid=grid,
            reader=MessageReader(self.file.path, places, len(grid)),
        )

    def _grid(self, identity: str, offset: tuple[int, int]) -> Grid:
        if identity not in self.grids:
            self.grids[identity] = message_grid(self.file.path, offset)
        return self.grids[identity]


def _sorted_by_kind(path: str, chosen: Mapping[str, str | int | float]) -> dict[_Kind, list[_Entry]]:
    """All messages that pass the filter, by kind, in the order of the file."""
    keys = [*KEYS, *(key for key in chosen if key not in KEYS)]
    stream = cfgrib.FileStream(path, errors="raise")
    index = cfgrib.FieldsetIndex.from_fieldset(stream, keys, cfgrib.COMPUTED_KEYS)
    passing = index.subindex(dict(chosen))
    kinds: dict[_Kind, list[_Entry]] = {}
    for values, offsets in passing.iter_index():
        header = dict(zip(keys, values, strict=True))
        kinds.setdefault(_kind(header), []).extend(_entry(header, offset) for offset in offsets)
    if not kinds:
        raise _nothing_passes(chosen, index.header_values)
    return kinds


def _kind(header: Mapping[str, str]) -> _Kind:
    name = next((header[key] for key in ("cfVarName", "shortName") if header[key] not in UNNAMED), "unknown")
    step_type, units = header["stepType"], header["units"]
    is_static = header["valid_time"] == "undef"
    return _Kind(name, header["typeOfLevel"], step_type, units, header["md5GridSection"], is_static)


def _entry(header: Mapping[str, int | float | str], offset: int | tuple[int, int]) -> _Entry:
    place = (int(offset[0]), int(offset[1])) if isinstance(offset, tuple) else (int(offset), 0)
    number, time, level = (
        0 if header[key] == "undef" else header[key] for key in ("number", "valid_time", "level:float")
    )
    return _Entry(place, float(level), int(number), int(time))


def _numbers(type_of_level: str, levels: Sequence[float]) -> list[float] | None:
    if len(levels) == 1 and not type_of_level.startswith(ALWAYS_NUMBERED):
        return None
    return pressure_in_hpa(levels, "Pa" if type_of_level == "isobaricInPa" else "")


def _values(entries: list[_Entry], of: Callable[[_Entry], float]) -> list[float]:
    return sorted({of(entry) for entry in entries})


def _time(entry: _Entry) -> float:
    return entry.time


def _level(entry: _Entry) -> float:
    return entry.level


def _member(entry: _Entry) -> float:
    return entry.member


def _twice(kind: _Kind, entry: _Entry, other: int) -> DataError:
    time = "" if kind.is_static else f" for {np.datetime64(entry.time, 's')}"
    where = f"in the messages at byte {other} and {entry.offset[0]}"
    return DataError(
        f"{kind.origin} at level {entry.level:g} is there twice{time}: {where}",
        fix="choose one with `grib_filter` (by dataDate, step or stepRange), or leave it out with `variables`",
    )


def _nothing_passes(chosen: Mapping[str, str | int | float], found: Mapping[str, list[object]]) -> DataError:
    there = "; ".join(f"{key} is one of {found[key][:20]}" for key in chosen)
    return DataError(f"no message has {dict(chosen)} (`grib_filter`)", fix=f"in this file {there}")
