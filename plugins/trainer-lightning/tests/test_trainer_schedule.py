"""Learning rate, rollout and budget, against closed forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from wxml import Progress
from wxml_trainer_lightning import schedule as schedule_module
from wxml_trainer_lightning.rollout import Rollout
from wxml_trainer_lightning.schedule import Budget, LearningRate
from wxml_trainer_lightning.schedules.linear import Linear

FRACTIONS = st.floats(0, 1)


def test_the_learning_rate_is_the_highest_times_the_factor() -> None:
    rate = LearningRate(2e-3, Linear(warmup=0.1, final_ratio=0.0))
    assert rate.at(Progress(1, 40, 0.025)) == pytest.approx(0.5e-3)
    assert rate.at(Progress(4, 40, 0.1)) == pytest.approx(2e-3)
    assert rate.at(Progress(22, 40, 0.55)) == pytest.approx(1e-3)


def test_rollout_stages_are_equal_parts_of_what_follows_the_beginning() -> None:
    rollout = Rollout(start=1, maximum=5, begin=0.2)
    steps = [rollout.steps(step / 100, 0) for step in range(100)]
    assert steps == [1] * 20 + [2] * 20 + [3] * 20 + [4] * 20 + [5] * 20


def test_a_rollout_that_does_not_rise_is_constant() -> None:
    assert {Rollout(start=3, maximum=3).steps(step / 10, 0) for step in range(11)} == {3}


@given(st.integers(1, 5), st.integers(0, 8), st.floats(0, 0.99), FRACTIONS, FRACTIONS)
def test_a_rollout_never_falls_and_keeps_its_limits(start, rise, begin, one, other) -> None:
    rollout = Rollout(start=start, maximum=start + rise, begin=begin)
    early, late = (rollout.steps(fraction, 0) for fraction in sorted((one, other)))
    assert start <= early <= late <= start + rise
    assert {early, late} <= set(rollout.stages)


def test_a_rollout_that_falls_is_refused() -> None:
    with pytest.raises(ValidationError, match="`start` must not exceed `maximum`, got 4 and 2"):
        Rollout(start=4, maximum=2)


def test_the_budget_is_of_steps_unless_a_time_is_given() -> None:
    budget = Budget(max_steps=200, max_seconds=None, spent=1e6)
    assert budget.fraction(50) == 0.25
    assert not budget.is_spent(199)
    assert budget.is_spent(200)


def test_with_a_time_the_fraction_is_the_larger_of_the_two(monkeypatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(schedule_module.time, "monotonic", lambda: clock[0])
    budget = Budget(max_steps=100, max_seconds=50.0, spent=10.0)
    assert budget.fraction(0) == pytest.approx(0.2)  # 10 of 50 s were used before
    assert budget.fraction(40) == pytest.approx(0.4)
    clock[0] = 135.0
    assert budget.fraction(40) == pytest.approx(0.9)
    clock[0] = 140.0
    assert budget.is_spent(40)
    assert not budget.is_spent(0)  # one step is made in any case
    assert budget.fraction(40) == 1.0
