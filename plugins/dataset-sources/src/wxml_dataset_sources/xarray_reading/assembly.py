"""Joins the blocks of all files into one source, and checks that names, times, grids and members fit together."""

__all__ = ["Assembly", "Share", "assemble"]

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import SourceHeader, Variable
from wxml.data.times import format_time
from wxml.data.units import Line
from wxml.errors import DataError, nearest

from wxml_dataset_sources.xarray_reading.block import Block, FileContent, Selection
from wxml_dataset_sources.xarray_reading.common_units import in_common_units
from wxml_dataset_sources.xarray_reading.ensembles import by_number
from wxml_dataset_sources.xarray_reading.horizontal import node_order
from wxml_dataset_sources.xarray_reading.quantities import check_quantities, check_statements, described

logger = logging.getLogger("wxml")

Times = NDArray[np.datetime64]

HOW_TO_TELL_APART = (
    "choose with `path`, `variables` or `grib_filter` (for example {typeOfLevel: isobaricInhPa}), or give one of them "
    "another name: rename: {'file.nc:name': new_name}"
)

ROUNDING = 1e-6
"""By which values that were converted may differ, as a share of them."""


class Share(NamedTuple):
    """What one block holds of what is read."""

    number: int
    """The position of the block."""
    places: NDArray[np.intp]
    """The positions among the times that are read."""
    rows: NDArray[np.intp]
    """The positions of these times in the block."""
    columns: list[int]
    """The positions among the variables that are read."""
    levels: NDArray[np.intp]
    """The positions of these variables in the block."""


@dataclass(frozen=True, slots=True, eq=False)
class Whereabouts:
    """Where the times of some variables are."""

    owners: NDArray[np.int32]
    """The position of the block that holds each time of the header; -1 where none does."""
    rows: NDArray[np.int32]
    """The position of each time in this block."""


@dataclass(frozen=True, slots=True, eq=False)
class Assembly:
    """The blocks of all files, and the header that they make together."""

    header: SourceHeader
    blocks: tuple[Block, ...]
    whereabouts: Mapping[str, Whereabouts]
    """By the name of the variable; those that are in the same blocks share one."""

    def chunk_groups(self) -> NDArray[np.intp]:
        """See `DataSource.chunk_groups`; as the last file has each variable."""
        numbers: dict[tuple[int, int], int] = {}
        keys = [self._chunk(place, name) for place, name in enumerate(self.header.names)]
        return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.intp)

    def _chunk(self, place: int, name: str) -> tuple[int, int]:
        """The last block with a variable, and the number of its chunk along the levels; without a block, its place."""
        number = int(self.whereabouts[name].owners.max(initial=-1))
        if number < 0:
            return number, place
        block = self.blocks[number]
        level = next(level for level, one in zip(block.levels, block.variables, strict=True) if one.name == name)
        return number, int(level) // block.together[2]

    def shares(self, times: NDArray[np.intp], variables: Sequence[str]) -> Iterator[Share]:
        """What each block holds of some times, as positions in the header, and variables."""
        sharing: dict[int, list[int]] = {}
        for column, name in enumerate(variables):
            sharing.setdefault(id(self.whereabouts[name]), []).append(column)
        for columns in sharing.values():
            where = self.whereabouts[variables[columns[0]]]
            owners = where.owners[times]
            for number in np.unique(owners[owners >= 0]).tolist():
                places = np.flatnonzero(owners == number)
                levels = {variable.name: level for level, variable in enumerate(self.blocks[number].variables)}
                found = np.array([levels[variables[column]] for column in columns], np.intp)
                yield Share(number, places, where.rows[times[places]].astype(np.intp), columns, found)


def assemble(contents: Sequence[FileContent], selection: Selection) -> Assembly:
    """Check that the blocks fit together, and find the block and its row for every variable and time.

    Files of which no message passes `grib_filter` are warned of.

    Raises:
        DataError: the selection names something that is in no file, no message passes `grib_filter`, two blocks hold a
            variable at the same time, or the blocks differ in grid or members, or those of a variable in units that
            cannot be converted, units of the level, step type, period or what else the files state of it.
    """
    _check_filter(contents, selection)
    if selection.forecast and not any(content.has_forecast for content in contents):
        raise DataError(
            f"{selection.forecast.said} is wanted, and no file holds lead times",
            fix="leave `lead_time` and `initial_time` out",
        )
    _check_selection(contents, selection)
    chosen = [block.select(selection.keeps) for content in contents for block in content.blocks]
    blocks = in_common_units([block for block in chosen if block.variables])
    blocks = _on_one_grid(_without_repeats(blocks))
    check_quantities(blocks)
    _check_overlaps(blocks)
    check_statements(blocks)
    blocks = by_number(blocks)
    header = _common_header(blocks, selection)
    return Assembly(header, tuple(blocks), _whereabouts(blocks, header))


