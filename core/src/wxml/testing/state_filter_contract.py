"""The contract of state filters, as tests."""

__all__ = ["StateFilterContract"]

from copy import copy
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray

from wxml.data.state_filter import FilterSpace, Place, StateFilter
from wxml.data.variables import Variable
from wxml.testing.contract import Contract, require
from wxml.testing.tiny_world import tiny_grid

Values = NDArray[np.float32]

VARIABLES = (
    Variable("t", units="K"),
    Variable("q", units="kg kg-1"),
    Variable("10u", units="m s-1"),
    Variable("10v", units="m s-1"),
    Variable("tp", units="m", step_type="accum", period="6h"),
    Variable("lsm", units="1"),
)
MEMBERS, STEPS = 2, 3
STEP = np.timedelta64(6 * 3600, "s")
START = np.datetime64("2000-01-01T00", "s")


class StateFilterContract(Contract):
    """Checks of a StateFilter, on the variables t, q, 10u, 10v, tp and lsm of two members at 48 nodes."""

    interface: ClassVar[type[Any]] = StateFilter

    def sample(self) -> Any:
        """Make a filter of those variables."""
        return self.make(FilterSpace(tiny_grid(), VARIABLES, STEP))

    def rehearse(self) -> None:
        """Change one state."""
        self._steps(self.sample(), _forecast(0)[:1])

    def test_it_says_where_it_may_stand(self) -> None:
        """`places` are some of `input`, `step` and `output`; in `step` names and units stay as they are."""
        require(self.plugin.apply is StateFilter.apply, "`apply` must not be overridden; fill `_apply`")
        places, known = tuple(self.plugin.places), get_args(Place)
        require(places and {*places} <= {*known}, f"`places` must be some of {', '.join(known)}, got {list(places)}")
        made = self.sample()
        after = tuple(made.variables), made.grid.identity
        require(
            "step" not in places or after == (VARIABLES, tiny_grid().identity),
            "it changes the variables or nodes, and so cannot stand in the place `step`: leave it out of `places`",
        )

    def test_it_says_what_comes_out(self) -> None:
        """`variables` are wxml.Variable with different names, and `apply` gives as many, in floating-point numbers."""
        made = self.sample()
        after = tuple(made.variables)
        require(all(isinstance(one, Variable) for one in after), "`variables` must hold wxml.Variable alone")
        names = [one.name for one in after]
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, f"`variables` has the names {', '.join(twice)} more than once")
        self._steps(made, _forecast(0))
        before = {one.name for one in VARIABLES}
        wrong = [new for new, old in made.deviations.items() if new not in names or old not in before]
        require(not wrong, f"`deviations` must be names of `variables` → names that come in, not {', '.join(wrong)}")

    def test_fields_move_to_the_nodes_that_come_out(self) -> None:
        """`moved` brings fields to the nodes of `grid`, and what is missing is missing there, too."""
        made, nodes = self.sample(), len(tiny_grid())
        moved = made.moved(np.stack([np.ones(nodes, np.float32), np.full(nodes, np.nan, np.float32)]))
        shape = [2, len(made.grid)]
        require(list(moved.shape) == shape, f"`moved` gives fields of shape {list(moved.shape)}, not {shape}")
        require(bool(np.isnan(moved[1]).all()), "`moved` makes values of missing ones")

    def test_the_state_is_not_modified(self) -> None:
        """What comes in stays as it is."""
        states = _forecast(0)
        kept = states.copy()
        self._steps(self.sample(), states)
        require(np.array_equal(states, kept), "`_apply` changed its input")

    def test_initial_times_do_not_mix(self) -> None:
        """A copy gives the same, whether another copy sees other states in between or not."""
        made, one, other = self.sample(), _forecast(0), _forecast(1)
        expected = self._steps(copy(made), one)
        first, second = copy(made), copy(made)
        found = []
        for number in range(STEPS):
            found.append(self._apply(first, one, number))
            self._apply(second, other, number)
        require(
            np.array_equal(np.stack(found), expected, equal_nan=True),
            "two forecasts mix: what a filter keeps must be set anew, as in `self._kept = self._kept + values`",
        )

    def test_a_member_is_changed_by_itself(self) -> None:
        """A member gives the same alone and among others."""
        made, states = self.sample(), _forecast(0)
        expected = self._steps(copy(made), states)[:, 1:]
        found = self._steps(copy(made), states[:, 1:])
        scale = max(float(np.nanmax(np.abs(expected), initial=0)), 1e-30)
        off = float(np.nanmax(np.abs(found - expected), initial=0))
        require(off <= 1e-5 * scale, f"a member is {off:.3g} off alone, its largest value is {scale:.3g}")

    def test_a_missing_value_is_no_error(self) -> None:
        """States with values that are missing go through."""
        states = _forecast(0)
        states[:, :, :, ::5] = np.nan
        self._steps(self.sample(), states)

    def _steps(self, made: Any, states: Values) -> Values:
        return np.stack([self._apply(made, states, number) for number in range(len(states))])

    def _apply(self, made: Any, states: Values, number: int) -> Values:
        lead_time = (number + 1) * STEP
        found: Values = made.apply(states[number], START + lead_time, lead_time)
        return found


def _forecast(seed: int) -> Values:
    """States of plausible size, shape `[step, member, variable, node]`."""
    rng = np.random.default_rng(seed)
    shape = (STEPS, MEMBERS, 1, len(tiny_grid()))
    parts = [rng.normal(280, 10, shape), rng.uniform(0, 0.01, shape), *rng.normal(0, 8, (2, *shape))]
    parts += [rng.exponential(1e-3, shape) - 1e-4, rng.uniform(0, 1, shape)]
    return np.concatenate(parts, axis=2).astype(np.float32)
