"""The budget of a training in steps and time, and the learning rate, which follows the used share of the budget."""

__all__ = ["Budget", "LearningRate"]

import time
from dataclasses import dataclass

from wxml import Progress, Schedule


class Budget:
    """The budget of a training: it ends after `max_steps` steps or `max_seconds` seconds, whichever comes first."""

    def __init__(self, max_steps: int, max_seconds: float | None, spent: float = 0.0) -> None:
        """Start the clock; `spent` is the time in seconds that the training took before it was resumed."""
        self.max_steps = max_steps
        self.max_seconds = max_seconds
        self._start = time.monotonic() - spent
        self._agreed: dict[int, float] = {}
        self._spent = spent

    @property
    def elapsed(self) -> float:
        """Seconds of training so far."""
        return time.monotonic() - self._start

    def agree(self, step: int, seconds: float) -> None:
        """Take these seconds as those after `step`: several processes have agreed on them, so that all do the same."""
        self._agreed[step] = seconds

    def fraction(self, steps: int) -> float:
        """The used share of the budget after `steps` steps, 0 to 1: the larger of the shares of steps and of time."""
        seconds = self._agreed[max(self._agreed)] if self._agreed else self.elapsed
        return self._share(steps, seconds)

    def fraction_early(self, steps: int, ahead: int) -> float:
        """The share as all processes know it `ahead` steps before, when one may read the samples of the step."""
        seconds = self._agreed.get(steps - ahead, self._spent)
        return self._share(steps, seconds)

    def _share(self, steps: int, seconds: float) -> float:
        done = steps / self.max_steps
        if self.max_seconds is not None:
            done = max(done, seconds / self.max_seconds)
        return min(done, 1.0)

    def is_spent(self, steps: int) -> bool:
        """Whether the training ends after `steps` steps; at least one step is made."""
        return steps > 0 and self.fraction(steps) >= 1


@dataclass(frozen=True, slots=True)
class LearningRate:
    """The learning rate over the course of a training."""

    peak: float
    schedule: Schedule

    def at(self, progress: Progress) -> float:
        """The learning rate of a step."""
        return self.peak * self.schedule.factor(progress)
