"""The contract of state filters: good ones pass, each broken one fails the check of its fault and no other."""

import numpy as np
import pytest
from wxml import StateFilter, Variable
from wxml.testing import StateFilterContract


class Warmer(StateFilter):
    """One degree more."""

    def _apply(self, values, valid_time, lead_time):
        after = values.copy()
        after[:, 0] += 1
        return after


class Mean(StateFilter):
    """The mean over the steps so far."""

    places = ("output",)
    sums = 0.0

    def _apply(self, values, valid_time, lead_time):
        self.sums = self.sums + values
        return self.sums / (lead_time / np.timedelta64(6, "h"))


class TestWarmer(StateFilterContract):
    plugin = Warmer


class TestMean(StateFilterContract):
    plugin = Mean


class Nowhere(Warmer):
    places = ("outputs",)


class Renaming(Warmer):
    def __init__(self, space):
        super().__init__(space)
        self.variables = (Variable("air", units="K"), *space.variables[1:])


class Twice(Warmer):
    places = ("output",)

    def __init__(self, space):
        super().__init__(space)
        self.variables = (*space.variables[1:], space.variables[1])


class Whole(Warmer):
    def _apply(self, values, valid_time, lead_time):
        return values.astype(int)


class Writes(Warmer):
    def _apply(self, values, valid_time, lead_time):
        values.base[:, 0] += 1
        return values


class Mixing(Warmer):
    def __init__(self, space):
        super().__init__(space)
        self.seen = []

    def _apply(self, values, valid_time, lead_time):
        self.seen.append(values.mean())
        return values + np.float32(np.mean(self.seen))


class OfAll(Warmer):
    def _apply(self, values, valid_time, lead_time):
        return values - values.mean(axis=0)


class Complete(Warmer):
    def _apply(self, values, valid_time, lead_time):
        if np.isnan(values).any():
            raise ValueError("a value is missing")
        return values


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Nowhere, "it_says_where_it_may_stand", "must be some of input, step, output"),
        (Renaming, "it_says_where_it_may_stand", "cannot stand in the place `step`"),
        (Twice, "it_says_what_comes_out", "q more than once"),
        (OfAll, "a_member_is_changed_by_itself", "off alone"),
        (Complete, "a_missing_value_is_no_error", "a value is missing"),
    ],
)
def test_a_broken_filter_is_found_out(fails_alone, plugin, check, message) -> None:
    fails_alone(StateFilterContract, plugin, check, message)


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Whole, "it_says_what_comes_out", "floating-point"),
        (Writes, "the_state_is_not_modified", "changed its input"),
        (Mixing, "initial_times_do_not_mix", "two forecasts mix"),
    ],
)
def test_a_fault_that_others_notice_too_is_found_out(find_out, plugin, check, message) -> None:
    find_out(StateFilterContract, plugin, check, message)
