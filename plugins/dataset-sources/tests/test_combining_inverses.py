"""Every formula of `derive`: those with an inverse come back, and all take operands in any units."""

import pickle  # noqa: TID251  # as data-loader workers do
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from wxml import Grid, PluginChoice
from wxml.data.sphere import from_unit_vectors, unit_vectors
from wxml.data.units import conversion
from wxml_dataset_sources.combining.derivation import Derivation
from wxml_dataset_sources.combining.derive import Derive
from wxml_dataset_sources.combining.formulas import FORMULAS, NUMBER, Formula
from wxml_dataset_sources.combining.hybrid_levels import hybrid_numbers

WITHIN = 1e-7
Quantity = tuple[np.ndarray, str]
GLOBE = Grid.regular(np.linspace(90, -90, 19), np.arange(0, 360, 10))
PLANE = Grid.curvilinear(
    *np.meshgrid(np.linspace(40, 50, 5), np.linspace(0, 20, 6), indexing="ij") + np.linspace(0, 3, 30).reshape(5, 6)
)


def numbers(least: float, most: float, units: str) -> st.SearchStrategy[Quantity]:
    return st.floats(least, most).map(lambda value: (np.array(value), units))


def fields(grid: Grid, units: str) -> st.SearchStrategy[Quantity]:
    """Smooth fields without a mean: harmonics of the degrees 1 and 2."""
    x, y, z = unit_vectors(grid.latitudes, grid.longitudes).T
    waves = np.stack([x, y, z, x * y, y * z, z * x, x * x - y * y, 3 * z * z - 1])
    weights = st.lists(st.floats(-1e-5, 1e-5), min_size=8, max_size=8)
    return weights.map(lambda each: (np.array(each) @ waves, units))


TEMPERATURE, PRESSURE = numbers(180, 320, "K"), numbers(5000, 108000, "Pa")
HUMIDITY, PERCENT = numbers(1e-8, 0.04, "kg kg-1"), numbers(0.5, 110, "%")
WIND = (numbers(-150, 150, "m s-1"), numbers(-150, 150, "m s-1"))


class Inverse(NamedTuple):
    """Formulas of the same operands, and those that give the first of these back."""

    there: tuple[str, ...]
    back: tuple[str, ...]
    """They take what the others give, and after it the operands that are not given back."""
    operands: tuple[st.SearchStrategy[Quantity], ...]
    grid: Grid | None = None
    turns: bool = False
    """Whether the operand is an angle, and comes back from 0 to 360°."""
    within: float = WITHIN
    """Of the largest value."""


DEGREES = numbers(1, 359, "degree")
ROWS, COMPASS = ("wind-along-rows", "wind-along-columns"), ("wind-east", "wind-north")
ROTATION, FLOW = ("vorticity", "divergence"), ("wind-u-of-vorticity", "wind-v-of-vorticity")
INVERSES = [
    Inverse(("wind-speed", "wind-direction"), ("wind-u", "wind-v"), WIND),
    Inverse(("wind-u", "wind-v"), ("wind-speed", "wind-direction"), (numbers(0.1, 150, "m s-1"), DEGREES)),
    Inverse(("relative-humidity",), ("specific-humidity",), (HUMIDITY, TEMPERATURE, PRESSURE)),
    Inverse(("specific-humidity",), ("relative-humidity",), (PERCENT, TEMPERATURE, PRESSURE)),
    Inverse(("dewpoint",), ("specific-humidity-of-dewpoint",), (HUMIDITY, PRESSURE)),
    Inverse(("specific-humidity-of-dewpoint",), ("dewpoint",), (numbers(180, 305, "K"), PRESSURE)),
    Inverse(("relative-humidity-of-dewpoint",), ("dewpoint-of-relative-humidity",), (TEMPERATURE, TEMPERATURE)),
    Inverse(("dewpoint-of-relative-humidity",), ("relative-humidity-of-dewpoint",), (PERCENT, TEMPERATURE)),
    Inverse(("virtual-temperature",), ("temperature-of-virtual-temperature",), (TEMPERATURE, HUMIDITY)),
    Inverse(("temperature-of-virtual-temperature",), ("virtual-temperature",), (TEMPERATURE, HUMIDITY)),
    Inverse(("omega",), ("vertical-velocity",), (numbers(-50, 50, "m s-1"), TEMPERATURE, PRESSURE)),
    Inverse(("vertical-velocity",), ("omega",), (numbers(-50, 50, "Pa s-1"), TEMPERATURE, PRESSURE)),
    Inverse(("log-surface-pressure",), ("surface-pressure",), (PRESSURE,)),
    Inverse(("surface-pressure",), ("log-surface-pressure",), (numbers(10.0, 11.6, "1"),)),
    Inverse(("geopotential",), ("height",), (numbers(-500, 80_000, "m"),)),
    Inverse(("height",), ("geopotential",), (numbers(-5000, 800_000, "m2 s-2"),)),
    Inverse(("geopotential-height",), ("altitude-of-geopotential-height",), (numbers(-500, 100_000, "m"),)),
    Inverse(("altitude-of-geopotential-height",), ("geopotential-height",), (numbers(-500, 100_000, "m"),)),
    Inverse(("cosine", "sine"), ("angle",), (numbers(-720, 720, "degree"),), turns=True),
    Inverse(("difference",), ("sum",), (TEMPERATURE, TEMPERATURE)),
    Inverse(("sum",), ("difference",), (TEMPERATURE, TEMPERATURE)),
    Inverse(COMPASS, ROWS, (fields(PLANE, "m s-1"),) * 2, PLANE),
    Inverse(ROWS, COMPASS, (fields(PLANE, "m s-1"),) * 2, PLANE),
    Inverse(FLOW, ROTATION, (fields(GLOBE, "s-1"),) * 2, GLOBE, within=1e-4),
]  # fmt: skip
NO_INVERSE = {"clip", "snow-cover", "mask", "land-mask", "glacier-mask", "sea-ice-mask", "pressure", "altitude"}
"""What is cut off, or of several values gives one; and what only adds to its operand numbers that an option says."""


