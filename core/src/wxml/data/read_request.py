"""What a read asks of a source: times, variables, members and nodes, as positions in its header."""

__all__ = ["Positions", "ReadRequest", "checked_positions", "picked", "run"]

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.errors import DataError

Indices = NDArray[np.intp]
Positions = slice | Indices
"""Positions along an axis: a slice `first:last` where they follow each other, else one by one, in any order."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadRequest:
    """What a read asks of a source; nothing of it is empty."""

    times: Indices
    """Positions in `header.times`, perhaps repeated, in any order."""
    variables: Indices
    """Positions in `header.variables`, likewise."""
    members: Positions
    nodes: Positions

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of what is read, `[time, member, variable, node]`."""
        return len(self.times), _length(self.members), len(self.variables), _length(self.nodes)

    def is_whole(self, members: int, nodes: int) -> bool:
        """Whether it asks for all members and nodes, in their order, of a source that has so many."""
        wanted = ((self.members, members), (self.nodes, nodes))
        return all(isinstance(own, slice) and (own.start, own.stop) == (0, count) for own, count in wanted)

    def blocks(self, fields: int) -> Iterator[tuple[slice, slice]]:
        """Places of times and variables, such that no block has more fields than so many."""
        variables = min(len(self.variables), max(fields, 1))
        times = max(fields // variables, 1)
        for time in range(0, len(self.times), times):
            for variable in range(0, len(self.variables), variables):
                yield slice(time, time + times), slice(variable, variable + variables)


def checked_positions(given: slice | ArrayLike | None, count: int, what: str) -> Positions:
    """The positions that a caller gives on an axis of length `count`; None is all of them.

    Raises:
        DataError: one of them is not on the axis, or they are no whole numbers.
    """
    if given is None:
        return slice(0, count)
    if isinstance(given, slice):
        wrong = [end for end in (given.start, given.stop) if end is not None and not -count <= end <= count]
        places = np.arange(*given.indices(count), dtype=np.intp)
    else:
        found = np.asarray(given).reshape(-1)
        if found.size and found.dtype.kind not in "iu":
            raise DataError(
                f"`{what}` must be positions, got values of type {found.dtype}",
                fix=f"give whole numbers from 0 to {count - 1}",
            )
        wrong = found[(found < 0) | (found >= count)].tolist()
        places = found.astype(np.intp)
    if wrong:
        raise DataError(
            f"`{what}` has the position {wrong[0]}, and the source has {count} {what}",
            fix=f"choose among 0 to {count - 1}",
        )
    return run(places)


def run(positions: Indices) -> Positions:
    """The positions as a slice where they follow each other: what is read there is a view, and copies nothing.

    >>> run(np.array([3, 4, 5])), run(np.array([5, 3]))
    (slice(3, 6, None), array([5, 3]))
    """
    count = len(positions)
    if not count:
        return slice(0, 0)
    first = int(positions[0])
    if count > 1 and (int(positions[-1]) - first + 1 != count or (positions[1:] - positions[:-1] != 1).any()):
        return positions
    return slice(first, first + count)


def picked(chosen: Positions, wanted: Positions) -> Positions:
    """Where the positions `wanted` among the positions `chosen` are.

    >>> picked(slice(10, 20), slice(2, 4)), picked(np.array([7, 5, 9]), slice(1, 3)), picked(slice(4, 9), np.array([2]))
    (slice(12, 14, None), array([5, 9]), array([6]))
    """
    if isinstance(chosen, np.ndarray):
        return run(chosen[wanted])
    if isinstance(wanted, slice):
        return slice(chosen.start + wanted.start, chosen.start + wanted.stop)
    shifted: Indices = wanted + chosen.start
    return shifted


def _length(positions: Positions) -> int:
    return positions.stop - positions.start if isinstance(positions, slice) else len(positions)
