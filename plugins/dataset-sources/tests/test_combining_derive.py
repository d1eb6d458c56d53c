"""Variables that are computed from others."""

import logging

import numpy as np
import pytest
import xarray as xr
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
    assert compute("wind-u", speed, np.radians(direction)) == pytest.approx(u, abs=1e-7)
    assert compute("wind-v", speed, np.radians(direction)) == pytest.approx(v, abs=1e-7)


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


@carries_out("give the new variable another name", "name {} variables in `of`")
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


@pytest.mark.parametrize("how", ["wind-speed", "wind-direction", "difference", "sum"])
@pytest.mark.parametrize("units", [("m s-1", "km h-1"), ("knots", "m s-1"), ("hPa", "Pa"), ("kg kg-1", "g/kg")])
def test_operands_are_taken_in_the_units_of_the_first(world, everything, how, units, caplog):
    same = world(dict.fromkeys("ab", units[0]))
    made = {"x": Derivation(formula=how, of=["a", "b"])}
    converted = PluginChoice(plugin="convert", source=same.choice.model_dump(), units={"b": units[1]})
    one, other = Derive(source=same.choice, variables=made), Derive(source=converted, variables=made)
    assert one.header.variables[-1] == other.header.variables[-1]
    np.testing.assert_allclose(everything(one)["x"], everything(other)["x"], rtol=1e-5, atol=1e-4)
    with caplog.at_level(logging.INFO, "wxml"):
        Derive(source=converted, variables=made)
    said = f"'x' is made of 'a' in {units[0]!r} and 'b' in {units[1]!r}, which is converted to {units[0]!r}"
    assert caplog.messages == [said]


@pytest.mark.parametrize(
    ("formula", "of", "units"),
    [
        ("relative-humidity", {"q": "kg kg-1", "t": "K", "p": "Pa"}, {"q": "g kg-1", "t": "degC", "p": "hPa"}),
        ("specific-humidity", {"r": "%", "t": "K", "p": "Pa"}, {"r": "(0 - 1)", "t": "degF", "p": "hPa"}),
        ("omega", {"w": "m s-1", "t": "K", "p": "Pa"}, {"w": "km h-1", "t": "degC", "p": "mbar"}),
        ("virtual-temperature", {"t": "K", "q": "kg kg-1"}, {"t": "degC", "q": "%"}),
        ("geopotential", {"h": "m"}, {"h": "km"}),
        ("cosine", {"d": "degree"}, {"d": "radian"}),
        ("log-surface-pressure", {"p": "Pa"}, {"p": "hPa"}),
    ],
)
def test_a_formula_gives_the_same_of_operands_in_any_units(world, everything, formula, of, units):
    plain = world(of)
    made = {"x": Derivation(formula=formula, of=list(of))}
    other = PluginChoice(plugin="convert", source=plain.choice.model_dump(), units=units)
    one, two = Derive(source=plain.choice, variables=made), Derive(source=other, variables=made)
    assert one.header.variables[-1].units == two.header.variables[-1].units
    np.testing.assert_allclose(everything(one)["x"], everything(two)["x"], rtol=3e-5, atol=1e-6)


@carries_out(
    "bring both to the same units with `convert`",
    "take variables of the same quantity, and say the units of those without any with `rescale`",
)
def test_temperatures_with_another_zero(world, everything):
    one = world({"t": "degC", "k": "K", "u": "m s-1", "none": ""})

    def make(formula, *of, choice=one.choice):
        return Derive(source=choice, variables={"x": Derivation(formula=formula, of=list(of))})

    less = make("difference", "t", "k")
    assert less.header.variables[-1].units == "K"  # 5 °C would be 278.15 K, which no difference is
    expected = one.values["t"] + 273.15 - one.values["k"]
    np.testing.assert_allclose(everything(less)["x"], expected, atol=1e-3)
    with pytest.raises(DataError, match="made of 't' in 'degC' and 'k' in 'K', whose zeros are not the same"):
        make("sum", "t", "k")
    converted = PluginChoice(plugin="convert", source=one.choice.model_dump(), units={"t": "K"})
    assert make("sum", "t", "k", choice=converted).header.variables[-1].units == "K"
    for other in ("u", "none"):
        with pytest.raises(DataError, match=f"made of 't' in 'degC' and '{other}' in"):
            make("sum", "t", other)
    said = PluginChoice(plugin="rescale", source=one.choice.model_dump(), variables={"none": {"units": "degC"}})
    assert make("sum", "t", "none", choice=said).header.variables[-1].units == "degC"


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


