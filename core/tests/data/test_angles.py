"""Angles that go around are warned of, and others are not."""

import logging
from typing import Any

import numpy as np
import pytest
from wxml import Statistics, Variable
from wxml.data.angles import circular_angles, warn_of_angles
from wxml.data.units import conversion, have_same_meaning


def statistics(**ranges: tuple[float, float]) -> Statistics:
    low, high = (np.array(column, float) for column in zip(*ranges.values(), strict=True))
    middle = (low + high) / 2
    return Statistics(tuple(ranges), middle, (high - low) / 4, low, high, (high - low) / 9)


CASES: dict[str, tuple[Variable, tuple[float, float], bool]] = {
    "wind of ERA5": (
        Variable("wd10", units="degrees", standard_name="wind_from_direction"),
        (0, 360),
        True,
    ),
    "that of ARPEGE": (Variable("wdir", units="Degree true"), (1, 359), True),
    "mean wave direction": (Variable("mwd", units="degree"), (0.0, 359.9), True),
    "in radians": (Variable("a", units="radian"), (-3.1, 3.1), True),
    "from -180 to 180": (Variable("a", units="°"), (-179, 179), True),
    "a steady wind": (
        Variable("dir", units="deg", standard_name="wind_from_direction"),
        (60, 120),
        True,
    ),
    "a direction without units": (Variable("wind_direction"), (0, 355), True),
    "solar zenith angle": (Variable("sza", units="degrees"), (0, 179), False),
    "slope": (Variable("slope", units="radian"), (0, 1.2), False),
    "temperature": (Variable("t", units="degC"), (-80, 300), False),
    "latitude": (Variable("lat", units="degrees_north"), (-90, 90), False),
    "a number": (Variable("t"), (0, 360), False),
    "a steady flux of direction": (Variable("x", units="W m-2", standard_name="direction_of_something"), (0, 9), False),
}


@pytest.mark.parametrize("case", CASES)
def test_which_angles_go_around(case: str) -> None:
    variable, ends, goes = CASES[case]
    found = circular_angles([variable], statistics(**{variable.name: ends}))
    assert found == ((variable,) if goes else ())


@pytest.mark.parametrize(
    ("name", "available", "advice"),
    [
        (
            "wd10",
            ["wd10", "ws10"],
            "u10: {formula: wind-u, of: [ws10, wd10]}, v10: {formula: wind-v, of: [ws10, wd10]}",
        ),
        (
            "wdir",
            ["wdir", "ws"],
            "u_wind: {formula: wind-u, of: [ws, wdir]}, v_wind: {formula: wind-v, of: [ws, wdir]}",
        ),
        ("mwd", ["mwd"], "mwd_cos: {formula: cosine, of: [mwd]}, mwd_sin: {formula: sine, of: [mwd]}"),
    ],
)
def test_the_warning_says_how_to_make_components(
    name: str, available: list[str], advice: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "wxml")
    warn_of_angles([Variable(name, units="degrees")], statistics(**{name: (0, 360)}), available)
    assert f"variables: {{{advice}}}" in caplog.text


def test_an_experiment_warns_of_them(tiny: Any, caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    from wxml.experiment.assembling import assemble
    from wxml.testing import TravellingWaves

    monkeypatch.setattr("wxml.testing.tiny_world.Variable", lambda name, units: Variable(name, units="degrees"))
    waves = TravellingWaves.wave
    monkeypatch.setattr(TravellingWaves, "wave", lambda self, *where: 20 * (waves(self, *where) - 280))
    assemble(tiny({"data.variables": {"prognostic": ["t"]}}))
    assert "'t' is an angle" in caplog.text


@pytest.mark.parametrize("units", ["degrees", "deg", "°", "Degree true", "degrees_true", "degree_true"])
def test_degrees_are_written_in_many_ways(units: str) -> None:
    assert have_same_meaning(units, "degree")
    line = conversion(units, "rad")
    assert line is not None
    assert line.scale == pytest.approx(np.pi / 180)
    assert not have_same_meaning(units, "degrees_north")
    assert not have_same_meaning(units, "degC")
