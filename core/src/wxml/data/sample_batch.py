"""SampleBatch: some samples, and what it cost to read them."""

__all__ = ["ReadingCost", "SampleBatch"]

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class ReadingCost:
    """The seconds that batches took, by what was done."""

    reading: float = 0.0
    """Reading from the source, decoding included."""
    transforming: float = 0.0
    """Transforms, computed forcings, and the search for missing values."""
    gathering: float = 0.0
    """Putting values where the samples have them, in the order of the model's tensors."""
    fetching: float = 0.0
    """The part of `reading` in which bytes were on their way, perhaps beside decoding; 0 where no source tells."""

    def add(self, other: "ReadingCost") -> None:
        """Add the seconds of other batches."""
        self.reading += other.reading
        self.transforming += other.transforming
        self.gathering += other.gathering
        self.fetching += other.fetching

    def of(self, what: Literal["reading", "transforming", "gathering"]) -> "_Clock":
        """A context that adds the seconds of the work inside."""
        return _Clock(self, what)


class _Clock:
    """Adds the seconds of some work; a batch enters so many that a generator would cost more than the work between."""

    __slots__ = ("_before", "_cost", "_what")

    def __init__(self, cost: ReadingCost, what: str) -> None:
        self._cost, self._what = cost, what

    def __enter__(self) -> None:
        self._before = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        setattr(self._cost, self._what, getattr(self._cost, self._what) + time.perf_counter() - self._before)


@dataclass(frozen=True, slots=True, eq=False)
class SampleBatch:
    """Some samples of one window."""

    values: NDArray[np.float32]
    """Model values, shape `[sample, time, variable, node]`; in memory the variables of a node lie together."""
    imputed: NDArray[np.bool_]
    """Where the model reads the value of the last input state at every step, since a transform filled it in or
    `data.variables.missing` says so, shape `[sample, prognostic, node]`; the truth is NaN there."""
    cost: ReadingCost
    steps: int = 0
    """The number of forecast steps; 0: all times behind the input times are those of one."""
