"""How far the values of two sources differ, in bounded memory."""

__all__ = ["ValueDifference", "compare_values"]

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource
from wxml.terminal import progress

from wxml_dataset_builder.stored import BLOCK_BYTES

Array = NDArray[np.float64]


@dataclass(slots=True)
class ValueDifference:
    """How far the values of one variable differ, at the dates and members of both."""

    variable: str
    compared: int = 0
    """The values that neither side lacks."""
    differing: int = 0
    """The values beyond the tolerance, and those that one side alone lacks."""
    one_missing: int = 0
    """The values that one side alone lacks."""
    largest: float = 0.0
    """The largest difference of all values, within the tolerance too."""
    squares: float = 0.0
    first: np.datetime64 | None = None
    """The first date with a value beyond the tolerance."""

    @property
    def root_mean_square(self) -> float:
        """The root mean square of the differences of all values."""
        return float(np.sqrt(self.squares / self.compared)) if self.compared else 0.0

    def add(self, date: np.datetime64, a: Array, b: Array, relative: float, absolute: float) -> None:
        """Count the values of one date."""
        lacks = np.isnan(a), np.isnan(b)
        one, both = int((lacks[0] ^ lacks[1]).sum()), ~(lacks[0] | lacks[1])
        with np.errstate(invalid="ignore"):
            apart = np.where(a[both] == b[both], 0.0, np.abs(a[both] - b[both]))
        beyond = int(np.count_nonzero(~(apart <= absolute + relative * np.abs(a[both]))))
        self.compared += int(both.sum())
        self.one_missing += one
        self.differing += one + beyond
        self.largest = max(self.largest, float(apart.max(initial=0.0)))
        self.squares += float(np.sum(apart**2))
        if one + beyond and self.first is None:
            self.first = date

    def to_json(self) -> dict[str, Any]:
        """The numbers as JSON values."""
        return {
            "variable": self.variable,
            "compared": self.compared,
            "differing": self.differing,
            "one_missing": self.one_missing,
            "largest": self.largest,
            "root_mean_square": self.root_mean_square,
            "first": None if self.first is None else str(self.first),
        }


def compare_values(a: DataSource, b: DataSource, *, relative: float, absolute: float) -> list[ValueDifference]:
    """Compare all values at the dates, members and variables that both have; both have the same nodes.

    A value differs if |A − B| > absolute + relative · |A|, or if one side alone lacks it.
    """
    names = [name for name in a.header.names if name in b.header.names]
    times = a.header.times[np.isin(a.header.times, b.header.times)]
    members = min(a.header.members, b.header.members)
    found = [ValueDifference(name) for name in names]
    blocks = list(_blocks(times, names, a))
    for dates, places in progress(blocks, len(blocks), "values"):
        wanted = [names[place] for place in places]
        left, right = (source.read(dates, wanted)[:, :members] for source in (a, b))
        for date, mine, others in zip(dates, left, right, strict=True):
            for number, place in enumerate(places):
                left_values, right_values = (side[:, number].astype(np.float64) for side in (mine, others))
                found[place].add(date, left_values, right_values, relative, absolute)
    return found


def _blocks(
    times: NDArray[np.datetime64], names: list[str], source: DataSource
) -> Iterator[tuple[NDArray[np.datetime64], range]]:
    """Dates and variables that are read at once: all variables of some dates, or some variables of one."""
    each = 4 * source.header.members * len(source.header.grid)
    columns = max(1, min(len(names), BLOCK_BYTES // each))
    rows = max(1, BLOCK_BYTES // (each * columns))
    for start in range(0, len(times), rows):
        for first in range(0, len(names), columns):
            yield times[start : start + rows], range(first, min(first + columns, len(names)))
