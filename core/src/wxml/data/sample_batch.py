"""SampleBatch: some samples, and what it cost to read them."""

__all__ = ["ReadingCost", "SampleBatch"]

import time
from collections.abc import Iterator
from contextlib import contextmanager
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

    def add(self, other: "ReadingCost") -> None:
        """Add the seconds of other batches."""
        self.reading += other.reading
        self.transforming += other.transforming
        self.gathering += other.gathering

    @contextmanager
    def of(self, what: Literal["reading", "transforming", "gathering"]) -> Iterator[None]:
        """Add the seconds of the work inside."""
        before = time.perf_counter()
        yield
        setattr(self, what, getattr(self, what) + time.perf_counter() - before)


@dataclass(frozen=True, slots=True, eq=False)
class SampleBatch:
    """Some samples of one window."""

    values: NDArray[np.float32]
    """Model values, shape `[sample, time, variable, node]`; in memory the variables of a node lie together."""
    imputed: NDArray[np.bool_]
    """Whether a transform filled in each value of the last input state, shape `[sample, prognostic, node]`."""
    cost: ReadingCost