def of_levels(path, **levels: list[float]) -> PluginChoice:
    """A source of parameters at pressure levels (hPa), or at none; each has one value, which is its first level."""
    axes = {
        "time": [np.datetime64("2000-01-01", "ns")],
        "latitude": ("latitude", [1.0, 0.0], {"units": "degrees_north"}),
        "longitude": ("longitude", [0.0, 1.0], {"units": "degrees_east"}),
    }
    dataset = xr.Dataset(coords=axes)
    units = {"t": "K", "q": "g kg-1", "sp": "hPa", "r": "%", "z": "m2 s-2"}
    values = {"t": 280.0, "q": 5.0, "sp": 900.0, "r": 40.0, "z": 1000.0}
    for name, heights in levels.items():
        field = np.full((1, 2, 2), values[name], "f4")
        if heights:
            dataset[f"{name}_level"] = (f"{name}_level", heights, {"units": "hPa", "axis": "Z"})
            field = field[:, None] + np.arange(len(heights), dtype="f4")[:, None, None]
            dataset[name] = (("time", f"{name}_level", "latitude", "longitude"), field, {"units": units[name]})
        else:
            dataset[name] = (("time", "latitude", "longitude"), field, {"units": units[name]})
    dataset.to_netcdf(path)
    return PluginChoice(plugin="xarray", path=str(path))


def test_all_levels_at_once_and_units_are_converted(tmp_path, caplog):
    choice = of_levels(tmp_path / "x.nc", t=[500.0, 850.0, 1000.0], q=[1000.0, 850.0], sp=[])
    with caplog.at_level(logging.WARNING, "wxml"):
        source = Derive(
            source=choice,
            variables={
                "r": Derivation(formula="relative-humidity", of=["q", "t"]),
                "near": Derivation(formula="relative-humidity", of=["q", "t", "sp"]),
                "surface": Derivation(formula="dewpoint", of=["q_1000", "sp"]),
            },
        )
    assert "'r' is not made at level 500, which not all of its variables have" in caplog.messages
    names = ("r_1000", "r_850", "near_1000", "near_850", "surface")
    assert source.header.names[-5:] == names
    made = {variable.name: variable for variable in source.header.variables}
    assert (made["r_850"].param, made["r_850"].level, made["r_850"].level_units) == ("r", 850, "hPa")
    assert [made[name].units for name in names] == ["%", "%", "%", "%", "K"]
    values = source.read(source.header.times, names)[0, 0, :, 0]
    expected = [
        compute("relative-humidity", 5e-3, 282.0, 1e5),
        compute("relative-humidity", 6e-3, 281.0, 85000),
        compute("relative-humidity", 5e-3, 282.0, 9e4),
        compute("relative-humidity", 6e-3, 281.0, 9e4),
        compute("dewpoint", 5e-3, 9e4),
    ]
    np.testing.assert_allclose(values, expected, rtol=1e-6)


