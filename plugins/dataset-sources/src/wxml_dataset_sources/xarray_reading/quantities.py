"""Checks that the blocks of a variable hold one quantity: the same units of the level, step type and period."""

__all__ = ["check_quantities", "check_statements", "described"]

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from wxml import Variable
from wxml.data.times import format_duration
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.block import HEIGHT, STANDARD_NAME, Block, Stamp

HOW_TO_CHOOSE = (
    "choose one with `path` or `grib_filter` (by stepType or stepRange; in GRIB 2 also by lengthOfTimeRange, or "
    "{derivedForecast: undef} for all but ensemble means and spreads), or leave the variable out with `variables`"
)
STAMPS: Final[dict[Stamp, str]] = {"end": "", "middle": " around the time", "start": " after the time", "unstated": ""}
"""How the place of a time in its period is said in `Variable.period`."""


def check_quantities(blocks: Sequence[Block]) -> None:
    """Check that every variable is one quantity in all blocks that hold it.

    Periods belong together if they have one length, or one start (an accumulation from the start of a forecast on).

    Raises:
        DataError: the blocks of a variable differ in the units of their levels, in step type, in the place of the
            times in their periods, or in the length of their periods.
    """
    for name, pieces in _holders(blocks).items():
        _check_levels(pieces)
        sharing = [block for _, block in pieces]
        _check_step_types(name, sharing)
        _check_stamps(name, sharing)
        _check_periods(name, sharing)


def check_statements(blocks: Sequence[Block]) -> None:
    """Check that the blocks of every variable state the same of it, such as its standard name or height.

    Raises:
        DataError: two blocks state something else; the error names both.
    """
    for name, pieces in _holders(blocks).items():
        first: dict[str, Block] = {}
        for _, block in pieces:
            for key in block.stated:
                _check_statement(name, key, first.setdefault(key, block), block)


def _check_statement(name: str, key: str, first: Block, block: Block) -> None:
    own, other = first.stated[key], block.stated[key]
    if own != other:
        raise DataError(
            f"variable {name!r} has {key} {own!r} as {first.place}, and {other!r} as {block.place}",
            fix="choose one with `path` or `grib_filter` (for example by typeOfLevel), or give one of them another "
            "name: rename: {'file.nc:name': new_name}",
        )


def described(blocks: Sequence[Block]) -> list[Variable]:
    """Every variable once, in the order of the blocks, which `check_quantities` accepts.

    Each has what any of its blocks states of the units of its level, the step type and the period. Periods of several
    lengths, which have one start, are no period.
    """
    return [_described(pieces) for pieces in _holders(blocks).values()]


def _described(pieces: Sequence[tuple[Variable, Block]]) -> Variable:
    lengths = frozenset[int]().union(*(block.period.lengths for _, block in pieces))
    return replace(
        pieces[0][0],
        step_type=next((block.period.step_type for _, block in pieces if block.period.step_type), ""),
        period=_listed(lengths) + STAMPS[_stamped(block for _, block in pieces)[0].period.stamp]
        if len(lengths) == 1
        else "",
        level_units=next((variable.level_units for variable, _ in pieces if variable.level_units), ""),
        standard_name=next((block.stated[STANDARD_NAME] for _, block in pieces if STANDARD_NAME in block.stated), ""),
        height=next((block.stated[HEIGHT] for _, block in pieces if HEIGHT in block.stated), ""),
    )


def _holders(blocks: Sequence[Block]) -> dict[str, list[tuple[Variable, Block]]]:
    """The blocks that hold each variable, with its description in each of them."""
    holders: dict[str, list[tuple[Variable, Block]]] = {}
    for block in blocks:
        for variable in block.variables:
            holders.setdefault(variable.name, []).append((variable, block))
    return holders


def _check_levels(pieces: Sequence[tuple[Variable, Block]]) -> None:
    stated = [(variable, block) for variable, block in pieces if variable.level_units]
    for variable, block in stated[1:]:
        first, place = stated[0]
        if not variable.has_level_units_of(first):
            raise DataError(
                f"variable {first.name!r} is at a level in {first.level_units!r} as {place.place}, and in "
                f"{variable.level_units!r} as {block.place}",
                fix="choose one with `path`, `levels` or `grib_filter` (by typeOfLevel), or give one of them another "
                "name: rename: {'file.nc:name': new_name}",
            )


def _check_step_types(name: str, blocks: Sequence[Block]) -> None:
    stated = [block for block in blocks if block.period.step_type]
    for block in stated[1:]:
        if block.period.step_type != stated[0].period.step_type:
            raise DataError(
                f"variable {name!r} has step type {stated[0].period.step_type!r} as {stated[0].place}, and "
                f"{block.period.step_type!r} as {block.place}",
                fix=HOW_TO_CHOOSE,
            )


def _stamped(blocks: Iterable[Block]) -> list[Block]:
    """The blocks that say how long their periods are."""
    return [block for block in blocks if block.period.lengths]


def _check_stamps(name: str, blocks: Sequence[Block]) -> None:
    known = _stamped(blocks)
    for block in known[1:]:
        if block.period.stamp != known[0].period.stamp:
            first, second = (f"the {one.period.stamp} of its periods as {one.place}" for one in (known[0], block))
            raise DataError(
                f"variable {name!r} has its times at {first}, and at {second}",
                fix="write the ends of the periods as the times of all files",
            )


def _check_periods(name: str, blocks: Sequence[Block]) -> None:
    lengths = frozenset[int]().union(*(block.period.lengths for block in blocks))
    starts = frozenset[int]().union(*(block.period.starts for block in blocks))
    if len(lengths) > 1 and len(starts) > 1:
        places = list(dict.fromkeys(block.place for block in blocks))
        raise DataError(
            f"variable {name!r} holds values over periods of {_listed(lengths)}: {' and '.join(places[:2])}",
            fix=HOW_TO_CHOOSE,
        )


def _listed(lengths: Iterable[int]) -> str:
    """The lengths, shortest first, as in `3h and 6h`."""
    return " and ".join(format_duration(np.timedelta64(length, "s")) for length in sorted(lengths))