def _whereabouts(blocks: Sequence[Block], header: SourceHeader) -> dict[str, Whereabouts]:
    """The blocks and rows of each variable at each time of the header."""
    known: dict[tuple[int, ...], Whereabouts] = {}
    holders = _holders(blocks)
    for numbers in holders.values():
        if numbers not in known:
            known[numbers] = _where([(number, blocks[number].times) for number in numbers], header.times)
    return {name: known[numbers] for name, numbers in holders.items()}


def _where(pieces: Sequence[tuple[int, Times | None]], times: Times) -> Whereabouts:
    """Where each of `times` is in the blocks of one variable, each with its position and its own times."""
    owners, rows = np.full(len(times), -1, np.int32), np.zeros(len(times), np.int32)
    for number, own in pieces:
        where = slice(None) if own is None else np.searchsorted(times, own)
        owners[where], rows[where] = number, 0 if own is None else np.arange(len(own))
    return Whereabouts(owners, rows)


def _holders(blocks: Sequence[Block]) -> dict[str, tuple[int, ...]]:
    """The positions of the blocks that hold each variable."""
    holders: dict[str, list[int]] = {}
    for number, block in enumerate(blocks):
        for variable in block.variables:
            holders.setdefault(variable.name, []).append(number)
    return {name: tuple(numbers) for name, numbers in holders.items()}


def _check_filter(contents: Sequence[FileContent], selection: Selection) -> None:
    """Refuse a `grib_filter` that no message passes, and log a warning for the files of which none does."""
    messages = [content for content in contents if content.refused is not None]
    refused = [content for content in messages if content.refused]
    if not refused:
        return
    more = f" and {len(refused) - 1} more" if len(refused) > 1 else ""
    options = [f"{dict(selection.grib_filter)} (`grib_filter`)"] if selection.grib_filter else []
    options += [selection.forecast.said] if selection.forecast else []
    what = f"no message of `{refused[0].path}`{more} has {' and '.join(options)}"
    if len(refused) == len(messages):
        raise DataError(what, fix=f"in this file {refused[0].refused}")
    logger.warning("%s, and nothing of it is read", what)


def _check_selection(contents: Sequence[FileContent], selection: Selection) -> None:
    """Refuse a selection that names a file, variable or level that is not there, or that leaves nothing."""
    names = frozenset[str]().union(*(content.names for content in contents))
    files = {Path(content.path).name for content in contents}
    for key in selection.rename:
        file, mark, name = key.rpartition(":")
        if mark and file not in files and key not in names:
            raise DataError(f"`rename` names the file {file!r}, which is not read", fix=nearest(file, files))
        if name not in names and key not in names:
            raise DataError(f"`rename` names {name!r}, which is in no file", fix=nearest(name, names))
    variables = [variable for content in contents for block in content.blocks for variable in block.variables]
    there = {variable.level for variable in variables if variable.level is not None}
    for level in selection.levels or ():
        if not np.isclose(list(there), level, rtol=1e-5).any():
            listed = ", ".join(f"{number:g}" for number in sorted(there)) or "none"
            raise DataError(f"`levels` names {level:g}, which is in no file", fix=f"levels there: {listed}")
    _check_kept(contents, selection, variables, there)


def _check_kept(
    contents: Sequence[FileContent], selection: Selection, variables: Sequence[Variable], levels: set[float]
) -> None:
    """Refuse a name that no kept variable has, and a selection that keeps nothing; `levels` are those of the files."""
    kept = [variable for variable in variables if selection.keeps(variable)]
    kept_names = {name for variable in kept for name in (variable.name, variable.param)}
    known = {variable.name for variable in variables}.union(*(content.parameters for content in contents))
    for name in selection.variables or ():
        if name in kept_names:
            continue
        if any(name in (variable.name, variable.param) for variable in variables):
            raise DataError(
                f"`variables` names {name!r}, which is at none of `levels`",
                fix=f"leave {name!r} out, or add its level to `levels`",
            )
        for content in contents:
            if name in content.parameters and content.unplaced is not None:
                raise DataError(f"`{content.path}`: {content.unplaced.what}", fix=content.unplaced.fix)
        raise DataError(
            f"`variables` names {name!r}, but there is no such field on a grid", fix=nearest(name, known - {name})
        )
    if not kept:
        key, choices = ("variables", sorted(known)) if selection.variables is not None else ("levels", sorted(levels))
        raise DataError(
            f"`{key}` is empty, so nothing is left to read",
            fix=f"leave `{key}` out, or choose among {', '.join(map(str, choices))}",
        )