@carries_out(
    "name variables at one level each, such as t_850, or parameters with the same levels",
    "name the variable that is the pressure, such as sp, as the last one in `of`",
)
def test_levels_and_pressures_that_are_not_known(tmp_path):
    choice = of_levels(tmp_path / "x.nc", t=[500.0, 850.0], q=[1000.0, 925.0], r=[], sp=[], z=[500.0])

    def make(formula, *of):
        return Derive(source=choice, variables={"x": Derivation(formula=formula, of=list(of))})

    with pytest.raises(DataError, match="the variables of 'x' have no level in common"):
        make("relative-humidity", "q", "t", "sp")
    assert make("relative-humidity", "q_1000", "t_850", "sp").header.names[-1] == "x"
    for of in (("r", "t"), ("r", "t_850")):
        with pytest.raises(
            DataError, match=r"`specific-humidity` takes the pressure, and r, t_\d+ are not at one pressure"
        ):
            make("specific-humidity", *of)
        assert make("specific-humidity", *of, "sp").header.variables[-1].units == "kg kg-1"
    with pytest.raises(DataError, match="'t_500' is in 'K', which cannot be converted to 'm'"):
        make("geopotential", "t_500")
    heights = make("height", "z").header.variables[-1]
    assert (heights.name, heights.units, heights.level) == ("x", "m", 500)


@carries_out(
    "leave it out, or derive another variable from this one, in a second `derive`",
    "write for example {formula: clip, of: [q], least: 0}",
)
def test_values_are_clipped(world, everything):
    one = world("t")

    def make(choice=one.choice, of="t", formula="clip", **limits):
        return Derive(source=choice, variables={"x": Derivation(formula=formula, of=[of], **limits)})

    for limits in ({}, {"least": 250.0, "most": 240.0}):
        with pytest.raises(DataError, match="`clip` needs `least`, `most`, or both in this order, got"):
            make(**limits)
    with pytest.raises(DataError, match=r"`least` is for `mask`, .*`clip`, got it for `sum`"):
        make(formula="sum", least=0.0)
    total = PluginChoice(
        plugin="derive", source=one.choice.model_dump(), variables={"s": {"formula": "sum", "of": ["t"]}}
    )
    found = everything(make(total, "s", least=220.0, most=230.0))["x"]
    np.testing.assert_allclose(found, one.values["t"].clip(220, 230))
    assert (everything(make(least=220.0))["x"] >= 220).all()


def test_what_a_formula_is_not_defined_for_is_missing(tmp_path):
    choice = of_levels(tmp_path / "x.nc", q=[], sp=[])
    less = PluginChoice(
        plugin="rescale", source=choice.model_dump(), variables={"q": {"scale": -0.001, "units": "kg kg-1"}}
    )
    source = Derive(source=less, variables={"d": Derivation(formula="dewpoint", of=["q", "sp"])})
    assert np.isnan(source.read(source.header.times, ["d"])).all()


def test_a_derived_variable_is_no_parameter_of_grib(tmp_path):
    choice = of_levels(tmp_path / "x.nc", t=[500.0, 850.0])
    source = Derive(source=choice, variables={"x": Derivation(formula="difference", of=["t_500", "t_850"])})
    made = source.header.variables[-1]
    assert (made.level, made.grib, made.standard_name, made.level_type) == (None, "", "", "")


@carries_out("name another variable in `of`, or take the variable as it is, if it is what you want to have")
def test_the_exponential_of_a_pressure_is_refused(world, everything):
    one = world({"sp": "Pa", "none": "", "tilde": "~", "ln": "ln(Pa)", "one": "1"})
    small = {"plugin": "rescale", "source": one.choice.model_dump()}
    choice = PluginChoice(**small, variables={"none": {"scale": 0.04, "units": "1"}})

    def make(of, formula="surface-pressure", choice=one.choice):
        return Derive(source=choice, variables={"x": Derivation(formula=formula, of=[of])})

    with pytest.raises(DataError, match="`surface-pressure` takes a number without a dimension, and 'sp' is in 'Pa'"):
        make("sp")
    for name in ("none", "tilde", "ln", "one"):
        assert make(name).header.variables[-1].units == "Pa"
    found = everything(make("none", choice=choice))
    np.testing.assert_allclose(found["x"], np.exp(found["none"].astype("f8")), rtol=1e-5)
    assert np.isfinite(found["x"]).all()
    assert make("sp", "log-surface-pressure").header.names[-1] == "x"


