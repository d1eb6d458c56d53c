"""The contract of perturbations: those of core pass, each broken one is found out."""

import itertools

import numpy as np
import pytest
from wxml import Perturbation
from wxml.forecasting.perturbations.analyses import Analyses
from wxml.forecasting.perturbations.bred import Bred
from wxml.forecasting.perturbations.gaussian import Gaussian
from wxml.forecasting.perturbations.lagged import Lagged
from wxml.forecasting.perturbations.spherical import Spherical
from wxml.testing import PerturbationContract


class TestGaussian(PerturbationContract):
    plugin = Gaussian


class TestSpherical(PerturbationContract):
    plugin = Spherical
    options = {"length": 2000, "variables": ["q"]}


class TestLagged(PerturbationContract):
    plugin = Lagged
    options = {"lags": ["0h", "6h", "12h"]}


class TestBred(PerturbationContract):
    plugin = Bred
    options = {"cycles": 3, "every": "12h"}


@pytest.mark.usefixtures("tiny")
class TestAnalyses(PerturbationContract):
    plugin = Analyses
    options = {"source": {"plugin": "waves", "members": 3}, "factor": 0.5}


class Normal(Perturbation):
    def _difference(self, state):
        return self.space.changes[:, None] * state.generator().standard_normal(state.values.shape[1:])


class TestNormal(PerturbationContract):
    plugin = Normal


class Flat(Normal):
    def _difference(self, state):
        return super()._difference(state).ravel()


class Missing(Normal):
    def _difference(self, state):
        return np.where(state.values > 280, np.nan, super()._difference(state))


class Huge(Normal):
    def _difference(self, state):
        return 1e4 * super()._difference(state)


class Equal(Normal):
    def _difference(self, state):
        return np.ones(state.values.shape)


class Counts(Normal):
    calls = itertools.count(1)

    def _difference(self, state):
        return super()._difference(state) / next(self.calls)


class Global(Normal):
    def _difference(self, state):
        return np.random.normal(size=state.values.shape)


class Takes(Normal):
    def _difference(self, state):
        self.space.changes[0] = 7
        return super()._difference(state)


class Asks(Normal):
    def _difference(self, state):
        return super()._difference(state) + 0 * state.from_earlier(np.timedelta64(6, "h"))


class Public(Normal):
    def difference(self, state):
        return np.zeros(state.values.shape)


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Flat, "differences_fit_the_state", r"differences of shape \[96\] for \[2 or 1, 2, 48\]"),
        (Missing, "differences_fit_the_state", "differences at 2000-01-05T00 that are not finite numbers"),
        (Public, "differences_fit_the_state", "`difference` must not be overridden"),
        (Huge, "differences_are_of_the_order_of_a_change", "typical changes"),
        (Equal, "members_differ", "all members are the same"),
        (Counts, "a_member_gets_the_same_whatever_was_asked_before", "gets something else when it is asked again"),
        (Global, "the_seed_decides_random_numbers", r"must be `state.generator\(\)`"),
        (Asks, "the_forecasts_that_it_asks_for_are_known_before", "asks for a forecast that `runs` does not name"),
        (Takes, "the_space_is_not_modified", "changed `space.changes`"),
    ],
)
def test_a_broken_perturbation_is_found_out(find_out, plugin: type, check: str, message: str) -> None:
    find_out(PerturbationContract, plugin, check, message)
