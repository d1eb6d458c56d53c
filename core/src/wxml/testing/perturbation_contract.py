"""The contract of perturbations, as tests."""

__all__ = ["PerturbationContract"]

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wxml.forecasting.perturbation import EarlierRun, InitialState, Perturbation, PerturbationSpace
from wxml.testing.contract import Contract, require
from wxml.testing.tiny_world import TravellingWaves

SIX_HOURS = np.timedelta64(6 * 3600, "s")
CHANGES = (2.0, 0.5)
"""The typical changes of `t` and `q` over a time step."""
LARGEST = 100.0
"""Typical changes: a difference that is larger is no perturbation."""


class PerturbationContract(Contract):
    """Checks of a Perturbation, on 6 × 8 nodes around the globe, with two input times and the variables t and q."""

    interface: ClassVar[type[Any]] = Perturbation

    def space(self) -> PerturbationSpace:
        """Return the space of the checks; override it for a perturbation that needs another."""
        header = TravellingWaves().header
        return PerturbationSpace(header.grid, header.variables, np.array(CHANGES), SIX_HOURS)

    def state(self, member: int, *, day: int = 4) -> InitialState:
        """Return the state of a member, whose value is missing at the last node; see `_forecast`."""
        waves = TravellingWaves()
        times = waves.header.times[4 * day - 1 : 4 * day + 1]
        values = waves.read(times, self.space().names)[:, 0].copy()
        values[:, 0, -1] = np.nan
        values.flags.writeable = False
        seed = int(np.random.SeedSequence([day, member]).generate_state(1, np.uint64)[0])
        return InitialState(values, times, member, seed, partial(_forecast, values))

    def sample(self) -> Any:
        """Make a perturbation for `space()`."""
        return self.make(self.space())

    def rehearse(self) -> None:
        """Perturb one member."""
        self._difference(1)

    def test_differences_fit_the_state(self) -> None:
        """Differences are `[variable, node]` or `[input time, variable, node]`, finite wherever there is a value."""
        require(self.plugin.difference is Perturbation.difference, "`difference` must not be overridden")
        for member in range(3):
            self._difference(member)

    def test_differences_are_of_the_order_of_a_change(self) -> None:
        """No difference is beyond a hundred typical changes over a time step; options may set how large they are."""
        there = ~np.isnan(self.state(1).values)
        scaled = np.where(there, self._difference(1) / np.array(CHANGES)[:, None], 0)
        largest = float(np.abs(scaled).max())
        require(largest <= LARGEST, f"a difference is {largest:.3g} typical changes")

    def test_members_differ(self) -> None:
        """Some of four members get differences that others do not get."""
        found = [self._difference(member) for member in range(4)]
        require(any(not np.array_equal(found[0], one, equal_nan=True) for one in found[1:]), "all members are the same")

    def test_a_member_gets_the_same_whatever_was_asked_before(self) -> None:
        """One perturbation, asked again after other members and days, and another one give the same bits."""
        kept = self.sample()
        first = [kept.difference(self.state(member)) for member in range(3)]
        kept.difference(self.state(1, day=5))
        for member in reversed(range(3)):
            again, other = kept.difference(self.state(member)), self._difference(member)
            same = np.array_equal(first[member], again, equal_nan=True)
            require(same, f"member {member} gets something else when it is asked again")
            require(np.array_equal(again, other, equal_nan=True), f"two perturbations differ for member {member}")

    def test_the_forecasts_that_it_asks_for_are_known_before(self) -> None:
        """Core checks the inputs of the forecasts that `runs` names; a state is asked for no other ones."""
        for member in range(3):
            asked: set[EarlierRun] = set()
            state = self.state(member)

            def run(
                one: EarlierRun, difference: NDArray[np.float64] | None, state: Any = state, asked: Any = asked
            ) -> Any:
                asked.add(one)
                return state.run(one, difference)

            plugin = self.sample()
            plugin.difference(replace(state, run=run))
            further = asked - set(plugin.runs(member))
            require(not further, f"member {member} asks for a forecast that `runs` does not name: {further}")

    def test_the_seed_decides_random_numbers(self) -> None:
        """The global random numbers of NumPy have no influence."""
        np.random.seed(1)  # a plugin may wrongly use it
        first = self._difference(2)
        np.random.seed(2)
        require(
            np.array_equal(first, self._difference(2), equal_nan=True), "random numbers must be `state.generator()`"
        )

    def test_the_space_is_not_modified(self) -> None:
        """The perturbation changes neither the typical changes nor the grid."""
        space = self.space()
        before = space.grid.identity
        self.make(space).difference(self.state(1))
        require(np.array_equal(space.changes, CHANGES), "the perturbation changed `space.changes`")
        require(space.grid.identity == before, "the perturbation changed the grid")

    def _difference(self, member: int) -> NDArray[np.float64]:
        values: NDArray[np.float64] = self.sample().difference(self.state(member))
        return values


def _forecast(
    values: NDArray[np.float32], run: EarlierRun, difference: NDArray[np.float64] | None
) -> NDArray[np.float32]:
    """The end of a forecast of the checks: 1 more for each 6 h, and twice the difference."""
    added = 0.0 if difference is None else 2 * difference
    return np.asarray(values + run.duration / SIX_HOURS + added, np.float32)
