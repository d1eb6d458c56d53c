"""The formulas of `derive`: published numbers, and each with its inverse."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml_dataset_sources.combining.formulas import FORMULAS
from wxml_dataset_sources.combining.moisture import saturation_pressure, saturation_pressure_over_water

TEMPERATURES = st.floats(180, 320)
PRESSURES = st.floats(5000, 108000)


def compute(formula: str, *operands: float) -> float:
    return float(FORMULAS[formula].compute(*(np.array(operand) for operand in operands)))


@pytest.mark.parametrize(
    ("celsius", "over_water", "over_ice"),
    [  # Pa; Murphy and Koop 2005 (doi:10.1256/qj.04.94), their equations 10 and 7
        (30, 4246.0, None),
        (20, 2338.5, None),
        (0, 611.2, 611.2),
        (-10, 286.6, 259.9),
        (-20, 125.5, 103.3),
        (-30, 50.88, 38.0),
    ],
)
def test_saturation_over_water_and_ice_is_within_half_a_percent_of_published_values(celsius, over_water, over_ice):
    temperature = np.array(273.15 + celsius)
    assert saturation_pressure_over_water(temperature) == pytest.approx(over_water, rel=5e-3)
    if over_ice is None:
        assert saturation_pressure(temperature) == saturation_pressure_over_water(temperature)
    elif celsius <= -23:
        assert saturation_pressure(temperature) == pytest.approx(over_ice, rel=5e-3)
    else:
        share = ((temperature - 250.16) / 23) ** 2
        mixed = share * over_water + (1 - share) * over_ice
        assert saturation_pressure(temperature) == pytest.approx(mixed, rel=5e-3)


@pytest.mark.parametrize(
    ("mass", "density", "cover"),
    [
        (10.0, 100.0, 1.0),
        (10.0, 400.0, 0.25),
        (1.0, 100.0, 0.1),
        (0.0, 0.0, 0.0),
        (500.0, 300.0, 1.0),
        (-1e-9, 100.0, 0.0),
    ],
)
def test_snow_covers_all_from_ten_centimetres_on(mass, density, cover):
    with np.errstate(invalid="ignore"):
        assert compute("snow-cover", mass, density) == pytest.approx(cover)
        assert np.isnan(compute("snow-cover", math.nan, density))


def test_the_mixture_joins_ice_and_water_without_a_step():
    for temperature in (250.16, 273.16):
        below, above = saturation_pressure(np.array([temperature - 1e-6, temperature + 1e-6]))
        assert below == pytest.approx(above, rel=1e-6)
    assert saturation_pressure(np.array(273.16)) == pytest.approx(611.21)


def test_published_examples_of_humidity():
    # the pressure of vapour is 1705 Pa at a dew point of 15 °C: 0.622 · 1705 / (98800 − 0.378 · 1705)
    assert compute("specific-humidity-of-dewpoint", 288.15, 98800) == pytest.approx(0.010803, rel=2e-3)
    # tables of meteorology: 20 °C and 50 % have a dew point of 9.3 °C
    assert compute("dewpoint-of-relative-humidity", 50, 293.15) == pytest.approx(273.15 + 9.27, abs=0.05)
    assert compute("relative-humidity-of-dewpoint", 273.15 + 9.27, 293.15) == pytest.approx(50, abs=0.2)
    # 10 g kg⁻¹ at 300 K and 1000 hPa: e = 1598 Pa of 3536 Pa
    assert compute("relative-humidity", 0.010, 300.0, 1e5) == pytest.approx(45.2, abs=0.2)
    assert compute("virtual-temperature", 300.0, 0.010) == pytest.approx(300 * 1.00608, abs=0.01)


def test_other_quantities_by_hand():
    # 850 hPa and 0 °C: 1.0840 kg m⁻³
    assert compute("omega", 1.0, 273.15, 85000) == pytest.approx(-1.0840 * 9.80665, rel=1e-4)
    assert compute("geopotential", 8848.86) == pytest.approx(86777.68, rel=1e-6)
    assert compute("surface-pressure", math.log(101325)) == pytest.approx(101325)
    assert compute("angle", -1.0, 0.0) == pytest.approx(180)
    assert compute("angle", 0.0, -2.0) == pytest.approx(270)


@given(temperature=TEMPERATURES, pressure=PRESSURES, relative=st.floats(0.5, 100))
def test_humidities_and_their_inverses(temperature, pressure, relative):
    specific = compute("specific-humidity", relative, temperature, pressure)
    if not 0 < specific < 0.6:  # hot air under low pressure would be all vapour
        return
    assert compute("relative-humidity", specific, temperature, pressure) == pytest.approx(relative, rel=1e-9)
    dew = compute("dewpoint", specific, pressure)
    assert compute("specific-humidity-of-dewpoint", dew, pressure) == pytest.approx(specific, rel=1e-9)
    again = compute("dewpoint-of-relative-humidity", relative, temperature)
    assert again == pytest.approx(dew, abs=1e-6)
    assert compute("relative-humidity-of-dewpoint", again, temperature) == pytest.approx(relative, rel=1e-9)


@given(value=st.floats(-50, 50), temperature=TEMPERATURES, pressure=PRESSURES)
def test_the_others_and_their_inverses(value, temperature, pressure):
    omega = compute("omega", value, temperature, pressure)
    assert compute("vertical-velocity", omega, temperature, pressure) == pytest.approx(value, abs=1e-9)
    assert compute("height", compute("geopotential", value)) == pytest.approx(value, abs=1e-12)
    logarithm = compute("log-surface-pressure", pressure)
    assert compute("surface-pressure", logarithm) == pytest.approx(pressure, rel=1e-12)
    turned = compute("angle", compute("cosine", value), compute("sine", value))
    assert math.cos(math.radians(turned)) == pytest.approx(math.cos(value), abs=1e-9)
    assert math.sin(math.radians(turned)) == pytest.approx(math.sin(value), abs=1e-9)


@given(u=st.floats(-100, 100), v=st.floats(-100, 100))
def test_the_wind_and_back(u, v):
    speed, come = compute("wind-speed", u, v), math.radians(compute("wind-direction", u, v))
    assert compute("wind-u", speed, come) == pytest.approx(u, abs=1e-9)
    assert compute("wind-v", speed, come) == pytest.approx(v, abs=1e-9)
