"""Variables that are computed from others."""

import numpy as np
import pytest
from wxml import PluginChoice
from wxml.errors import DataError
from wxml_dataset_sources.combining.derive import Derivation, Derive
from wxml_dataset_sources.combining.formulas import FORMULAS

carries_out = pytest.mark.carries_out


def compute(formula: str, *operands: float) -> float:
    return float(FORMULAS[formula].compute(*(np.array(operand) for operand in operands)))


@pytest.mark.parametrize(
    ("u", "v", "speed", "direction"),
    [(5, 0, 5, 270), (-5, 0, 5, 90), (0, 5, 5, 180), (0, -5, 5, 0), (3, 4, 5, 216.869898), (-1, -1, 2**0.5, 45)],
)
def test_the_wind_by_hand_and_back(u, v, speed, direction):
    assert compute("wind-speed", u, v) == pytest.approx(speed)
    assert compute("wind-direction", u, v) == pytest.approx(direction)
    assert compute("wind-u", speed, direction) == pytest.approx(u, abs=1e-7)
    assert compute("wind-v", speed, direction) == pytest.approx(v, abs=1e-7)


def test_new_variables_stand_behind_the_others(world, everything):
    one = world({"u": "m s-1", "v": "m/s", "p": "Pa"}, members=2)
    source = Derive(
        source=one.choice,
        variables={
            "speed": Derivation(formula="wind-speed", of=["u", "v"]),
            "from": Derivation(formula="wind-direction", of=["u", "v"]),
            "twice": Derivation(formula="sum", of=["p", "p"]),
            "less": Derivation(formula="difference", of=["v", "u"]),
        },
    )
    assert source.header.names == ("u", "v", "p", "speed", "from", "twice", "less")
    assert [variable.units for variable in source.header.variables[3:]] == ["m s-1", "degree", "Pa", "m/s"]
    found = everything(source)
    u, v, p = (one.values[name].astype("f8") for name in ("u", "v", "p"))
    expected = {"u": u, "p": p, "speed": np.sqrt(u**2 + v**2), "twice": 2 * p, "less": v - u}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6, atol=1e-6)
    alone = source.read(one.times[:1], ["speed"])
    np.testing.assert_array_equal(alone[:, :, 0], found["speed"][:1])


def test_there_and_back(world, everything):
    one = world({"u": "m s-1", "v": "m s-1"})
    polar = {"s": {"formula": "wind-speed", "of": ["u", "v"]}, "d": {"formula": "wind-direction", "of": ["u", "v"]}}
    inner = PluginChoice(plugin="derive", source=one.choice.model_dump(), variables=polar)
    back = {name: Derivation(formula=f"wind-{name[0]}", of=["s", "d"]) for name in ("u2", "v2")}
    found = everything(Derive(source=inner, variables=back))
    for name in "uv":
        np.testing.assert_allclose(found[f"{name}2"], one.values[name], rtol=1e-5)


@carries_out(
    "give the new variable another name", "name {} variables in `of`", "bring both to the same units with `convert`"
)
def test_what_does_not_fit_a_formula(world):
    one = world({"u": "m s-1", "v": "km h-1", "p": "Pa"})

    def make(name, formula, *of, choice=one.choice):
        return Derive(source=choice, variables={name: Derivation(formula=formula, of=list(of))})

    with pytest.raises(DataError, match="`variables` names 'u', which the source has"):
        make("u", "sum", "p")
    assert make("w", "sum", "p").header.names[-1] == "w"
    with pytest.raises(DataError, match=r"`wind-speed` takes 2 variables, got 1 \(variables\.s\.of\): u"):
        make("s", "wind-speed", "u")
    assert make("s", "wind-speed", "u", "u").header.names[-1] == "s"
    with pytest.raises(DataError, match="'s' is made of 'u' in 'm s-1' and 'v' in 'km h-1'"):
        make("s", "wind-speed", "u", "v")
    converted = PluginChoice(plugin="convert", source=one.choice.model_dump(), units={"v": "m s-1"})
    assert make("s", "wind-speed", "u", "v", choice=converted).header.names[-1] == "s"


@carries_out("take variables of the same step type and period, as `rolling` gives them")
def test_an_instant_and_a_mean_are_not_added(world):
    one = world("t z")
    rolled = {"plugin": "rolling", "window": "12h", "source": one.choice.model_dump()}
    mixed = PluginChoice(**rolled, variables=["t"])
    both = {"x": Derivation(formula="sum", of=["t", "z"])}
    with pytest.raises(DataError, match="'x' is made of 't', which is avg 12h, and 'z', which is of no step type"):
        Derive(source=mixed, variables=both)
    source = Derive(source=PluginChoice(**rolled), variables=both)
    assert (source.header.variables[-1].step_type, source.header.variables[-1].period) == ("avg", "12h")
