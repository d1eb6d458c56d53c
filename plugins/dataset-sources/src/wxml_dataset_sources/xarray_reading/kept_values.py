"""Values that stay in memory after they were decoded: those that were asked for, and those in the same chunks."""

__all__ = ["KeptValues"]

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import Final

import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.block import Block
from wxml_dataset_sources.xarray_reading.opening import TOO_LARGE

Positions = NDArray[np.intp]
MAPPED: Final = 2**20
"""From so many bytes on, a block has memory of its own: a process may have some ten thousand such pieces."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """What is known of one block."""

    values: NDArray[np.float32]
    """`[time, member, level, node]`; what was not read yet has any value, and takes no memory."""
    is_known: NDArray[np.bool_]
    """`[time, member, level]`."""


class KeptValues:
    """Reads blocks, each value once; without values when it is pickled."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = tuple(blocks)
        self._kept: dict[int, _Kept] = {}

    def read(
        self, number: int, rows: Positions, members: Positions, levels: Positions
    ) -> tuple[NDArray[np.float32], bool]:
        """All values of a block, `[time, member, level, node]`, of which those that are asked for are known.

        Args:
            number: the position of the block.
            rows: positions of times in the block, in any order.
            members: positions of its members, likewise.
            levels: positions of its levels, likewise.

        Returns:
            The values; and whether this read made the block whole, so that nothing of it will be read again.

        Raises:
            DataError: the file is damaged, or the block needs more memory than there is.
        """
        block = self._blocks[number]
        kept = self._kept.get(number) or self._kept.setdefault(number, _unknown(block))
        lacking = ~kept.is_known[np.ix_(rows, members, levels)]
        if not lacking.any():
            return kept.values, False
        counts = kept.is_known.shape
        wanted = [
            _widened(asked[lacking.any(axis=others)], together, count)
            for asked, others, together, count in zip(
                (rows, members, levels), ((1, 2), (0, 2), (0, 1)), block.together, counts, strict=True
            )
        ]
        is_lacking = ~kept.is_known[np.ix_(*wanted)].all(axis=(1, 2))
        for run in _runs(wanted[0][is_lacking]):
            place = np.ix_(run, wanted[1], wanted[2])
            kept.values[place] = block.read(run, wanted[1], wanted[2])
            kept.is_known[place] = True
        return kept.values, bool(kept.is_known.all())

    def forget(self) -> None:
        """Know nothing again."""
        self._kept = {}

    def __getstate__(self) -> tuple[Block, ...]:
        return self._blocks

    def __setstate__(self, blocks: tuple[Block, ...]) -> None:
        self._blocks, self._kept = blocks, {}


def _unknown(block: Block) -> _Kept:
    times, levels = 1 if block.times is None else len(block.times), len(block.variables)
    try:
        values = _memory((times, block.members, levels, len(block.grid)))
    except (MemoryError, OSError, OverflowError) as error:
        place = f"{block.origin} of `{block.path}`"
        raise DataError(f"{place} needs more memory than there is: {error}", fix=TOO_LARGE) from error
    return _Kept(values, np.zeros((times, block.members, levels), np.bool_))


def _memory(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Memory with anything in it; if it is much, the system has it back as soon as nobody holds it, as of no heap."""
    size = math.prod(shape)
    if 4 * size < MAPPED:
        return np.empty(shape, np.float32)
    return np.frombuffer(mmap(-1, 4 * size), np.float32, size).reshape(shape)


def _widened(positions: Positions, together: int, count: int) -> Positions:
    """The positions and their neighbours in groups of `together`, rising and each once; all are below `count`.

    >>> _widened(np.array([7, 1, 2]), 4, 9).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7]
    """
    groups = np.unique(positions // together)
    every = (groups[:, None] * together + np.arange(together)).reshape(-1)
    return every[every < count]


def _runs(positions: Positions) -> Iterator[Positions]:
    """The parts of rising positions that follow each other."""
    yield from (part for part in np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1) if len(part))
