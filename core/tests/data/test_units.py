"""Units are the same however they are written, and different where they mean something else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml.data.units import conversion, have_same_meaning, is_known
from wxml.data.variables import Variable

POWERS = st.dictionaries(
    st.sampled_from(["kg", "m", "s", "K", "Pa", "J", "W", "mol"]),
    st.integers(-4, 4).filter(bool),
    min_size=1,
    max_size=4,
)
STYLES = {
    "CF": " ".join,
    "dots": ".".join,
    "stars": "*".join,
}


def written(powers: list[tuple[str, int]], mark: str, style: str) -> str:
    """A product of powers: `mark` stands before an exponent."""
    return STYLES[style](symbol if power == 1 else f"{symbol}{mark}{power}" for symbol, power in powers)


@given(POWERS, st.data())
def test_the_style_of_a_product_does_not_matter(powers: dict[str, int], data: st.DataObject) -> None:
    order = data.draw(st.permutations(sorted(powers.items())))
    mark, style = data.draw(st.sampled_from(["", "^", "**"])), data.draw(st.sampled_from(sorted(STYLES)))
    assert have_same_meaning(written(sorted(powers.items()), "", "CF"), written(order, mark, style))


@given(POWERS, POWERS)
def test_other_products_are_other_units(first: dict[str, int], second: dict[str, int]) -> None:
    one, other = (written(sorted(powers.items()), "", "CF") for powers in (first, second))
    assert have_same_meaning(one, other) == (first == second)


@given(POWERS)
def test_a_quotient_is_a_product_of_powers(powers: dict[str, int]) -> None:
    above = " ".join(f"{symbol}{abs(power)}" for symbol, power in sorted(powers.items()) if power > 0) or "1"
    below = "".join(f"/{symbol}{abs(power)}" for symbol, power in sorted(powers.items()) if power < 0)
    assert have_same_meaning(above + below, written(sorted(powers.items()), "", "CF"))


@pytest.mark.parametrize(
    "same",
    [
        ("K", "kelvin", "Kelvin", "degK", "Kelvins", "degrees Kelvin", "deg K", "Degree_K"),
        ("degC", "celsius", "degrees_Celsius", "°C", "degrees Celsius", "deg C", "deg. C", "° C", "DEGREES  C"),
        ("degF", "degrees Fahrenheit", "deg F", "°F", "fahrenheit"),
        ("K m-1", "degrees K/m", "deg K m**-1"),
        ("m/s", "m s-1", "m s**-1", "m s^-1", "meter second-1", "m / s"),
        ("hPa", "mb", "millibar", "mbar"),
        ("1", "kg/kg", "kg kg-1", "(0 - 1)", "dimensionless"),
        ("%", "percent"),
        ("m**2 s**-2", "m2/s2", "J kg-1 kg J-1 m2 s-2"),
        ("m of water equivalent",),
        ("",),
    ],
)
def test_families_of_names(same: tuple[str, ...]) -> None:
    everything = ["K", "degC", "m/s", "hPa", "Pa", "1", "%", "m**2 s**-2", "m of water equivalent", "", "m", "mm", "km"]
    for unit in same:
        assert Variable("x", units=same[0]).has_units_of(Variable("x", units=unit))
    others = [unit for unit in everything if unit not in same]
    assert not any(have_same_meaning(unit, other) for unit in same for other in others)


FAMILIES = {
    "temperature": {"K": (1, 0), "degC": (1, 273.15), "degrees Celsius": (1, 273.15), "degF": (5 / 9, 459.67 * 5 / 9)},
    "pressure": {"Pa": (1, 0), "hPa": (100, 0), "millibars": (100, 0), "kPa": (1000, 0)},
    "share": {
        "1": (1, 0),
        "%": (0.01, 0),
        "(0 - 1)": (1, 0),
        "kg kg**-1": (1, 0),
        "g/kg": (0.001, 0),
        "ppm": (1e-6, 0),
    },
    "speed": {"m s**-1": (1, 0), "km h-1": (1 / 3.6, 0), "knots": (1852 / 3600, 0)},
    "geopotential": {"m**2 s**-2": (1, 0), "m2 s-2": (1, 0), "J kg-1": (1, 0)},
    "height": {"m": (1, 0), "km": (1000, 0), "dam": (10, 0), "mm": (0.001, 0)},
    "water": {"kg m-2": (1, 0), "g m**-2": (0.001, 0)},
    "flux": {"W m-2": (1, 0), "J m-2 s-1": (1, 0), "kW m**-2": (1000, 0)},
    "energy": {"J m-2": (1, 0), "kJ m-2": (1000, 0)},
    "rate": {"m s-2": (1, 0), "mm s-2": (0.001, 0)},
}
"""The scale and the offset to the first unit of each family."""
UNITS = st.sampled_from([(family, unit) for family, units in FAMILIES.items() for unit in units])


@given(UNITS, UNITS, st.floats(-1e4, 1e4))
def test_units_of_one_quantity_are_converted_and_no_others(found, wanted, value: float) -> None:  # type: ignore[no-untyped-def]
    line = conversion(found[1], wanted[1])
    if found[0] != wanted[0]:
        assert line is None
        return
    (scale, offset), (other, shift) = (FAMILIES[family][unit] for family, unit in (found, wanted))
    assert line is not None
    expected = (value * scale + offset - shift) / other
    assert value * line.scale + line.offset == pytest.approx(expected, rel=1e-9, abs=1e-9)
    back = conversion(wanted[1], found[1])
    assert back is not None
    assert (value * line.scale + line.offset) * back.scale + back.offset == pytest.approx(value, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("units", ["9**9**9", "m9999999", "dB", "", "m of water", "if", "C", "gpm", "__import__"])
def test_what_has_no_scale_and_offset_is_not_converted(units: str) -> None:
    for wanted in ("1", "m", "K"):
        assert conversion(units, wanted) is None
        assert conversion(wanted, units) is None


def test_degrees_of_temperature_are_no_angle() -> None:
    """One by one, the words of `degrees Celsius` would be 0.01745 times a temperature."""
    for units in ("degrees Celsius", "deg C", "° C"):
        assert conversion(units, "K") == (1.0, 273.15)
    for units in ("degree Kelvin", "deg K"):
        assert conversion(units, "K") == (1.0, 0.0)
    assert conversion("deg K/km", "K/m") == (0.001, 0.0)
    assert conversion("degree", "radian") == (pytest.approx(np.pi / 180), 0.0)


@given(st.text(max_size=12), st.sampled_from(["K", "1", "m s-1"]))
def test_any_text_is_an_answer(text: str, units: str) -> None:
    found = conversion(text, units)
    assert found is None or found.scale != 0
    assert is_known(text) in (True, False)
