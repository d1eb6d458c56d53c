"""The contract of schedules, as tests."""

__all__ = ["ScheduleContract"]

import math
from collections.abc import Iterator
from typing import Any, ClassVar

from wxml.testing.contract import Contract, require
from wxml.training.schedule import Progress, Schedule

LOSSES = (1.0, 0.5, 0.6, 0.55, 0.7, 0.52, 0.51, 0.5, 0.5, 0.5, 0.5, math.nan, 0.6)
"""Validation losses that fall, and then no longer do."""


class ScheduleContract(Contract):
    """Checks of a Schedule, over trainings of one, ten and two thousand steps."""

    interface: ClassVar[type[Any]] = Schedule

    def sample(self) -> Any:
        """Make a schedule; core passes it nothing but the options."""
        return self.make()

    def rehearse(self) -> None:
        """Ask for the factor of one step."""
        self.sample().factor(Progress(1, 10, 0.1))

    def test_factors_are_shares(self) -> None:
        """Every factor is a number from 0 to 1, and at least one of a training of several steps is above 0."""
        schedule = self.sample()
        for course in self._courses():
            factors = [schedule.factor(progress) for progress in course]
            wrong = [factor for factor in factors if not 0 <= factor <= 1]
            require(not wrong, f"a factor must be from 0 to 1, got {wrong[0] if wrong else ''}")
            require(
                len(factors) == 1 or max(factors) > 0, f"in a training of {len(factors)} steps every learning rate is 0"
            )

    def test_the_progress_decides(self) -> None:
        """A schedule asked again, in another order, and another one with the same options give the same factors."""
        kept = self.sample()
        for course in self._courses():
            first = [kept.factor(progress) for progress in course]
            again = [kept.factor(progress) for progress in reversed(course)][::-1]
            other = [self.sample().factor(progress) for progress in course]
            require(first == again, "the factor depends on what was asked before; it must follow from the progress")
            require(first == other, "two schedules with the same options give other factors")

    def test_losses_matter_only_where_it_says_so(self) -> None:
        """Without `uses_losses` the factor does not depend on the validation losses."""
        schedule = self.sample()
        for course in self._courses():
            with_losses = [schedule.factor(progress) for progress in course]
            without = [schedule.factor(Progress(one.step, one.steps, one.fraction)) for one in course]
            require(
                schedule.uses_losses or with_losses == without,
                "the factor depends on the validation losses: set `uses_losses`, else the trainer gives none",
            )

    def _courses(self) -> Iterator[list[Progress]]:
        """Every step of trainings that end by their steps, and of one that ends by the clock."""
        for steps in (1, 10, 2000):
            yield [
                Progress(step, steps, step / steps, LOSSES[: step * len(LOSSES) // steps])
                for step in range(1, steps + 1)
            ]
        yield [Progress(step, 10**6, step / 100, LOSSES[: step // 8]) for step in range(1, 101)]
