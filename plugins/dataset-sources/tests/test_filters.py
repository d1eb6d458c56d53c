"""Filters of states: closed forms, round trips, and the contract of each."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from wxml import DataError, Fields, FilterSpace, Grid, Variable
from wxml.config.forecast_schema import FilterChoice
from wxml.config.state_filters import FilterChain
from wxml.forecasting.filters import filtered_fields
from wxml.plugins.create import parse_options
from wxml.testing import StateFilterContract
from wxml_dataset_sources.filtering.blending import BlendFilter
from wxml_dataset_sources.filtering.deriving import DeriveFilter
from wxml_dataset_sources.filtering.heights import LapseRateFilter
from wxml_dataset_sources.filtering.limits import ClipFilter, MaskFilter
from wxml_dataset_sources.filtering.regridding import RegridFilter
from wxml_dataset_sources.filtering.renaming import RenameFilter, UnitsFilter
from wxml_dataset_sources.filtering.summing import AccumulateFilter, IncrementsFilter

HOUR, START = np.timedelta64(1, "h"), np.datetime64("2020-01-01T00", "s")
GRID = Grid.regular([45, -45], [0, 90, 180, 270])


class TestRename(StateFilterContract):
    plugin, options = RenameFilter, {"names": {"t": "air"}}


class TestUnits(StateFilterContract):
    plugin, options = UnitsFilter, {"units": {"t": "degC"}}


class TestRegrid(StateFilterContract):
    plugin, options = RegridFilter, {"to": {"degrees": 22.5}, "methods": {"tp": "conservative", "lsm": "nearest"}}


class TestClip(StateFilterContract):
    plugin, options = ClipFilter, {"variables": ["q"], "least": 0.001}


class TestMask(StateFilterContract):
    plugin, options = MaskFilter, {"variables": ["t"], "by": "lsm", "most": 0.5}


class TestDerive(StateFilterContract):
    plugin, options = DeriveFilter, {"variables": {"ws": {"formula": "wind-speed", "of": ["10u", "10v"]}}}


class TestAccumulate(StateFilterContract):
    plugin, options = AccumulateFilter, {"variables": ["tp"]}


class TestIncrements(StateFilterContract):
    plugin, options = IncrementsFilter, {"variables": ["tp"]}


def made(plugin, variables, /, **options):
    """A filter on eight nodes, six-hourly."""
    space = FilterSpace(GRID, tuple(variables), np.timedelta64(6 * 3600, "s"))
    return plugin(space, **parse_options(plugin, options))


def state(*rows) -> np.ndarray:
    """One member; a row of values, or the same value at each node."""
    return np.stack([np.broadcast_to(np.asarray(row, "f4"), 8) for row in rows])[None]


def run(one, *states):
    """What comes out of each step."""
    leads = [(number + 1) * 6 * HOUR.astype("m8[s]") for number in range(len(states))]
    return [one.apply(values, START + lead, lead) for values, lead in zip(states, leads, strict=True)]


T, T850 = Variable("t2m", units="K"), Variable("t_850", param="t", level=850, units="K", level_units="hPa")
T500 = Variable("t_500", param="t", level=500, units="K", level_units="hPa")
U, V = Variable("10u", units="m s-1"), Variable("10v", units="m s-1")
RAIN = Variable("tp", units="m", step_type="accum", period="6h")


def test_a_parameter_is_renamed_at_all_of_its_levels() -> None:
    one = made(RenameFilter, [T850, T500, U], names={"t": "ta", "10u": "u10"})
    assert [(each.name, each.param) for each in one.variables] == [("ta_850", "ta"), ("ta_500", "ta"), ("u10", "u10")]
    np.testing.assert_array_equal(run(one, state(1, 2, 3))[0], state(1, 2, 3))


@pytest.mark.carries_out("give each a name of its own")
def test_two_variables_do_not_get_one_name() -> None:
    with pytest.raises(DataError, match="gives 'x' to several"):
        made(RenameFilter, [U, V], names={"10u": "x", "10v": "x"})
    assert [one.name for one in made(RenameFilter, [U, V], names={"10u": "x", "10v": "y"}).variables] == ["x", "y"]


def test_units_there_and_back() -> None:
    celsius = made(UnitsFilter, [T, U], units={"t2m": "degC"})
    assert [one.units for one in celsius.variables] == ["degC", "m s-1"]
    (warm,) = run(celsius, state(300.0, 5.0))
    np.testing.assert_allclose(warm, state(26.85, 5.0), rtol=1e-6)
    kelvin = made(UnitsFilter, celsius.variables, units={"t2m": "K"})
    np.testing.assert_allclose(run(kelvin, warm)[0], state(300.0, 5.0), rtol=1e-6)


def test_speed_and_direction_of_the_wind() -> None:
    """A wind of 3 m/s from the west and 4 m/s from the south is one of 5 m/s from 216.87°."""
    how = {
        "ws": {"formula": "wind-speed", "of": ["10u", "10v"]},
        "wd": {"formula": "wind-direction", "of": ["10u", "10v"]},
    }
    one = made(DeriveFilter, [U, V], variables=how)
    assert [(each.name, each.units) for each in one.variables[2:]] == [("ws", "m s-1"), ("wd", "degree")]
    np.testing.assert_allclose(run(one, state(3, 4))[0], state(3, 4, 5, 270 - np.degrees(np.arctan2(4, 3))), rtol=1e-6)


def test_dew_point_and_humidity_there_and_back() -> None:
    """Through both formulas the specific humidity comes back; at saturation the dew point is the temperature."""
    there = {"d_850": {"formula": "dewpoint", "of": ["q_850"]}}
    q = Variable("q_850", param="q", level=850, units="kg kg-1", level_units="hPa")
    dew = made(DeriveFilter, [q], variables=there)
    back = made(
        DeriveFilter, dew.variables, variables={"q2": {"formula": "specific-humidity-of-dewpoint", "of": ["d_850"]}}
    )
    values = state(np.linspace(1e-4, 0.02, 8))
    (after,) = run(back, run(dew, values)[0])
    np.testing.assert_allclose(after[:, 2], values[:, 0], rtol=2e-5)


def test_values_beyond_a_limit_are_set_to_it_and_missing_ones_stay() -> None:
    one = made(ClipFilter, [T, U], variables=["10u"], least=-1, most=1)
    values = state(300, [-3, -1, 0, 1, 3, np.nan, 0.5, 2])
    np.testing.assert_array_equal(run(one, values)[0], state(300, [-1, -1, 0, 1, 1, np.nan, 0.5, 1]))


@pytest.mark.carries_out("write for example least: 0")
def test_limits_are_there_and_in_order() -> None:
    for wrong in ({}, {"least": 2, "most": 1}):
        with pytest.raises(DataError, match="`least`, `most`, or both"):
            made(ClipFilter, [T], variables=["t2m"], **wrong)
    np.testing.assert_array_equal(run(made(ClipFilter, [T], variables=["t2m"], least=0), state(-1))[0], state(0))


def test_there_is_no_value_where_another_one_is_beyond_a_limit() -> None:
    one = made(MaskFilter, [T, Variable("lsm", units="1")], variables=["t2m"], by="lsm", most=0.5)
    land = [0, 0.5, 0.6, 1, 0, 0, 1, np.nan]
    masked = [280, 280, np.nan, np.nan, 280, 280, np.nan, np.nan]
    np.testing.assert_array_equal(run(one, state(280, land))[0], state(masked, land))


def test_sums_never_fall_and_negative_amounts_are_counted(caplog) -> None:
    caplog.set_level("INFO", "wxml")
    one = made(AccumulateFilter, [RAIN], variables=["tp"])
    assert (one.variables[0].step_type, one.variables[0].period) == ("accum", "")
    steps = run(one, state(1), state([-1, -1, 0, 0, 0, 0, 0, 0]), state(0.5))
    np.testing.assert_array_equal(np.concatenate(steps)[:, 0, :3], [[1, 1, 1], [1, 1, 1], [1.5, 1.5, 1.5]])
    assert [record.getMessage() for record in caplog.records] == [
        "2 negative amounts of the step to 2020-01-01T12 count as 0"
    ]


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=8, max_size=8), min_size=1, max_size=6))
def test_increments_of_sums_are_the_amounts(amounts) -> None:
    """To the precision of float32 at the size of the sum."""
    states = [state(row) for row in amounts]
    total = run(made(AccumulateFilter, [RAIN], variables=["tp"]), *states)
    apart = made(IncrementsFilter, made(AccumulateFilter, [RAIN], variables=["tp"]).variables, variables=["tp"])
    assert apart.variables == (RAIN,)
    for found, expected in zip(run(apart, *total), states, strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.carries_out("name variables that hold the amounts of each step")
def test_only_amounts_of_each_step_are_summed() -> None:
    for wrong in (Variable("tp", step_type="accum", period="1h"), Variable("tp", step_type="instant")):
        with pytest.raises(DataError, match="amounts of each step of 6h are summed"):
            made(AccumulateFilter, [wrong], variables=["tp"])
    assert made(AccumulateFilter, [RAIN, T], variables=["tp"]).variables[1] == T


def field(path, name, values, units, times=(START,), north=45.0) -> dict:
    """A file with a field on the nodes, and the section that reads it."""
    shape = (len(times), 2, 4)
    data = np.broadcast_to(np.asarray(values, "f4").reshape(-1, 2, 4), shape)
    axes = ("time", "latitude", "longitude")
    about = {
        "time": np.array(times, "M8[ns]"),
        "latitude": ("latitude", [north, -north], {"units": "degrees_north"}),
        "longitude": ("longitude", 90.0 * np.arange(4), {"units": "degrees_east"}),
    }
    xr.Dataset({name: (axes, data, {"units": units})}, about).to_netcdf(path)
    return {"plugin": "xarray", "path": str(path)}


@pytest.mark.carries_out("name temperatures in K or degC in `variables`")
def test_temperatures_are_brought_to_the_true_height(tmp_path) -> None:
    """6.5 K per km: 200 m too high in the model is 1.3 K too cold; beyond 1500 m nothing changes. Heights are in km."""
    model = field(tmp_path / "model.nc", "orog", [0.2, 0, 2, 1, 0, 0, 0, 0], "km")
    true = field(tmp_path / "true.nc", "orog", [0, 200, 0, 1000, 0, 0, 0, -100], "m")
    one = made(LapseRateFilter, [T], variables=["t2m"], model=model, true=true)
    expected = [281.3, 278.7, 280, 280, 280, 280, 280, 280.65]
    np.testing.assert_allclose(run(one, state(280))[0], state(expected), rtol=1e-6)
    with pytest.raises(DataError, match="changes temperatures"):
        made(LapseRateFilter, [U], variables=["10u"], model=model, true=true)


def test_forecasts_are_drawn_to_observations_where_there_are_any(tmp_path) -> None:
    """w = ½ exp(−6 h / 12 h) in the first step; at the second there is no observation. Those are in °C."""
    observed = [10, 10, np.nan, 20, 20, 20, np.nan, 0]
    source = field(tmp_path / "o.nc", "t2m", observed, "degC", [START + 6 * HOUR])
    one = made(BlendFilter, [T], variables=["t2m"], source=source, weight=0.5, decay="12h")
    first, second = run(one, state(280), state(280))
    weight, kelvin = 0.5 * np.exp(-0.5), np.array(observed) + 273.15
    expected = np.where(np.isnan(kelvin), 280, 280 + weight * (kelvin - 280))
    np.testing.assert_allclose(first, state(expected), rtol=1e-6)
    np.testing.assert_array_equal(second, state(280))


@pytest.mark.carries_out("bring it there with `regrid`")
def test_a_field_beside_the_state_has_its_nodes(tmp_path) -> None:
    source = field(tmp_path / "o.nc", "t2m", np.zeros(8), "K")
    elsewhere = FilterSpace(Grid.regular([30, -30], [0, 90, 180, 270]), (T,), np.timedelta64(6, "h"))
    given = {"variables": ["t2m"], "source": source}
    with pytest.raises(DataError, match="other nodes"):
        BlendFilter(elsewhere, **parse_options(BlendFilter, given))
    like = field(tmp_path / "like.nc", "t2m", np.zeros(8), "K", north=30.0)
    brought = {"plugin": "regrid", "method": "nearest", "source": source, "to": {"like": like}}
    BlendFilter(elsewhere, **parse_options(BlendFilter, given | {"source": brought}))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))


FROM = Grid.regular(np.arange(90, -91, -10), np.arange(0, 360, 10))


def regridded(grid: Grid, *fields, **options) -> tuple[RegridFilter, np.ndarray]:
    variables = tuple(Variable(f"v{number}", param="v") for number in range(len(fields)))
    one = RegridFilter(FilterSpace(grid, variables, 6 * HOUR), **parse_options(RegridFilter, options))
    values = np.stack([np.broadcast_to(field, len(grid)) for field in fields]).astype("f4")[None]
    return one, one.apply(values, START)[0]


@pytest.mark.parametrize(("grid", "error"), [(FROM, 1e-4), (Grid.octahedral(24), 0.06)], ids=["rows", "octahedral"])
def test_constant_and_linear_fields_stay_what_they_are_on_another_grid(grid: Grid, error: float) -> None:
    """280 K everywhere, and the latitude: exact between rows, and on triangles up to the curve of their edges."""
    one, (constant, latitude) = regridded(grid, 280.0, grid.latitudes, to={"degrees": 7.5})
    assert one.grid.is_regular
    assert one.grid.shape == (25, 48)
    np.testing.assert_allclose(constant, 280, rtol=1e-6)
    is_between = np.abs(one.grid.latitudes) <= grid.latitudes.max()
    np.testing.assert_allclose(latitude[is_between], one.grid.latitudes[is_between], atol=error)


def test_each_variable_has_its_own_method() -> None:
    """Rain keeps its mean over the earth, a mask its two values."""
    rain = np.where(FROM.latitudes > 20, 5.0, 0.0)
    is_land = (FROM.longitudes < 180).astype(float)
    to, methods = {"degrees": 18.0}, {"v0": "conservative", "v1": "nearest"}
    one, (kept, mask) = regridded(FROM, rain, is_land, to=to, methods=methods)
    assert kept @ one.grid.area_weights == pytest.approx(rain @ FROM.area_weights, rel=1e-5)
    assert set(np.unique(mask)) == {0.0, 1.0}
    with pytest.raises(DataError, match="'rain'"):
        regridded(FROM, rain, to=to, methods={"rain": "nearest"})


@pytest.mark.carries_out("write a grid in `to` of the same area")
def test_outside_of_a_limited_area_nothing_is_made_up() -> None:
    area = Grid.regular(np.arange(60, 39, -2.0), np.arange(0, 31, 2.0))
    one, (found,) = regridded(area, 3.0, to={"degrees": 5.0})
    lat, lon = one.grid.latitudes, one.grid.longitudes
    is_inside = (lat >= 40) & (lat <= 60) & (lon <= 30)
    np.testing.assert_array_equal(found[is_inside], 3.0)
    assert np.isnan(found[(lat < 35) | (lat > 65) | ((lon > 35) & (lon < 325))]).all()
    boundary = np.where(area.longitudes == 0, np.nan, 0.0)
    assert np.isnan(one.moved(boundary)[(lon == 0) & is_inside]).all()
    assert not np.isnan(one.moved(boundary)[(lon >= 5) & is_inside]).any()
    far = Grid.regular([2.0, 1.0], [1.0, 2.0])
    with pytest.raises(DataError, match="no node of the grid"):
        regridded(far, 3.0, to={"degrees": 90.0})


def test_standard_deviations_go_with_names_and_units_and_not_with_sums() -> None:
    """σ of 2 K, and of 0.003 m of rain, which are 3 mm; of sums since the start nobody knows it."""
    variables, names = (T850, RAIN, U, V), ("t_850", "tp", "10u", "10v")
    chosen = [
        {"plugin": "units", "units": {"t": "degC", "tp": "mm"}},
        {"plugin": "rename", "names": {"t": "ta"}},
        {"plugin": "derive", "variables": {"ws": {"formula": "wind-speed", "of": ["10u", "10v"]}}},
        {"plugin": "regrid", "to": {"degrees": 45.0}, "method": "nearest"},
    ]
    lead = np.timedelta64(6 * 3600, "s")
    values = np.concatenate([state(280, 0.01, 3, 4), state(2, 0.003, 1, 1)], axis=1)
    fields = Fields(START + lead, (*names, *(f"{name}_spread" for name in names)), values)
    for further in ([], [{"plugin": "accumulate", "variables": ["tp"]}]):
        choices = [FilterChoice.model_validate(one) for one in chosen[: 3 if further else 4] + further]
        chain = FilterChain.of(choices, "output", FilterSpace(GRID, variables, lead))
        ((_, found),) = filtered_fields(chain, [(lead, fields)], lead, spread=True)
        wanted = {"ta_850": 280 - 273.15, "tp": 10.0, "ws": 5.0, "ta_850_spread": 2.0, "tp_spread": 3.0}
        if further:
            assert "tp_spread" not in found.variables
            del wanted["tp_spread"]
        assert "ws_spread" not in found.variables
        for name, value in wanted.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-5, err_msg=name)
