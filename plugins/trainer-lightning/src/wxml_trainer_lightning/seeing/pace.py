"""How fast a training is, and how long it will take."""

__all__ = ["Pace", "shown"]

from wxml_trainer_lightning.schedule import Budget


class Pace:
    """Samples a second and the time that is left, from the second step on: the first one takes longer than others."""

    def __init__(self, budget: Budget, batch_size: int) -> None:
        """Wait for the first step; `batch_size` is the number of samples in each."""
        self._budget, self._batch_size = budget, batch_size
        self._first: tuple[int, float, float] | None = None
        self._latest: tuple[int, float, float] | None = None

    def made(self, step: int, at: float) -> None:
        """A step was made, `at` so many seconds of `time.monotonic`."""
        self._latest = step, at, self._budget.fraction(step)
        if self._first is None:
            self._first = self._latest

    @property
    def samples_per_second(self) -> float | None:
        """All that happens between two steps counts, validations too; None before the second step."""
        if self._first is None or self._latest is None or self._latest[0] == self._first[0]:
            return None
        return self._batch_size * (self._latest[0] - self._first[0]) / max(self._latest[1] - self._first[1], 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """Until the last step, if all steps take as long; None before the second step."""
        if self._first is None or self._latest is None or self._latest[2] <= self._first[2]:
            return None
        done = self._latest[2] - self._first[2]
        return (1 - self._latest[2]) * (self._latest[1] - self._first[1]) / done

    def __str__(self) -> str:
        """Both numbers, such as `35 samples/s, 12 min left`; empty before the second step."""
        rate, left = self.samples_per_second, self.seconds_left
        if rate is None or left is None:
            return ""
        return f"{rate:.3g} samples/s, {shown(left)} left"


def shown(seconds: float) -> str:
    """A time as people say it.

    >>> shown(42), shown(150), shown(5400), shown(200000)
    ('42 s', '2.5 min', '1.5 h', '2.3 days')
    """
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
