"""The contract of weights of losses: a good one passes, each broken one is found out."""

import itertools

import numpy as np
import pytest
from wxml import LossWeight
from wxml.testing import LossWeightContract


class Steps(LossWeight):
    def factor(self):
        return np.linspace(1, 0.5, self.space.steps)[:, None, None]


class TestSteps(LossWeightContract):
    plugin = Steps


class Flat(Steps):
    def factor(self):
        return super().factor().ravel()


class Single(Steps):
    def factor(self):
        return super().factor().astype(np.float32)


class Negative(Steps):
    def factor(self):
        return super().factor() - 0.7


class Nothing(Steps):
    def factor(self):
        return 0 * super().factor()


class Counts(Steps):
    calls = itertools.count(1)

    def factor(self):
        return super().factor() * next(self.calls)


class Takes(Steps):
    def factor(self):
        self.space.statistics.tendency_std[0] = 7
        return super().factor()


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Flat, "factors_fit_the_space", r"must have shape \(3, 48, 3\), or 1 in place of some, got \(3,\)"),
        (Single, "factors_fit_the_space", "must be float64, got float32"),
        (Negative, "factors_are_finite_and_not_negative", "a factor is -0.2, must not be negative"),
        (Nothing, "factors_are_finite_and_not_negative", "all factors are 0"),
        (Counts, "the_same_space_gives_the_same_factors", "asked twice, the weight gives other factors"),
        (Takes, "the_space_is_not_modified", "the weight changed `statistics.tendency_std`"),
    ],
)
def test_a_broken_weight_is_found_out(find_out, plugin, check, message) -> None:
    find_out(LossWeightContract, plugin, check, message)
