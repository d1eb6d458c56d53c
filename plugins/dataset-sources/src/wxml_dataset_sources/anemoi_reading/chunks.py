"""Which chunks of an array hold what is asked for, and where in them it is."""

__all__ = ["Chunk", "bounds", "chunks_of", "is_all", "taken"]

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml.data.read_request import Positions, run


class Chunk(NamedTuple):
    """A chunk, and what of it is asked for; each field has an entry for each axis of the array."""

    numbers: tuple[int, ...]
    """Its number on each axis."""
    places: tuple[Positions, ...]
    """Where in what is asked for its values stand."""
    own: tuple[Positions, ...]
    """Where in the chunk they stand."""


def chunks_of(wanted: Sequence[Positions], sizes: Sequence[int]) -> list[Chunk]:
    """The chunks that hold the positions `wanted` on each axis of an array, whose chunks have the lengths `sizes`.

    >>> [chunk.own for chunk in chunks_of([slice(1, 3)], [2])]
    [(slice(1, 2, None),), (slice(0, 1, None),)]
    """
    return [Chunk(*zip(*parts, strict=True)) for parts in itertools.product(*map(_along, wanted, sizes))]


def _along(wanted: Positions, size: int) -> list[tuple[int, Positions, Positions]]:
    """For each chunk along an axis its number, and where in `wanted` and in the chunk its values stand."""
    if isinstance(wanted, slice):
        if wanted.stop <= size:
            return [(0, slice(0, wanted.stop - wanted.start), wanted)]
        return [_cut(wanted, number, size) for number in range(wanted.start // size, -(-wanted.stop // size))]
    numbers = wanted // size
    places = [(number, np.flatnonzero(numbers == number)) for number in np.unique(numbers).tolist()]
    return [(number, run(some), run(wanted[some] - number * size)) for number, some in places]


def _cut(wanted: slice, number: int, size: int) -> tuple[int, slice, slice]:
    """What of a slice lies in a chunk."""
    first, last = max(wanted.start, number * size), min(wanted.stop, (number + 1) * size)
    begin = number * size
    return number, slice(first - wanted.start, last - wanted.start), slice(first - begin, last - begin)


def is_all(own: Positions, size: int) -> bool:
    """Whether these positions are all of an axis of this length, in order."""
    return isinstance(own, slice) and own.start == 0 and own.stop == size


def taken(values: NDArray[Any], own: Sequence[Positions]) -> NDArray[Any]:
    """The values at some positions along each axis; a view if all of these are slices."""
    for axis, positions in enumerate(own):
        values = values[(slice(None),) * axis + (positions,)]
    return values


def bounds(own: Sequence[Positions], sizes: Sequence[int]) -> tuple[int, int]:
    """The numbers of the first of the values at some positions, and of the one behind the last, in C order.

    >>> bounds([slice(0, 1), np.array([3, 1])], [2, 5])
    (1, 4)
    """
    first = last = 0
    for positions, size in zip(own, sizes, strict=True):
        if isinstance(positions, slice):
            low, high = positions.start, positions.stop - 1
        else:
            low, high = int(positions.min()), int(positions.max())
        first, last = first * size + low, last * size + high
    return first, last + 1
