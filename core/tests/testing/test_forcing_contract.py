"""The contract of forcings: good ones pass, each broken one is found out."""

import numpy as np
import pytest
from wxml import Forcing, Variable
from wxml.data.forcings import COMPUTED_FORCINGS
from wxml.testing import ForcingContract


class BuiltIn(Forcing):
    """The forcings of core under other names."""

    variables = tuple(Variable(f"acme_{name}", units="1") for name in COMPUTED_FORCINGS)

    def _compute(self, name, grid, time):
        return COMPUTED_FORCINGS[name.removeprefix("acme_")](grid, time)


class TestBuiltIn(ForcingContract):
    plugin = BuiltIn


class Height(Forcing):
    """The sine of the latitude, times a factor."""

    def __init__(self, *, factor: float = 1.0) -> None:
        self.factor = factor
        self.variables = (Variable("acme_height", units="1"),)

    def _compute(self, name, grid, time):
        return self.factor * np.sin(np.radians(grid.latitudes))


class TestWithOptions(ForcingContract):
    plugin = Height
    options = {"factor": -3.0}


class NoFields(Height):
    def __init__(self) -> None:
        self.variables = ()


class Names(Height):
    def __init__(self) -> None:
        self.variables = ("acme_height",)


class Twice(Height):
    def __init__(self) -> None:
        self.variables = (Variable("acme_height", units="1"),) * 2


class Taken(Height):
    def __init__(self) -> None:
        self.variables = (Variable("insolation", units="1"),)


class WithoutUnits(Height):
    def __init__(self) -> None:
        self.variables = (Variable("acme_height"),)


class OneNumber(Height):
    def _compute(self, name, grid, time):
        return 1.0


class AtThePole(Height):
    def _compute(self, name, grid, time):
        with np.errstate(all="ignore"):
            return np.where(np.abs(grid.latitudes) < 89.9, grid.latitudes / 90, np.inf)


class Watts(Height):
    def _compute(self, name, grid, time):
        return 1361 * super()._compute(name, grid, time)


class Counts(Height):
    calls = 0

    def _compute(self, name, grid, time):
        self.calls += 1
        return super()._compute(name, grid, time) + self.calls / 100


class Noise(Height):
    def __init__(self) -> None:
        super().__init__()
        self.shift = np.random.default_rng().normal()

    def _compute(self, name, grid, time):
        return super()._compute(name, grid, time) + self.shift


class Anomaly(Height):
    def _compute(self, name, grid, time):
        values = super()._compute(name, grid, time)
        return values - values.mean()


class MovesTheGrid(Height):
    def _compute(self, name, grid, time):
        grid.latitudes.flags.writeable = True
        grid.latitudes[0] -= 1e-7
        return super()._compute(name, grid, time)


class OwnCompute(Height):
    def compute(self, name, grid, time):
        return self._compute(name, grid, time)


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (NoFields, "fields_have_names_and_units", "NoFields has no `variables`, so it makes nothing"),
        (Names, "fields_have_names_and_units", "must hold wxml.Variable alone"),
        (Twice, "fields_have_names_and_units", "has the names acme_height more than once"),
        (Taken, "fields_have_names_and_units", "wxml computes insolation by itself"),
        (WithoutUnits, "fields_have_names_and_units", "acme_height have no units"),
        (OwnCompute, "fields_have_names_and_units", "`compute` must not be overridden"),
        (OneNumber, "every_place_and_time_has_a_value", r"of shape \[\] for 48 nodes"),
        (AtThePole, "every_place_and_time_has_a_value", "computed 8 values of 'acme_height' at 1959-12-31T18"),
        (Watts, "values_are_of_order_one", "acme_height reaches 13"),
        (Counts, "the_same_time_gives_the_same_values", "depend on what came before"),
        (Noise, "the_same_time_gives_the_same_values", "two forcings give other values"),
        (Anomaly, "each_node_has_the_value_of_its_place", "off among fewer nodes"),
        (MovesTheGrid, "the_grid_is_not_modified", "the forcing changed the grid"),
    ],
)
def test_a_broken_forcing_is_found_out(find_out, plugin: type, check: str, message: str) -> None:
    find_out(ForcingContract, plugin, check, message)
