"""How long a training waits for its samples, so that a slow source does not look like a slow model."""

__all__ = ["TimedBatches"]

import time
from collections.abc import Iterator

from wxml.data.sample_batch import ReadingCost

from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.loading import Batches


class TimedBatches:
    """Batches, the time that the training waits for them, and the time that they took to read.

    Batches are read while the model computes, and only the rest of their reading is waited for.

    Attributes:
        waited: the seconds that were waited for batches so far.
        cost: the seconds that they took, whoever read them.
        count: how many batches there were.
    """

    def __init__(self, batches: Batches) -> None:
        self.waited, self.count = 0.0, 0
        self.cost = ReadingCost()
        self._batches = batches
        self._began = time.monotonic()

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        self._began = before = time.monotonic()
        for batch in self._batches:
            self.waited += time.monotonic() - before
            self.cost.add(batch.cost)
            self.count += 1
            yield batch
            before = time.monotonic()

    def __str__(self) -> str:
        """The mean time of a step, and how much of it the training waits; all that happens between two steps counts."""
        steps = max(1, self.count)
        return f"reading takes {_shown(self.waited / steps)} of {_shown(self._total / steps)} a step"

    @property
    def summary(self) -> str:
        """What share of the time the training waited, and what a batch took, part by part."""
        parts = (self.cost.reading, self.cost.transforming, self.cost.gathering)
        read, transform, gather, fetch = (_shown(part / max(1, self.count)) for part in (*parts, self.cost.fetching))
        fetched = f" ({fetch} of it with bytes on their way)" if self.cost.fetching else ""
        return (
            f"the training waited {self.waited / max(self._total, 1e-9):.0%} of its time for data; a batch took {read} "
            f"to read and decode{fetched}, {transform} to transform, {gather} to gather"
        )

    @property
    def _total(self) -> float:
        return time.monotonic() - self._began


def _shown(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
