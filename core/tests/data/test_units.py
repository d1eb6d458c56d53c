"""Units are the same however they are written, and different where they mean something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml.data.units import have_same_meaning
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
        ("K", "kelvin", "Kelvin", "degK"),
        ("degC", "celsius", "degrees_Celsius", "°C"),
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
