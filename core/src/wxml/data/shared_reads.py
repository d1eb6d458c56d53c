"""What some samples read together: each state, which is one member at one instant, once."""

__all__ = ["SharedReads"]

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class SharedReads:
    """The states of some samples, numbered read by read; in a read time by time, and member by member."""

    reads: tuple[tuple[NDArray[np.datetime64], NDArray[np.intp]], ...]
    """Times, which rise, and members: each read has every one of its members at every one of its times."""
    states: NDArray[np.intp]
    """The number of the state at each time of each sample, shape `[sample, time]`."""
    times: NDArray[np.datetime64]
    """The instant of each state."""

    @classmethod
    def of(cls, times: NDArray[np.datetime64], members: NDArray[np.intp]) -> Self:
        """Share the states of samples at `times`, shape `[sample, time]`, of `members`, shape `[sample]`.

        Instants of which the same members are needed are read together, so no state is read that is not needed, and
        none twice.
        """
        instants, row = np.unique(times, return_inverse=True)
        known, column = np.unique(members, return_inverse=True)
        row, column = row.reshape(times.shape), np.broadcast_to(column[:, None], times.shape)
        needed = np.zeros((len(instants), len(known)), bool)
        needed[row, column] = True
        patterns, kind = needed[:1], np.zeros(len(instants), np.intp)
        if not needed.all():
            patterns, kind = np.unique(needed, axis=0, return_inverse=True)
        number = np.full(needed.shape, -1, np.intp)
        reads, order, done = [], [], 0
        for i, pattern in enumerate(patterns):
            rows, columns = np.flatnonzero(kind.reshape(-1) == i), np.flatnonzero(pattern)
            count = len(rows) * len(columns)
            number[np.ix_(rows, columns)] = np.arange(done, done + count).reshape(len(rows), len(columns))
            reads.append((instants[rows], known[columns]))
            order.append(instants[rows].repeat(len(columns)))
            done += count
        return cls(tuple(reads), number[row, column], np.concatenate(order))

    @property
    def count(self) -> int:
        """The number of states."""
        return len(self.times)

    def users(self) -> list[NDArray[np.intp]]:
        """For each state, the places among all times of all samples that have it."""
        order = np.argsort(self.states, axis=None, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.states.reshape(-1), minlength=self.count))[:-1])

    def is_at(self) -> NDArray[np.bool_]:
        """Whether each state is at each time of any sample, shape `[state, time]`."""
        found = np.zeros((self.count, self.states.shape[1]), bool)
        found[self.states, np.arange(self.states.shape[1])] = True
        return found
