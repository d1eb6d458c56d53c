"""The budget of a training in steps and time, and the learning rate, which follows the used share of the budget."""

__all__ = ["Budget", "LearningRate"]

import math
import time
from dataclasses import dataclass


class Budget:
    """The budget of a training: it ends after `max_steps` steps or `max_seconds` seconds, whichever comes first."""

    def __init__(self, max_steps: int, max_seconds: float | None, spent: float = 0.0) -> None:
        """Start the clock; `spent` is the time in seconds that the training took before it was resumed."""
        self.max_steps = max_steps
        self.max_seconds = max_seconds
        self._start = time.monotonic() - spent

    @property
    def elapsed(self) -> float:
        """Seconds of training so far."""
        return time.monotonic() - self._start

    def fraction(self, steps: int) -> float:
        """The used share of the budget after `steps` steps, 0 to 1: the larger of the shares of steps and of time."""
        done = steps / self.max_steps
        if self.max_seconds is not None:
            done = max(done, self.elapsed / self.max_seconds)
        return min(done, 1.0)

    def is_spent(self, steps: int) -> bool:
        """Whether the training ends after `steps` steps; at least one step is made."""
        return steps > 0 and self.fraction(steps) >= 1


@dataclass(frozen=True, slots=True)
class LearningRate:
    """A linear rise, then half a cosine down (Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts)."""

    peak: float
    warmup: float
    """The fraction of the training in which the rate rises."""
    final_ratio: float
    """The last learning rate over the highest."""

    def at(self, fraction: float) -> float:
        """The learning rate of the step after which `fraction` of the training is done.

        With p = `fraction`, w = `warmup` and r = `final_ratio`:

            peak · p / w                                            for p < w
            peak · (r + (1 − r) · ½ (1 + cos π (p − w) / (1 − w)))  for p ≥ w
        """
        if fraction < self.warmup:
            return self.peak * fraction / self.warmup
        cosine = 0.5 * (1 + math.cos(math.pi * (fraction - self.warmup) / (1 - self.warmup)))
        return self.peak * (self.final_ratio + (1 - self.final_ratio) * cosine)
