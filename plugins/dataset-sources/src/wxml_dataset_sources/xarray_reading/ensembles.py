"""Members of the blocks, which belong together by their numbers and never by their positions."""

__all__ = ["by_number"]

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.block import Block

LISTED = 12  # so many numbers are shown


def by_number(blocks: Sequence[Block]) -> list[Block]:
    """Give every block the order of members of the largest one.

    A field without times that has one member holds for all members, as does a field without members.

    Raises:
        DataError: a block holds a member twice, blocks have different members, or a variable has members in one place
            and none in another.
    """
    _check_variables(blocks)
    numbered = [block for block in blocks if block.member_numbers is not None]
    if not numbered:
        return list(blocks)
    largest = max(numbered, key=lambda block: block.members)
    return [_ordered(block, largest) for block in blocks]


def _ordered(block: Block, largest: Block) -> Block:
    """The block with its members in the order of `largest`."""
    numbers, wanted = block.member_numbers, largest.member_numbers
    if numbers is None or wanted is None or numbers == wanted or (block.times is None and len(numbers) == 1):
        return block
    if sorted(numbers) != sorted(wanted):
        raise DataError(
            f"members differ: {_described(wanted)} of {largest.place} and {_described(numbers)} of {block.place}",
            fix="read them apart with `path` or `variables`",
        )
    return replace(block, member_order=np.array([numbers.index(number) for number in wanted]))


def _check_variables(blocks: Sequence[Block]) -> None:
    """Refuse repeated numbers in a block, and a variable that has members in one place and none in another."""
    first: dict[str, Block] = {}
    for block in blocks:
        numbers = block.member_numbers or ()
        if len(set(numbers)) < len(numbers):
            raise DataError(
                f"a member is there twice: {_described(numbers)} of {block.place}", fix="number each member once"
            )
        for variable in block.variables:
            other = first.setdefault(variable.name, block)
            if (other.member_numbers is None) != (block.member_numbers is None):
                raise DataError(
                    f"variable {variable.name!r} has members in one place and none in another: {other.place} and "
                    f"{block.place}",
                    fix="read them apart with `path` or `grib_filter`, or give one of them another name: "
                    "rename: {'file.nc:name': new_name}",
                )


def _described(numbers: Sequence[str]) -> str:
    """How many members, and their numbers, as in `3 (0, 1, 2)`."""
    more = ", …" if len(numbers) > LISTED else ""
    return f"{len(numbers)} ({', '.join(numbers[:LISTED])}{more})"
