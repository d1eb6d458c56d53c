"""How long a training lasts: a number of steps, a time by the clock, or whichever ends first."""

__all__ = ["Budget"]

import time


class Budget:
    """How much of the training is done."""

    def __init__(self, max_steps: int, max_seconds: float | None, spent: float = 0.0) -> None:
        """Start the clock; `spent` are the seconds that were used before the training was resumed."""
        self.max_steps = max_steps
        self.max_seconds = max_seconds
        self._start = time.monotonic() - spent

    @property
    def elapsed(self) -> float:
        """Seconds of training so far."""
        return time.monotonic() - self._start

    def fraction(self, steps: int) -> float:
        """The fraction of the budget that is used after so many steps, at most 1: of the steps or of the time."""
        done = steps / self.max_steps
        if self.max_seconds is not None:
            done = max(done, self.elapsed / self.max_seconds)
        return min(done, 1.0)

    def is_spent(self, steps: int) -> bool:
        """Whether training is over after so many steps; at least one is made."""
        return steps > 0 and self.fraction(steps) >= 1