def of(name: str, grid: Grid | None, operands: list[Quantity]) -> Quantity:
    """What a formula gives, and its units; the operands are brought to the units that it takes."""
    formula = FORMULAS[name]
    takes = [*(formula.takes or ("",) * len(operands))] + ["Pa"] * formula.at_pressure
    taken = []
    for (values, units), wanted in zip(operands, takes, strict=True):
        line = conversion(units, "1" if wanted == NUMBER else wanted or units)
        assert line is not None, f"{name} takes {wanted}, and is given {units}"
        taken.append(values * line.scale + line.offset)
    before = [] if formula.prepare is None else [formula.prepare(grid)]
    return formula.compute(*before, *taken), operands[0][1] if formula.units is None else formula.units


def test_every_formula_has_an_inverse_or_is_known_to_have_none():
    both_ways = {name for each in INVERSES for name in (*each.there, *each.back)}
    assert both_ways | NO_INVERSE == set(FORMULAS)
    assert not both_ways & NO_INVERSE


@pytest.mark.parametrize("case", INVERSES, ids=lambda case: "+".join(case.there))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_there_and_back(case, data):
    operands = [data.draw(each) for each in case.operands]
    found = [of(name, case.grid, operands) for name in case.there]
    assume(all(np.isfinite(values).all() for values, _ in found))
    assume(case.there != ("specific-humidity",) or 0 < found[0][0] < 0.6)  # hot air under low pressure is all vapour
    assume(case.there != ("specific-humidity-of-dewpoint",) or 0 < found[0][0] < 0.6)
    kept = operands[len(case.back) :]
    for name, (values, units) in zip(case.back, operands, strict=False):
        again, given_units = of(name, case.grid, [*found, *kept])
        line = conversion(given_units, units)
        assert line is not None, f"{name} gives {given_units}, and was {units}"
        off = again * line.scale + line.offset - values
        if case.turns:
            off = (off + 180) % 360 - 180
        largest = max(np.abs(each).max() for each, _ in operands[: len(case.back)])
        assert np.abs(off).max() <= case.within * largest + 1e-12


OTHER_UNITS = {
    "kg kg-1": "g kg-1", "K": "degC", "%": "(0 - 1)", "m s-1": "km h-1", "Pa s-1": "hPa h-1", "Pa": "hPa",
    "m": "km", "m2 s-2": "kJ kg-1", "kg m-2": "g cm-2", "kg m-3": "g cm-3", "radian": "degree", "1": "%", "s-1": "h-1",
}  # fmt: skip
OPTIONS = {
    "pressure": {"a": [0.0, 1000.0, 0.0], "b": [0.0, 0.5, 1.0]},
    "altitude": {"levels": [10.0]},
    "mask": {"least": 250.0},
    "clip": {"least": 250.0},
}


def taken_units(formula: Formula) -> list[str]:
    takes = [*(formula.takes or ("K",))] + ["Pa"] * formula.at_pressure
    return ["1" if each == NUMBER else each or "m s-1" for each in takes]


@pytest.mark.parametrize("name", [name for name, formula in FORMULAS.items() if formula.prepare is None])
def test_every_formula_gives_the_same_of_operands_in_any_units(name, world, everything):
    formula = FORMULAS[name]
    units = dict(zip("abc", taken_units(formula), strict=False))
    plain = world(units)
    if name in ("surface-pressure", "land-mask", "sea-ice-mask"):
        scale = {"a": {"scale": 0.01, "units": "1"}}
        plain_choice = PluginChoice(plugin="rescale", source=plain.choice.model_dump(), variables=scale)
    else:
        plain_choice = plain.choice
    own = formula.units is None or name in (
        "mask",
        "wind-direction",
    )  # the units of the operands are those of the result
    others = {
        each: OTHER_UNITS[said]
        for each, said in units.items()
        if not (own and FORMULAS[name].takes is None) and not (own and each == "a")
    }
    converted = PluginChoice(plugin="convert", source=plain_choice.model_dump(), units=others)
    made = {"x": Derivation(formula=name, of=list(units), **OPTIONS.get(name, {}))}
    one, two = Derive(source=plain_choice, variables=made), Derive(source=converted, variables=made)
    new = one.header.variables[len(units) :]
    assert [each.units for each in new] == [each.units for each in two.header.variables[len(units) :]]
    if formula.units is not None:
        assert {each.units for each in new} == {formula.units}
    sent = pickle.loads(pickle.dumps(one))  # noqa: S301
    first, second = everything(sent), everything(two)
    for each in new:
        np.testing.assert_array_equal(np.isnan(first[each.name]), np.isnan(second[each.name]))
        far = np.abs(first[each.name])
        np.testing.assert_allclose(
            first[each.name], second[each.name], rtol=1e-4, atol=1e-5 * np.nanmax(far, initial=1)
        )


def test_numbers_of_hybrid_levels():
    assert hybrid_numbers(None, 3) == [1, 2, 3] == hybrid_numbers("full", 3)
    assert hybrid_numbers("half", 3) == [0.5, 1.5, 2.5, 3.5]


def test_places_of_the_plane_are_a_projected_grid():
    assert not PLANE.is_regular
    np.testing.assert_allclose(from_unit_vectors(unit_vectors(PLANE.latitudes, PLANE.longitudes))[0], PLANE.latitudes)
