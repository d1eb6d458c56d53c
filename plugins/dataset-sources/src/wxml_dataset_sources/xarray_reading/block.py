"""A block: one parameter in one file."""

__all__ = ["Block", "FileContent", "Reader"]

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, Variable


class Reader(Protocol):
    """Reads the values of one parameter from one file; small, and safe to pickle."""

    def read(self, times: NDArray[np.intp], levels: NDArray[np.intp]) -> NDArray[np.float32]:
        """Values at some times and levels of the file, shape `[time, member, level, node]`, NaN where missing.

        Args:
            times: positions on the file's time axis, rising and each once; `[0]` for a parameter without times.
            levels: positions on the file's level axis, likewise; `[0]` for a parameter without levels.

        Raises:
            DataError: the file is damaged.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One parameter in one file, at all its levels and times."""

    path: str
    origin: str
    """What the file calls it."""
    variables: tuple[Variable, ...]
    """One per level."""
    levels: NDArray[np.intp]
    """Where these levels are in the file, shape `[level]`."""
    times: NDArray[np.datetime64] | None
    """The instants, `datetime64[s]`, in the order of the file; None for a field that does not change."""
    members: int
    grid: Grid
    reader: Reader
    order: NDArray[np.intp] | None = None
    """The file's position of each node of the source, where the two orders differ."""

    @property
    def place(self) -> str:
        """Where it comes from, for messages."""
        return f"{self.origin} in `{self.path}`"

    @property
    def size(self) -> int:
        """The bytes of all its values as float32."""
        times = 1 if self.times is None else len(self.times)
        return 4 * times * self.members * len(self.variables) * len(self.grid)

    def select(self, keep: Callable[[Variable], bool]) -> "Block":
        """The block with some of its levels."""
        kept = [position for position, variable in enumerate(self.variables) if keep(variable)]
        return replace(self, variables=tuple(self.variables[i] for i in kept), levels=self.levels[kept])

    def read(self, times: NDArray[np.intp], levels: NDArray[np.intp]) -> NDArray[np.float32]:
        """Values at some of its times and levels, in the source's order of nodes: `[time, member, level, node]`.

        Args:
            times: positions in `times`, rising and each once; `[0]` where that is None.
            levels: positions in `variables`, likewise.
        """
        values = self.reader.read(times, self.levels[levels])
        return values if self.order is None else values[..., self.order]


@dataclass(frozen=True, slots=True, eq=False)
class FileContent:
    """What was found in one file."""

    path: str
    blocks: tuple[Block, ...]
    names: frozenset[str]
    """Every name in the file that `rename` can change."""
    parameters: frozenset[str]
    """Our names of what may be a field, also of those that no block was made of."""
