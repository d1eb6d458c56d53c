"""Which chunks of an array hold what is asked for, and where in them it is."""

__all__ = ["Chunk", "chunks_of", "is_all", "taken"]

import itertools
from collections.abc import Iterator, Sequence
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

    def is_whole(self, sizes: Sequence[int]) -> bool:
        """Whether all of a chunk of these lengths is asked for, in its order."""
        return all(is_all(*pair) for pair in zip(self.own, sizes, strict=True))


def chunks_of(wanted: Sequence[Positions], sizes: Sequence[int]) -> Iterator[Chunk]:
    """The chunks that hold the positions `wanted` on each axis of an array, whose chunks have the lengths `sizes`.

    >>> [chunk.own for chunk in chunks_of([slice(1, 3)], [2])]
    [(slice(1, 2, None),), (slice(0, 1, None),)]
    """
    for parts in itertools.product(*(list(_along(*pair)) for pair in zip(wanted, sizes, strict=True))):
        numbers, places, own = zip(*parts, strict=True)
        yield Chunk(numbers, places, own)


def _along(wanted: Positions, size: int) -> Iterator[tuple[int, Positions, Positions]]:
    """For each chunk along an axis its number, and where in `wanted` and in the chunk its values stand."""
    if isinstance(wanted, slice):
        if wanted.stop <= size:
            yield 0, slice(0, wanted.stop - wanted.start), wanted
            return
        for number in range(wanted.start // size, -(-wanted.stop // size)):
            first, last = max(wanted.start, number * size), min(wanted.stop, (number + 1) * size)
            yield (
                number,
                slice(first - wanted.start, last - wanted.start),
                slice(first - number * size, last - number * size),
            )
        return
    numbers = wanted // size
    for number in np.unique(numbers).tolist():
        places = np.flatnonzero(numbers == number)
        yield number, run(places), run(wanted[places] - number * size)


def is_all(own: Positions, size: int) -> bool:
    """Whether these positions are all of an axis of this length, in order."""
    return isinstance(own, slice) and own.start == 0 and own.stop == size


def taken(values: NDArray[Any], own: Sequence[Positions]) -> NDArray[Any]:
    """The values at some positions along each axis; a view if all of these are slices."""
    for axis, positions in enumerate(own):
        values = values[(slice(None),) * axis + (positions,)]
    return values
