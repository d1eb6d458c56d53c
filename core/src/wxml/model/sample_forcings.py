"""The forcings of a sample by the positions of their times: those of a tensor, or read when a call needs them."""

__all__ = ["SampleForcings", "kept", "taken"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from wxml.data.read_request import Positions

ReadForcings = Callable[[Positions], Tensor]


@dataclass(frozen=True, slots=True)
class SampleForcings:
    """Forcings of a batch of samples, of which only those that a call reads need be in memory."""

    times: int
    """The number of times of a sample."""
    at: ReadForcings
    """Return those at some positions among the times, shape `[batch, position, grid_node, forcing]`."""

    @classmethod
    def of(cls, forcings: "Tensor | SampleForcings") -> "SampleForcings":
        """Those of a tensor, shape `[batch, time, grid_node, forcing]`; others as they are."""
        if isinstance(forcings, SampleForcings):
            return forcings
        return cls(forcings.shape[1], lambda positions: taken(forcings, positions))

    def until(self, times: int) -> Self:
        """Those at the first `times` alone."""
        return replace(self, times=min(times, self.times))

    def after(self, first: int) -> Self:
        """Those behind the first ones, numbered from 0 on."""

        def at(positions: Positions) -> Tensor:
            if isinstance(positions, slice):
                return self.at(slice(positions.start + first, positions.stop + first))
            return self.at(positions + first)

        return replace(self, times=self.times - first, at=at)


def taken(values: Tensor, positions: Positions, first: int = 0) -> Tensor:
    """Some of the times of `values`, shape `[batch, time, ...]`, the first of which has number `first`."""
    if isinstance(positions, slice):
        return values[:, positions.start - first : positions.stop - first]
    return values[:, torch.from_numpy(positions - first).to(values.device)]


def kept(read: Callable[[Sequence[int]], Tensor]) -> ReadForcings:
    """Read each position once while calls that follow each other need it; what the last call did not need is let go.

    Args:
        read: returns forcings at some positions, shape `[batch, position, grid_node, forcing]`.
    """
    memory: dict[int, Tensor] = {}

    def at(positions: Positions) -> Tensor:
        wanted = range(positions.start, positions.stop) if isinstance(positions, slice) else positions.tolist()
        new = [position for position in wanted if position not in memory]
        if new:
            memory.update(zip(new, read(new).unbind(1), strict=True))
        for position in memory.keys() - set(wanted):
            del memory[position]
        return torch.stack([memory[position] for position in wanted], dim=1)

    return at