def _without_repeats(blocks: list[Block]) -> list[Block]:
    """Drop static fields that several files repeat, if they are equal."""
    kept: list[Block] = []
    first = {}
    for block in blocks:
        if block.times is not None:
            kept.append(block)
            continue
        key = tuple(variable.name for variable in block.variables)
        if key not in first:
            first[key] = block
            kept.append(block)
            continue
        once, levels = np.zeros(1, np.intp), np.arange(len(block.variables))
        values, others = (each.read(once, np.arange(each.members), levels) for each in (first[key], block))
        if values.shape != others.shape or not _are_equal(values, others, block.lines or ()):
            raise _clash(block.variables[0].name, first[key], block, "at all times, with different values")
    return kept


def _are_equal(values: NDArray[np.float32], others: NDArray[np.float32], lines: Sequence[Line]) -> bool:
    """Whether both are equal, missing ones too; up to rounding for others that `lines` brought to other units."""
    offset = max((abs(line.offset) for line in lines), default=0.0)
    return np.allclose(values, others, ROUNDING if lines else 0.0, ROUNDING * offset, equal_nan=True)


def _on_one_grid(blocks: list[Block]) -> list[Block]:
    """Give every block the grid and the node order of the first one."""
    first = blocks[0]
    placed = []
    for block in blocks:
        try:
            order = None if block.grid is first.grid else node_order(first.grid, block.grid)
        except DataError as error:
            raise DataError(f"{error.message}: {first.place} and {block.place}", fix=error.fix) from error
        placed.append(replace(block, grid=first.grid, order=order))
    return placed


def _check_overlaps(blocks: Sequence[Block]) -> None:
    """Refuse blocks of which two hold a variable at the same time."""
    one_each: dict[tuple[int, ...], str] = {}  # the levels of a parameter share their blocks
    for name, numbers in _holders(blocks).items():
        one_each.setdefault(numbers, name)
    for numbers, name in one_each.items():
        sharing = [blocks[number] for number in numbers]
        if len(sharing) > 1 and any(block.times is None for block in sharing):
            raise _clash(name, sharing[0], sharing[1], "at all times")
        dated = [block.times for block in sharing if block.times is not None]
        if not dated:
            continue
        times = np.concatenate(dated)
        owners = np.repeat(np.arange(len(dated)), [len(stamps) for stamps in dated])
        order = np.argsort(times, kind="stable")
        repeats = np.flatnonzero(times[order][1:] == times[order][:-1])
        if len(repeats):
            first, second = order[repeats[0]], order[repeats[0] + 1]
            if owners[first] == owners[second]:
                raise DataError(
                    f"variable {name!r} is there twice for {format_time(times[first])} in one file: as "
                    f"{sharing[owners[first]].place}",
                    fix="leave one of both out, for example with `dataset.drop_duplicates('time')` of xarray, and "
                    "write the file again",
                )
            raise _clash(name, sharing[owners[first]], sharing[owners[second]], f"for {format_time(times[first])}")


def _clash(name: str, first: Block, second: Block, when: str) -> DataError:
    return DataError(
        f"variable {name!r} is there twice {when}: as {first.place} and as {second.place}", fix=HOW_TO_TELL_APART
    )


def _common_header(blocks: Sequence[Block], selection: Selection) -> SourceHeader:
    """The grid, the variables in the order of the files, all times, and the number of members.

    Raises:
        DataError: no block has times, and the selection wants them.
    """
    dated = [block.times for block in blocks if block.times is not None]
    if dated and selection.time is not None and not selection.is_static:
        raise DataError(
            f"`time` is {format_time(selection.time)}, and the fields have times of their own", fix="leave `time` out"
        )
    if not dated and selection.time is not None:
        dated = [np.array([selection.time], "datetime64[s]")]
    if not dated:
        raise DataError(
            f"no time is in {blocks[0].place}, nor in any other field that is read",
            fix="add a file with times to `path`: a field without times is then taken to hold at all of them; or say "
            "which time it stands for: time: 2000-01-01",
        )
    times = np.unique(np.concatenate(dated))
    return SourceHeader(blocks[0].grid, tuple(described(blocks)), times, max(block.members for block in blocks))
