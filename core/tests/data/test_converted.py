"""A source in the units of another side has the values in these, whatever is asked for."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import Variable
from wxml.data.source_fit import FORECAST, TRAINING, check_variables, in_units_of
from wxml.testing import TravellingWaves

KELVIN = TravellingWaves(days=2, members=3)
TIMES = KELVIN.header.times


class InCelsius(TravellingWaves):
    """The same waves in degrees Celsius and in kg kg-1."""

    def __init__(self) -> None:
        super().__init__(days=2, members=3)
        variables = [replace(one, units={"t": "degC", "q": "kg kg-1"}[one.name]) for one in self.header.variables]
        self.header = replace(self.header, variables=tuple(variables))

    def _read(self, time_indices, variable_indices, out) -> None:  # type: ignore[no-untyped-def]
        super()._read(time_indices, variable_indices, out)
        for column, index in enumerate(variable_indices):
            out[:, :, column] = out[:, :, column] - 273.15 if index == 0 else out[:, :, column] / 1000

    def stamp(self) -> str:
        return "one"


def test_values_are_those_of_the_other_side(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wxml")
    found = in_units_of(InCelsius(), KELVIN.header.variables)
    assert found.header.variables == KELVIN.header.variables
    np.testing.assert_allclose(found.read(TIMES, ("q", "t")), KELVIN.read(TIMES, ("q", "t")), rtol=1e-6)
    assert [record.getMessage() for record in caplog.records] == [
        f"the source has {name!r} in {units!r}; it is converted to {wanted!r}, as in the training"
        for name, units, wanted in (("t", "degC", "K"), ("q", "kg kg-1", "g kg-1"))
    ]


def test_and_back_again() -> None:
    there = in_units_of(KELVIN, InCelsius().header.variables, FORECAST)
    np.testing.assert_allclose(there.read(TIMES, ("t",)), InCelsius().read(TIMES, ("t",)), atol=1e-4)


@given(st.permutations(range(3)), st.lists(st.integers(0, 47), min_size=1, unique=True), st.sampled_from(["t", "q"]))
def test_a_part_is_that_of_the_whole(members: list[int], nodes: list[int], name: str) -> None:
    source = in_units_of(InCelsius(), KELVIN.header.variables)
    whole = source.read(TIMES, ("t", "q"))[:, members][:, :, ["tq".index(name)]][..., nodes]
    np.testing.assert_array_equal(source.read(TIMES, [name], members=members, nodes=nodes), whole)


def test_what_cannot_be_converted_or_says_nothing_stays(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wxml")
    for units in ("m", "", "K", "kelvin"):
        assert in_units_of(KELVIN, [Variable("t", units=units), Variable("other", units="m")]) is KELVIN
    assert caplog.text == ""
    assert check_variables(KELVIN.header, [Variable("t", units="kelvin")], TRAINING) == []


def test_the_fingerprint_tells_the_units() -> None:
    celsius = InCelsius()
    found = {
        celsius.fingerprint(),
        in_units_of(celsius, KELVIN.header.variables).fingerprint(),
        in_units_of(celsius, [Variable("t", units="degF")]).fingerprint(),
    }
    assert len(found) == 3
    assert None not in found
    assert in_units_of(KELVIN, celsius.header.variables).fingerprint() is None
