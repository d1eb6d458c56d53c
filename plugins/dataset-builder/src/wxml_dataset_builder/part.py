"""A part of a dataset, for building on many machines."""

__all__ = ["Part", "parse_part"]

import re
from dataclasses import dataclass

from wxml.errors import DataError


@dataclass(frozen=True, slots=True)
class Part:
    """One of several parts of a dataset, counted from 1.

    >>> Part(2, 3).units(10), str(Part(2, 3))
    (range(3, 6), 'part-2-of-3')
    """

    number: int = 1
    count: int = 1

    def units(self, total: int) -> range:
        """The units of this part."""
        return range(total * (self.number - 1) // self.count, total * self.number // self.count)

    def __str__(self) -> str:
        return f"part-{self.number}-of-{self.count}"


def parse_part(text: str) -> Part:
    """Parse `3/16`.

    Raises:
        DataError: it is none.
    """
    match = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    number, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= count:
        raise DataError(f"`--part` must be I/N with I from 1 to N, got {text!r}", fix="write it like --part 3/16")
    return Part(number, count)
