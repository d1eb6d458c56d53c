"""The contract of schedules: good ones pass, each broken one fails the check of its fault and no other."""

import itertools
import math

import pytest
from wxml import Schedule
from wxml.testing import ScheduleContract


class Falling(Schedule):
    def factor(self, progress):
        return 1 - progress.fraction / 2


class Halving(Schedule):
    """Half as much for each validation loss that is above the one before."""

    uses_losses = True

    def factor(self, progress):
        rises = sum(now > before for before, now in itertools.pairwise(progress.losses))
        return 0.5**rises


class TestFalling(ScheduleContract):
    plugin = Falling


class TestHalving(ScheduleContract):
    plugin = Halving


class Greater(Falling):
    def factor(self, progress):
        return 2 * super().factor(progress)


class Missing(Falling):
    def factor(self, progress):
        return math.nan


class Still(Falling):
    def factor(self, progress):
        return 0.0


class Counts(Falling):
    """Falls from one call to the next."""

    def __init__(self) -> None:
        self.calls = 0

    def factor(self, progress):
        self.calls += 1
        return 1 / self.calls


class Numbered(Falling):
    """Each has a factor of its own."""

    numbers = itertools.count(1)

    def __init__(self) -> None:
        self.number = next(self.numbers)

    def factor(self, progress):
        return super().factor(progress) / self.number


class Silent(Halving):
    uses_losses = False


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Greater, "factors_are_shares", "a factor must be from 0 to 1, got 1.9"),
        (Still, "factors_are_shares", "in a training of 10 steps every learning rate is 0"),
        (Numbered, "the_progress_decides", "two schedules with the same options give other factors"),
        (Silent, "losses_matter_only_where_it_says_so", "set `uses_losses`, else the trainer gives none"),
    ],
)
def test_a_broken_schedule_is_found_out(fails_alone, plugin, check, message) -> None:
    fails_alone(ScheduleContract, plugin, check, message)


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Missing, "factors_are_shares", "a factor must be from 0 to 1, got nan"),
        (Counts, "the_progress_decides", "the factor depends on what was asked before"),
    ],
)
def test_a_fault_that_several_checks_see(find_out, plugin, check, message) -> None:
    """NaN equals nothing, itself neither; and who counts its calls answers other questions in another way, too."""
    find_out(ScheduleContract, plugin, check, message)