@carries_out(
    "add `{}`, {}",
    "choose among 1 to {}, and 0.5 to {} for half levels",
)
def test_the_pressure_of_hybrid_levels(world, everything):
    one = world({"sp": "hPa"})
    a, b = [0.0, 10000.0, 0.0], [0.0, 0.5, 1.0]

    def make(**options):
        return Derive(source=one.choice, variables={"p": Derivation(formula="pressure", of=["sp"], **options)})

    full, half = make(a=a, b=b), make(a=a, b=b, levels="half")
    assert full.header.names == ("sp", "p_1", "p_2")
    assert half.header.names == ("sp", "p_0.5", "p_1.5", "p_2.5")
    made = full.header.variables[-1]
    assert (made.param, made.level, made.level_type, made.level_units, made.units) == ("p", 2, "hybrid", "", "Pa")
    surface = 100 * one.values["sp"].astype("f8")
    found = everything(half) | everything(full)
    np.testing.assert_allclose(found["p_0.5"], 0 * surface)
    np.testing.assert_allclose(found["p_1.5"], 10000 + surface / 2, rtol=1e-6)
    np.testing.assert_allclose(found["p_2.5"], surface, rtol=1e-6)
    np.testing.assert_allclose(found["p_1"], 5000 + surface / 4, rtol=1e-6)
    np.testing.assert_allclose(found["p_2"], 5000 + surface * 3 / 4, rtol=1e-6)
    assert make(a=a, b=b, levels=[2, 1.5]).header.names[1:] == ("p_2", "p_1.5")
    with pytest.raises(DataError, match="`levels` names 3, which is no hybrid level of `a` and `b`"):
        make(a=a, b=b, levels=[3])
    with pytest.raises(DataError, match=r"`pressure` needs `a`, got none \(variables\.p\)"):
        make(b=b)
    with pytest.raises(DataError, match="are no half levels from the top on"):
        make(a=a, b=b[:-1])


def test_the_pressure_of_hybrid_levels_counts_for_humidity_at_these(tmp_path, everything):
    axes = {
        "time": [np.datetime64("2000-01-01", "ns")],
        "hybrid": ("hybrid", [1, 2], {"units": "1", "standard_name": "atmosphere_hybrid_sigma_pressure_coordinate"}),
        "latitude": ("latitude", [1.0, 0.0], {"units": "degrees_north"}),
        "longitude": ("longitude", [0.0, 1.0], {"units": "degrees_east"}),
    }
    flat = ("time", "hybrid", "latitude", "longitude")
    fields = {
        "t": (flat, np.full((1, 2, 2, 2), 280.0, "f4"), {"units": "K"}),
        "q": (flat, np.full((1, 2, 2, 2), 0.004, "f4"), {"units": "kg kg-1"}),
        "sp": (("time", "latitude", "longitude"), np.full((1, 2, 2), 1e5, "f4"), {"units": "Pa"}),
    }
    xr.Dataset(fields, axes).to_netcdf(tmp_path / "x.nc")
    coefficients = {"a": [0.0, 10000.0, 0.0], "b": [0.0, 0.5, 1.0]}
    inner = PluginChoice(
        plugin="derive",
        source={"plugin": "xarray", "path": str(tmp_path / "x.nc")},
        variables={"p": {"formula": "pressure", "of": ["sp"], **coefficients}},
    )
    source = Derive(source=inner, variables={"r": Derivation(formula="relative-humidity", of=["q", "t", "p"])})
    made = {variable.name: variable for variable in source.header.variables}
    assert (made["r_2"].level, made["r_2"].level_type) == (2, "hybrid")
    found = everything(source)
    for name, pressure in (("r_1", 30000.0), ("r_2", 80000.0)):
        np.testing.assert_allclose(found[name], compute("relative-humidity", 0.004, 280.0, pressure), rtol=1e-5)


