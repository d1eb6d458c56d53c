"""Variables that several files hold in other units: all blocks have them in the units of the first one."""

__all__ = ["in_common_units"]

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from wxml import Variable
from wxml.data.units import Line, conversion
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.block import Block

logger = logging.getLogger("wxml")
AS_IT_IS = Line(1.0, 0.0)


class _Found(NamedTuple):
    """A parameter in other units than before."""

    param: str
    units: str
    wanted: str


class _Where(NamedTuple):
    """A place of these units, the place of those that were before, and the number of files."""

    block: Block
    first: Block
    files: set[str]


def in_common_units(blocks: Sequence[Block]) -> list[Block]:
    """Give every variable the units that it has in the first block that holds it; the log says what is converted.

    Units in another spelling stay as they are.

    Raises:
        DataError: a variable is in units that cannot be converted to those of the first block; it names both.
    """
    holders: dict[str, tuple[Variable, Block]] = {}
    told: dict[_Found, _Where] = {}
    converted = []
    for block in blocks:
        pairs = [(each, *holders.setdefault(each.name, (each, block))) for each in block.variables]
        if all(found.units == wanted.units for found, wanted, _ in pairs):
            converted.append(block)
            continue
        lines = tuple(_line(found, block, wanted, first) for found, wanted, first in pairs)
        for found, wanted, first in _changed(pairs, lines):
            key = _Found(found.param, found.units, wanted.units)
            told.setdefault(key, _Where(block, first, set())).files.add(block.path)
        variables = tuple(replace(found, units=wanted.units) for found, wanted, _ in pairs)
        converted.append(replace(block, variables=variables, lines=lines))
    for key, where in told.items():
        _tell(key, where)
    return converted


def _changed(
    pairs: Sequence[tuple[Variable, Variable, Block]], lines: Sequence[Line]
) -> Iterator[tuple[Variable, Variable, Block]]:
    """The variables whose values change."""
    return (pair for pair, line in zip(pairs, lines, strict=True) if line != AS_IT_IS)


def _line(found: Variable, block: Block, wanted: Variable, first: Block) -> Line:
    """What makes values in the units of `wanted`, which the block `first` has."""
    line = AS_IT_IS if found.units == wanted.units else conversion(found.units, wanted.units)
    if line is None:
        raise DataError(
            f"variable {found.name!r} has units {wanted.units!r} as {first.place}, and {found.units!r} as "
            f"{block.place}, and neither can be converted to the other",
            fix="correct the attribute `units`, or give one of them another name, rename: {'file.nc:name': new_name}, "
            "and bring it to the units of the other with `rescale`",
        )
    return line


def _tell(key: _Found, where: _Where) -> None:
    more = len(where.files) - 1
    others = f" and {more} more file{'s' * (more > 1)}" if more else ""
    logger.info(
        "%r is in %r as %s%s; it is converted to %r, as in `%s`",
        key.param, key.units, where.block.place, others, key.wanted, where.first.path,
    )  # fmt: skip
