"""What is written comes back: through the writer's own reader, through cfgrib, and key by key."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import Fields, Grid, Variable, open_forecast
from wxml.errors import ContractError, DataError
from wxml.forecasting.layout import MemberNumbers, spread_variable
from wxml_grib_writer.writer import Grib2Writer

Making = Callable[..., Any]
T850 = Variable("t_850", param="t", level=850, units="K", level_type="isobaric", level_units="hPa")
MSL = Variable("msl", units="Pa")
LAMBERT = {
    "gridType": "lambert",
    "LaDInDegrees": 50.0,
    "LoVInDegrees": 10.0,
    "Latin1InDegrees": 50.0,
    "Latin2InDegrees": 50.0,
    "DxInMetres": 50000.0,
    "DyInMetres": 50000.0,
    "jScansPositively": 1,
}


def messages(path: str, *keys: str) -> list[dict[str, Any]]:
    """Some keys of all messages; `KEY:int` gives a number."""
    found = []
    with open(path, "rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            kinds = {key: key.partition(":") for key in keys}
            found.append({name: eccodes.codes_get(handle, name, *([int] * bool(k))) for name, _, k in kinds.values()})
            eccodes.codes_release(handle)
    return found


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(280, 10, shape).astype(np.float32)


def projected(stated: dict[str, Any] = LAMBERT) -> Grid:
    """The nodes of a projected grid, as ecCodes computes them from its south-west corner."""
    handle = eccodes.codes_grib_new_from_samples("GRIB2")
    keys = {"shapeOfTheEarth": 6, **stated, "Nx": 5, "Ny": 4}
    for key, value in keys.items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set(handle, "latitudeOfFirstGridPointInDegrees", 45.0)
    eccodes.codes_set(handle, "longitudeOfFirstGridPointInDegrees", 5.0)
    eccodes.codes_set_values(handle, np.zeros(20))
    places = [eccodes.codes_get_array(handle, key).reshape(4, 5) for key in ("latitudes", "longitudes")]
    eccodes.codes_release(handle)
    return Grid.curvilinear(*places)


POLAR = {
    "gridType": "polar_stereographic",
    "LaDInDegrees": 60.0,
    "orientationOfTheGridInDegrees": 10.0,
    "DxInMetres": 50000.0,
    "DyInMetres": 50000.0,
    "jScansPositively": 1,
}
GAUSSIAN = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(8)[0]))
GRIDS = {
    "north to south": Grid.regular([60, 50, 40], [0, 10, 20, 30]),
    "south to north": Grid.regular([40, 50, 60], [0, 10, 20, 30]),
    "around the globe": Grid.regular(np.linspace(90, -90, 7), np.arange(0, 360, 30)),
    "from the date line": Grid.regular([10, 0], np.arange(-180, 180, 45)),
    "across Greenwich": Grid.regular([60, 50], [350, 355, 0, 5]),
    "one row": Grid.regular([12.5], [0, 10, 20]),
    "a fine step": Grid.regular(np.arange(50, 48, -0.1), np.arange(3, 5, 0.1)),
    "regular Gaussian": Grid.regular(GAUSSIAN[::-1], np.arange(0, 360, 22.5)),
    "regular Gaussian, south to north": Grid.regular(GAUSSIAN, np.arange(0, 360, 22.5)),
    "octahedral": Grid.octahedral(4),
    "reduced": Grid.reduced_gaussian([20, 27, 36, 40, 40, 36, 27, 20]),
    "HEALPix": Grid.healpix(4),
    "nodes anywhere": Grid.unstructured([50.123456, 51.0, 48.5], [5.0, 7.5, 359.9999999]),
}
TYPES = {
    "regular Gaussian": "regular_gg",
    "regular Gaussian, south to north": "regular_gg",
    "octahedral": "reduced_gg",
    "reduced": "reduced_gg",
    "HEALPix": "healpix",
    "nodes anywhere": "unstructured_grid",
}


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_keeps_its_nodes_in_their_order(header: Making, write: Making, name: str, tmp_path: Path) -> None:
    head = header(GRIDS[name])
    values = noise(2, 2, 1, 1, len(head.grid))
    path = write(tmp_path / "forecast.grib2", head, values, packing="ieee")
    assert messages(path, "gridType")[-1]["gridType"] == TYPES.get(name, "regular_ll")
    with open_forecast(path) as stored:
        assert stored.header.grid.shape == head.grid.shape
        np.testing.assert_allclose(stored.header.grid.latitudes, head.grid.latitudes, atol=1e-6)
        np.testing.assert_allclose(np.cos(np.radians(stored.header.grid.longitudes - head.grid.longitudes)), 1)
        np.testing.assert_array_equal(stored.read(1, "t_850"), values[1, :, :, 0])


def test_a_projected_grid_needs_its_keys(header: Making, write: Making, tmp_path: Path) -> None:
    head = header(projected())
    with pytest.raises(DataError, match="a projection that the places alone do not say"):
        write(tmp_path / "none.grib2", head, noise(20))
    path = write(tmp_path / "forecast.grib2", head, noise(20), packing="ieee", grid=LAMBERT)
    with open_forecast(path) as stored:
        assert stored.header.grid.shape == (4, 5)
        np.testing.assert_array_equal(stored.read(0, "t_850")[1, 0], noise(20))
    dataset = xr.open_dataset(path, engine="cfgrib", backend_kwargs={"indexpath": ""})
    np.testing.assert_allclose(dataset.latitude.values.ravel(), head.grid.latitudes, atol=1e-5)


def test_a_polar_stereographic_grid_by_its_keys(tmp_path: Path, header: Making, write: Making) -> None:
    path = write(tmp_path / "forecast.grib2", header(projected(POLAR)), noise(20), packing="ieee", grid=POLAR)
    assert messages(path, "gridType")[0]["gridType"] == "polar_stereographic"
    with open_forecast(path) as stored:
        np.testing.assert_array_equal(stored.read(0, "t_850")[1, 0], noise(20))


@pytest.mark.parametrize("change", [{"LoVInDegrees": 11.0}, {"DxInMetres": 49000.0}, {"Latin1InDegrees": 40.0}])
def test_keys_of_other_places_are_refused(
    header: Making, write: Making, change: dict[str, float], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="describes nodes that lie up to"):
        write(tmp_path / "forecast.grib2", header(projected()), noise(20), grid=LAMBERT | change)


@given(
    start=st.integers(-(10**9), 4 * 10**9),
    leads=st.lists(st.integers(1, 10**7), min_size=1, max_size=3, unique=True),
)
@settings(max_examples=40, deadline=None)
def test_any_initial_and_lead_time_comes_back(
    header: Making,
    write: Making,
    start: int,
    leads: list[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    moment = np.array([start], "datetime64[s]")
    head = header(GRIDS["one row"], initial_times=moment, lead_times=np.array(sorted(leads), "timedelta64[s]"))
    path = write(tmp_path_factory.mktemp("times") / "forecast.grib2", head, noise(3))
    with open_forecast(path) as stored:
        np.testing.assert_array_equal(stored.header.initial_times, head.initial_times)
        np.testing.assert_array_equal(stored.header.lead_times, head.lead_times)
        assert not np.isnan(stored.read(0, "t_850")).any()


def test_the_unit_of_a_step_is_the_longest_that_fits(header: Making, write: Making, tmp_path: Path) -> None:
    head = header(GRIDS["one row"], hours=(0.025, 1.5, 400))
    found = messages(write(tmp_path / "forecast.grib2", head, noise(3)), "stepRange", "validityDate", "validityTime")
    assert [one["stepRange"] for one in found[:3]] == ["90s", "90m", "400"]
    assert (found[2]["validityDate"], found[2]["validityTime"]) == (20000117, 1600)


def test_an_accumulation_says_its_period(header: Making, write: Making, tmp_path: Path) -> None:
    rain = Variable("tp", units="m", step_type="accum", period="6h")
    path = write(tmp_path / "forecast.grib2", header(GRIDS["one row"], rain, hours=(6, 12)), noise(3))
    keys = ("stepRange", "stepType", "productDefinitionTemplateNumber", "typeOfStatisticalProcessing:int")
    found = messages(path, *keys, "lengthOfTimeRange", "hourOfEndOfOverallTimeInterval")
    assert [list(one.values()) for one in found[:2]] == [["0-6", "accum", 8, 1, 6, 6], ["6-12", "accum", 8, 1, 6, 12]]
    total = write(
        tmp_path / "total.grib2",
        header(GRIDS["one row"], Variable("tp", units="m"), hours=(6, 12)),
        noise(3),
        periods={"tp": "start"},
    )
    assert [one["stepRange"] for one in messages(total, "stepRange")[:2]] == ["0-6", "0-12"]


@pytest.mark.parametrize(
    ("variable", "problem"),
    [
        (Variable("tp", units="m"), "over a period that the data do not say"),
        (Variable("tp", units="m", period="6h around the time"), "does not end at their time"),
        (Variable("tp", units="m", period="12h"), "cannot end 6h after the initial time"),
    ],
)
def test_a_period_that_cannot_be_written_is_refused(
    header: Making, write: Making, variable: Variable, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=problem):
        write(tmp_path / "forecast.grib2", header(GRIDS["one row"], variable), noise(3))


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (T850, ("t", "isobaricInhPa", 850)),
        (Variable("t_0.5", param="t", level=0.5, units="K"), ("t", "isobaricInPa", 50)),
        (Variable("t2m", units="K"), ("2t", "heightAboveGround", 2)),
        (Variable("u10", units="m/s"), ("10u", "heightAboveGround", 10)),
        (Variable("u_100", param="u", level=100, units="m/s", level_type="heightAboveGround"), None),
        (Variable("msl", units="hPa"), ("msl", "meanSea", 0)),
        (Variable("z_500", param="z", level=500, units="m2 s-2"), ("z", "isobaricInhPa", 500)),
        (Variable("z_500", param="z", level=500, units="m"), ("gh", "isobaricInhPa", 500)),
        (Variable("q_3", param="q", level=3, units="kg/kg", level_type="hybrid"), ("q", "hybrid", 3)),
        (Variable("snow", units="K", grib="paramId=34"), ("sst", "surface", 0)),
        (Variable("tcc", units="(0 - 1)", grib="paramId=164"), ("tcc", "entireAtmosphere", 0)),
        (Variable("rain", units="m", step_type="accum", period="6h", grib="paramId=228"), ("tp", "surface", 0)),
        (Variable("theta", units="K", standard_name="air_temperature", level=850), ("t", "isobaricInhPa", 850)),
    ],
    ids=lambda value: value.name if isinstance(value, Variable) else "",
)
def test_a_variable_is_a_parameter_at_a_level(
    header: Making, write: Making, variable: Variable, expected: Any, tmp_path: Path
) -> None:
    path = write(tmp_path / "forecast.grib2", header(GRIDS["one row"], variable), noise(3), packing="ieee")
    found = messages(path, "shortName", "typeOfLevel", "level", "bottomLevel")[0]
    if expected is None:
        assert (found["typeOfLevel"], found["level"]) == ("heightAboveGround", 100)
    else:
        assert tuple(found.values())[:3] == expected
    with open_forecast(path) as stored:
        assert stored.header.variables == (variable,)
        np.testing.assert_allclose(stored.read(0, variable.name)[0, 0], noise(3), rtol=1e-6)


def test_a_metre_of_rain_weighs_a_ton(header: Making, write: Making, tmp_path: Path) -> None:
    for units, factor in (("m", 1000.0), ("mm", 1.0), ("kg m-2", 1.0)):
        rain = Variable("tp", units=units, step_type="accum", period="6h")
        path = write(tmp_path / f"{factor}{units[0]}.grib2", header(GRIDS["one row"], rain), np.ones(3), packing="ieee")
        dataset = xr.open_dataset(path, engine="cfgrib", backend_kwargs={"indexpath": ""})
        np.testing.assert_allclose(dataset.tp.values, factor)
        with open_forecast(path) as stored:
            np.testing.assert_allclose(stored.read(0, "tp"), 1, rtol=1e-6)


def test_values_are_written_in_the_units_of_grib(header: Making, write: Making, tmp_path: Path) -> None:
    celsius = Variable("t2m", units="degC")
    path = write(tmp_path / "forecast.grib2", header(GRIDS["one row"], celsius), np.array([-10.0, 0, 25.5]), bits=24)
    dataset = xr.open_dataset(path, engine="cfgrib", backend_kwargs={"indexpath": ""})
    np.testing.assert_allclose(dataset.t2m.values[0, 0].ravel(), [263.15, 273.15, 298.65], atol=1e-4)
    with open_forecast(path) as stored:
        np.testing.assert_allclose(stored.read(0, "t2m")[0, 0], [-10, 0, 25.5], atol=1e-4)


@pytest.mark.parametrize(
    ("variable", "problem"),
    [
        (Variable("t2m", units="m"), "`t2m` \\(m\\) cannot be written: paramId=167 is in K"),
        (Variable("melon", units="K"), "is no parameter of GRIB that the writer knows"),
        (Variable("t_5", param="t", level=5, units="K", level_type="moon"), "is not taken by ecCodes"),
    ],
)
def test_what_grib_does_not_have_is_refused(
    header: Making, write: Making, variable: Variable, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=problem):
        write(tmp_path / "forecast.grib2", header(GRIDS["one row"], variable), noise(3))
    assert not (tmp_path / "forecast.grib2").exists()


def test_the_keys_of_the_user_go_first(header: Making, write: Making, tmp_path: Path) -> None:
    head = header(GRIDS["one row"], Variable("melon", units="K"))
    path = write(tmp_path / "forecast.grib2", head, noise(3), parameters={"melon": "paramId=130,typeOfLevel=surface"})
    assert messages(path, "shortName", "typeOfLevel")[0] == {"shortName": "t", "typeOfLevel": "surface"}


def test_two_variables_of_one_parameter_are_refused(header: Making, write: Making, tmp_path: Path) -> None:
    head = header(GRIDS["one row"], Variable("t2m", units="K"), Variable("2t", units="K"))
    with pytest.raises(DataError, match="`t2m` and `2t` would be the same parameter"):
        write(tmp_path / "forecast.grib2", head, noise(3))


@pytest.mark.parametrize("packing", ["ccsds", "simple", "jpeg", "ieee"])
@pytest.mark.parametrize(
    "values",
    [
        [9999.0, np.nan, 1.0, 2.0],
        [np.nan, np.nan, np.nan, np.nan],
        [5.0, 5.0, 5.0, 5.0],
        [5.0, np.nan, 5.0, 5.0],
        [-1e-9, 2e-9, 0.0, np.nan],
        [-3e30, np.nan, 3e30, 0.0],
        [0.0, 0.0, 0.0, 0.0],
    ],
    ids=str,
)
def test_missing_values_stay_missing_and_no_other_becomes_so(
    header: Making, write: Making, packing: str, values: list[float], tmp_path: Path
) -> None:
    head = header(Grid.regular([10, 0], [0, 10]))
    path = write(tmp_path / "forecast.grib2", head, np.array(values), packing=packing, bits=24)
    with open_forecast(path) as stored:
        found = stored.read(0, "t_850")[0, 0]
    size = np.nanmax(np.abs(values), initial=0)
    np.testing.assert_allclose(found, values, rtol=0, atol=1e-6 * size)
    dataset = xr.open_dataset(path, engine="cfgrib", backend_kwargs={"indexpath": ""})
    if 9999.0 not in values:  # which cfgrib takes for missing
        np.testing.assert_allclose(dataset.t.values[0, 0].ravel(), values, rtol=0, atol=1e-6 * size)


@given(seed=st.integers(0, 10**6), width=st.floats(1e-6, 1e6), centre=st.floats(-1e6, 1e6))
@settings(max_examples=40, deadline=None)
def test_the_error_of_packing_is_below_its_bound(
    header: Making,
    write: Making,
    seed: int,
    width: float,
    centre: float,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    values = (centre + width * np.random.default_rng(seed).normal(size=50)).astype(np.float32)
    head = header(Grid.regular([0], np.arange(50)))
    folder = tmp_path_factory.mktemp("packed")
    rounding = 1e-6 * float(np.abs(values).max())  # of float32, of the values and of the reference value
    for options, bound in (
        ({"bits": 12}, np.ptp(values) / 2**12),
        ({"precision": {"t_850": width / 100}}, width / 100),
    ):
        path = write(folder / f"{len(options)}{next(iter(options))}.grib2", head, values, **options)
        with open_forecast(path) as stored:
            assert np.abs(stored.read(0, "t_850")[0, 0] - values).max() <= bound + rounding


def test_an_ensemble_says_its_members(header: Making, write: Making, tmp_path: Path) -> None:
    head = header(GRIDS["one row"], T850, Variable("tp", units="m", period="6h"), members=3)
    values = noise(2, 2, 3, 2, 3)
    path = write(tmp_path / "forecast.grib2", head, values, packing="ieee")
    keys = ("number", "numberOfForecastsInEnsemble", "dataType", "productDefinitionTemplateNumber")
    found = messages(path, *keys)
    assert [tuple(one.values()) for one in found[:6]] == [
        *((member, 3, "pf", 1) for member in range(3)),
        *((member, 3, "pf", 11) for member in range(3)),
    ]
    with open_forecast(path) as stored:
        np.testing.assert_allclose(stored.read(1, "tp"), values[1, :, :, 1], rtol=1e-6)
    dataset = xr.open_dataset(
        path, engine="cfgrib", backend_kwargs={"indexpath": "", "filter_by_keys": {"shortName": "t"}}
    )
    found_values = dataset.t.transpose("time", "step", "number", ...).values
    np.testing.assert_array_equal(found_values.reshape(2, 2, 3, 3), values[:, :, :, 0])


def test_the_control_and_members_alone_have_their_numbers(header: Making, write: Making, tmp_path: Path) -> None:
    keys = ("number", "numberOfForecastsInEnsemble", "dataType", "productDefinitionTemplateNumber")
    values = noise(2, 2, 3, 2, 3)
    variables = (GRIDS["one row"], T850, Variable("tp", units="m", period="6h"))
    for numbers, size, control, expected in (
        ((0, 1, 2), 3, True, [(0, 3, "cf"), (1, 3, "pf"), (2, 3, "pf")]),
        ((0, 9, 17), 20, False, [(0, 20, "pf"), (9, 20, "pf"), (17, 20, "pf")]),
    ):
        head = header(*variables, members=3, numbering=MemberNumbers(numbers, size, control))
        path = write(tmp_path / f"of{size}.grib2", head, values, packing="ieee")
        found = [tuple(one.values()) for one in messages(path, *keys)[:6]]
        assert found == [(*one, template) for template in (1, 11) for one in expected]
        with open_forecast(path) as stored:
            assert stored.header.numbers == numbers
            np.testing.assert_allclose(stored.read(1, "tp"), values[1, :, :, 1], rtol=1e-6)


def test_one_member_of_several_is_a_member(header: Making, write: Making, tmp_path: Path) -> None:
    head = header(GRIDS["one row"], numbering=MemberNumbers((17,), 20))
    path = write(tmp_path / "forecast.grib2", head, noise(3), packing="ieee")
    keys = ("number", "numberOfForecastsInEnsemble", "dataType", "productDefinitionTemplateNumber")
    assert tuple(messages(path, *keys)[0].values()) == (17, 20, "pf", 1)
    with open_forecast(path) as stored:
        assert (stored.header.members, stored.header.numbers) == (1, (17,))
        np.testing.assert_array_equal(stored.read(0, "t_850")[0, 0], noise(3))


def test_standard_deviations_are_derived_forecasts(header: Making, write: Making, tmp_path: Path) -> None:
    means = (replace(T850, units="degC"), Variable("tp", param="tp", units="m", period="6h"))
    head = header(GRIDS["one row"], *means, *map(spread_variable, means))
    values = noise(2, 2, 1, 4, 3)
    path = write(tmp_path / "forecast.grib2", head, values, packing="ieee")
    keys = ("shortName", "level:int", "productDefinitionTemplateNumber", "stepRange", "stepType")
    assert [tuple(one.values()) for one in messages(path, *keys)[:4]] == [
        ("t", 850, 0, "6", "instant"),
        ("tp", 0, 8, "0-6", "accum"),
        ("t", 850, 2, "6", "instant"),
        ("tp", 0, 12, "0-6", "accum"),
    ]
    alone = write(tmp_path / "alone.grib2", header(GRIDS["one row"], *map(spread_variable, means)), noise(3))
    derived = messages(alone, "shortName", "derivedForecast", "numberOfForecastsInEnsemble")[:2]
    assert [tuple(one.values()) for one in derived] == [("t", 4, 255), ("tp", 4, 255)]
    with open_forecast(path) as stored:
        assert [one.name for one in stored.header.variables] == ["t_850", "tp", "t_850_spread", "tp_spread"]
        for column, variable in enumerate(head.variables):
            np.testing.assert_allclose(stored.read(1, variable.name), values[1, :, :, column], rtol=1e-6)


@pytest.mark.carries_out("leave `spread` out, make one member, or write zarr or NetCDF")
def test_the_standard_deviation_of_a_member_is_refused(header: Making, write: Making, tmp_path: Path) -> None:
    variables = (T850, spread_variable(T850))
    with pytest.raises(DataError, match="the standard deviation of one member"):
        write(tmp_path / "refused.grib2", header(GRIDS["one row"], *variables, members=2), noise(2, 2, 2, 2, 3))
    write(tmp_path / "one.grib2", header(GRIDS["one row"], *variables), noise(2, 2, 1, 2, 3))
    write(tmp_path / "without.grib2", header(GRIDS["one row"], T850, members=2), noise(2, 2, 2, 1, 3))


def test_a_single_forecast_is_no_member(header: Making, write: Making, tmp_path: Path) -> None:
    path = write(tmp_path / "forecast.grib2", header(GRIDS["one row"]), noise(3), centre=78, process=7)
    keys = ("dataType", "productDefinitionTemplateNumber", "centre:int", "generatingProcessIdentifier")
    assert messages(path, *keys)[0] == {
        "dataType": "fc",
        "productDefinitionTemplateNumber": 0,
        "centre": 78,
        "generatingProcessIdentifier": 7,
    }


def test_files_of_the_centre_ecmwf_and_of_others_are_read_without_a_record(
    header: Making, write: Making, tmp_path: Path
) -> None:
    head = header(GRIDS["octahedral"], T850, MSL, members=2)
    values = noise(2, 2, 2, 2, len(head.grid))
    path = write(tmp_path / "forecast.grib2", head, values, centre=98, packing="ieee")
    with open_forecast(path) as stored:
        assert [one.name for one in stored.header.variables] == ["t_850", "msl"]
        assert [one.units for one in stored.header.variables] == ["K", "Pa"]
        np.testing.assert_array_equal(stored.header.lead_times, head.lead_times)
        assert stored.header.members == 2
        np.testing.assert_array_equal(stored.read(0, "msl"), values[0, :, :, 1])


def test_a_switch_that_another_reader_has_left_on_has_no_say(header: Making, write: Making, tmp_path: Path) -> None:
    head = header(GRIDS["across Greenwich"], T850, MSL)
    values = noise(2, 2, 1, 2, len(head.grid))
    path = write(tmp_path / "forecast.grib2", head, values, packing="ieee")
    eccodes.codes_grib_multi_support_on()
    try:
        for _ in range(3):  # its state of a file that was closed is that of the next one at the same address
            with open_forecast(path) as stored:
                np.testing.assert_array_equal(stored.read(1, "msl"), values[1, :, :, 1])
    finally:
        eccodes.codes_grib_multi_support_off()


def test_a_forecast_that_broke_off_can_be_read(header: Making, tmp_path: Path) -> None:
    head = header(GRIDS["one row"])
    writer = Grib2Writer(str(tmp_path / "forecast.grib2"), packing="ieee")
    writer.open(head)
    fields = Fields(head.initial_times[0] + head.lead_times[0], ("t_850",), noise(1, 1, 3))
    writer.write(fields, head.lead_times[0])
    with pytest.raises(ContractError, match="twice for one step"):
        writer.write(fields, head.lead_times[0])
    with open_forecast(tmp_path / "forecast.grib2") as stored:  # while the writer is open
        np.testing.assert_array_equal(stored.read(0, "t_850")[:, 0], [noise(3), [np.nan] * 3])
        assert np.isnan(stored.read(1, "t_850")).all()
    writer.close()


def test_an_infinite_value_is_refused(header: Making, write: Making, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`t_850` is infinite at 2000-01-01T06"):
        write(tmp_path / "forecast.grib2", header(GRIDS["one row"]), np.array([1, np.inf, 2]))


def test_the_boundary_comes_back(header: Making, write: Making, tmp_path: Path) -> None:
    boundary = np.arange(20) % 3 == 0
    head = header(Grid.regular([10, 0], np.arange(10)), boundary=boundary)
    with open_forecast(write(tmp_path / "forecast.grib2", head, noise(20))) as stored:
        np.testing.assert_array_equal(stored.header.boundary, boundary)


def test_an_option_for_a_variable_that_is_not_there_is_refused(header: Making, write: Making, tmp_path: Path) -> None:
    for options in ({"periods": {"tpp": "6h"}}, {"precision": {"tpp": 1.0}}, {"parameters": {"tpp": "paramId=1"}}):
        with pytest.raises(DataError, match=f"no variable 'tpp' \\(`{next(iter(options))}` of the writer\\)"):
            write(tmp_path / "forecast.grib2", header(GRIDS["one row"]), noise(3), **options)
