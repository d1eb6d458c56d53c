"""How long a training waits for its samples, so that a slow source does not look like a slow model."""

__all__ = ["TimedBatches"]

import time
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader


class TimedBatches:
    """Batches of a data loader, and the time that their reader waits for them.

    With `workers`, samples are read while the model computes, and only the rest of their reading is waited for.

    Attributes:
        reading: the seconds that were waited for batches so far.
        count: how many batches there were.
    """

    def __init__(self, batches: DataLoader[Any]) -> None:
        self.reading, self.count = 0.0, 0
        self._batches = batches
        self._began = time.monotonic()

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        self._began = before = time.monotonic()
        for batch in self._batches:
            self.reading += time.monotonic() - before
            self.count += 1
            yield batch
            before = time.monotonic()

    def __str__(self) -> str:
        """The mean time of a step, and how much of it the training waits; all that happens between two steps counts."""
        total = time.monotonic() - self._began
        steps = max(1, self.count)
        return f"reading takes {_shown(self.reading / steps)} of {_shown(total / steps)} a step"


def _shown(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