@carries_out("write for example levels: [10, 100]")
def test_altitudes_of_heights_above_the_ground(world, everything):
    one = world({"orog": "km"})
    how = Derivation(formula="altitude", of=["orog"], levels=[10, 100])
    source = Derive(source=one.choice, variables={"alt": how})
    assert source.header.names[-2:] == ("alt_10", "alt_100")
    made = source.header.variables[-1]
    assert (made.level, made.level_units, made.level_type, made.units) == (100, "m", "heightAboveGround", "m")
    np.testing.assert_allclose(everything(source)["alt_100"], 1000 * one.values["orog"] + 100, rtol=1e-6)
    with pytest.raises(DataError, match=r"`levels` of `altitude` are heights above the ground in m, got 'half'"):
        Derive(source=one.choice, variables={"alt": Derivation(formula="altitude", of=["orog"], levels="half")})
    assert compute("geopotential-height", 11019.0) == pytest.approx(11000, abs=0.5)  # the tropopause of the ICAO


@carries_out(
    "write for example {formula: mask, of: [lsm], least: 0.5}, or {formula: mask, of: [slt], classes: [1]}",
    "leave it out, or derive another variable from this one, in a second `derive`",
)
def test_masks_of_shares_snow_and_types_of_soil(tmp_path):
    values = {
        "lsm": ([0.2, 0.5, 1.0, np.nan], "1"),
        "sd": ([0.0, 3.0, 10.0, np.nan], "Mg m-2"),  # m of water
        "slt": ([1.0, 6.0, 0.0, np.nan], "1"),
        "ci": ([0.1, 0.15, 0.9, np.nan], "1"),
    }
    axes = {"time": [np.datetime64("2000-01-01", "ns")], "latitude": [1.0, 0.0], "longitude": [0.0, 1.0]}
    fields = {
        name: (("time", "latitude", "longitude"), np.reshape(each, (1, 2, 2)).astype("f4"), {"units": units})
        for name, (each, units) in values.items()
    }
    xr.Dataset(fields, axes).to_netcdf(tmp_path / "x.nc")
    choice = PluginChoice(plugin="xarray", path=str(tmp_path / "x.nc"))

    def found(formula, of, **options):
        source = Derive(source=choice, variables={"x": Derivation(formula=formula, of=[of], **options)})
        assert source.header.variables[-1].units == "1"
        return source.read(source.header.times, ["x"])[0, 0, 0].tolist()

    assert found("land-mask", "lsm")[:3] == [0, 1, 1]
    assert np.isnan(found("land-mask", "lsm")[3])
    assert found("land-mask", "lsm", least=0.1)[:3] == [1, 1, 1]
    assert found("glacier-mask", "sd")[:3] == [0, 0, 1]
    assert found("glacier-mask", "sd", least=2000)[:3] == [0, 1, 1]
    assert found("sea-ice-mask", "ci", least=0.2)[:3] == [0, 0, 1]
    assert found("mask", "slt", classes=[1, 6])[:3] == [1, 1, 0]
    assert found("mask", "slt", least=1, most=1)[:3] == [1, 0, 0]
    for options in ({}, {"classes": [1], "least": 1}):
        with pytest.raises(DataError, match="`mask` needs `least`, `most` or both, or `classes`, got"):
            found("mask", "slt", **options)
    with pytest.raises(DataError, match=r"`mask` needs `least`, `most`, or both in this order, got 2\.0 and 1\.0"):
        found("mask", "slt", least=2, most=1)
    with pytest.raises(DataError, match="`classes` is for `mask`, got it for `land-mask`"):
        found("land-mask", "lsm", classes=[1])
