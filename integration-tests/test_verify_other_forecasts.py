"""`wxml verify` of forecasts of other programs: whatever their names, units and order of nodes, the same scores."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from wxml import ForecastSeries
from wxml.cli import group

LATITUDES, LONGITUDES = np.linspace(75, -75, 6), 45.0 * np.arange(8)
STARTS = np.array(["2000-01-02", "2000-01-03", "2000-01-04"], "datetime64[ns]")
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[ns]")
AXES = ("time", "prediction_timedelta", "latitude", "longitude")
Verify = Callable[..., xr.Dataset]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the truth: temperature at two levels, and the wind near the ground."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    truth().to_netcdf("truth.nc")


def truth() -> xr.Dataset:
    random = np.random.default_rng(0)
    times = np.datetime64("2000-01-01", "ns") + 6 * np.arange(24) * np.timedelta64(1, "h")
    places = ("latitude", "longitude")
    level = {"units": "hPa", "standard_name": "air_pressure"}
    return xr.Dataset(
        {
            "t": (("time", "level", *places), random.normal(280, 5, (24, 2, 6, 8)), {"units": "K"}),
            "u10": (("time", *places), random.normal(0, 5, (24, 6, 8)), {"units": "m s-1"}),
        },
        {"time": times, "level": ("level", [850.0, 500.0], level), "latitude": LATITUDES, "longitude": LONGITUDES},
    )


def forecast() -> xr.Dataset:
    """In the names of WeatherBench 2; its error grows with the lead time."""
    valid = xr.DataArray(STARTS[:, None] + LEADS, dims=AXES[:2], coords={"time": STARTS, AXES[1]: LEADS})
    found = truth().sel(time=valid).drop_vars("time").assign_coords({"time": STARTS, AXES[1]: LEADS})
    found = found.rename(t="temperature", u10="10m_u_component_of_wind")
    growing = xr.DataArray([1.0, 2.0], dims=AXES[1]) * (1 + np.cos(np.radians(found.latitude)))
    made: xr.Dataset = (found + growing).transpose("time", AXES[1], "level", "latitude", "longitude")
    for name in made.variables:
        made[name].attrs = {}
    return made.assign_coords({"level": [850, 500]})


def verify(*arguments: str) -> xr.Dataset:
    done = CliRunner().invoke(group, ["verify", *arguments, "verification.maps=0", "-o", "scores", "--overwrite"])
    assert done.exit_code == 0, done.output
    with xr.open_dataset("scores/scores.nc", decode_timedelta=True) as scores:
        return scores.load()


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(group, ["verify", *arguments, "-o", "scores"])
    assert done.exit_code != 0
    assert not Path("scores").exists()
    return f"{done.output}{done.exception}"


def expected() -> np.ndarray:
    """The area-weighted RMSE of `forecast`, by lead time; of cells between the midpoints of latitudes."""
    bounds = np.sin(np.radians([90, 60, 30, 0, -30, -60, -90]))
    weights = -np.diff(bounds) / 2
    squares = (1 + np.cos(np.radians(LATITUDES))) ** 2
    return np.asarray(np.array([1.0, 2.0]) * np.sqrt(np.sum(weights * squares)))


def rmse(scores: xr.Dataset) -> np.ndarray:
    return np.asarray(scores.scores.sel(metric="rmse", forecast="forecast"))


def test_weatherbench_with_a_file_of_truth_and_nothing_else() -> None:
    """Long names and levels meet short ones; units that are not stated are those of ECMWF."""
    forecast().to_zarr("f.zarr", zarr_format=2)
    scores = verify("f.zarr", "--truth", "truth.nc")
    assert scores["variable"].values.tolist() == ["t_850", "t_500", "u10"]
    np.testing.assert_allclose(rmse(scores), np.broadcast_to(expected(), (3, 2)), rtol=1e-5)
    record = json.loads(scores.attrs["wxml_provenance"])
    (parent,) = record["parents"]
    assert parent["artefact"] == "forecast"
    assert parent["data"]["names"] == {
        "t_850": "temperature_850", "t_500": "temperature_500", "u10": "10m_u_component_of_wind",
    }  # fmt: skip
    assert parent["data"]["units"]["temperature_850"] == "K"
    assert record["config"]["data"]["source"]["path"] == "truth.nc"


def in_a_row(found: xr.Dataset) -> xr.Dataset:
    return found.stack(values=("latitude", "longitude")).reset_index("values")


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.isel(latitude=slice(None, None, -1)),
        lambda found: found.assign_coords(longitude=(found.longitude + 180) % 360 - 180).sortby("longitude"),
        lambda found: found.isel(level=[1, 0]),
        lambda found: in_a_row(found).isel(values=range(47, -1, -1)),
        lambda found: found.assign(temperature=(found.temperature - 273.15).assign_attrs(units="degC")),
    ],
    ids=["south first", "from -180", "levels", "nodes in a row", "degC"],
)  # fmt: skip
def test_the_order_and_the_units_make_no_difference(change: Callable[[xr.Dataset], xr.Dataset]) -> None:
    change(forecast()).to_netcdf("f.nc")
    np.testing.assert_allclose(rmse(verify("f.nc", "--truth", "truth.nc")), [expected()] * 3, rtol=1e-5)


def test_a_pattern_of_files_in_the_names_of_earth2studio() -> None:
    flat = forecast().rename({"prediction_timedelta": "lead_time", "latitude": "lat", "longitude": "lon"})
    named = xr.Dataset(
        {"t850": flat.temperature.sel(level=850), "u10m": flat["10m_u_component_of_wind"]}
    ).drop_vars("level")  # fmt: skip
    for number in range(3):
        named.isel(time=[number]).to_netcdf(f"f{number}.nc")
    scores = verify("f*.nc", "--truth", "truth.nc")
    assert scores["variable"].values.tolist() == ["t_850", "u10"]
    np.testing.assert_allclose(rmse(scores), [expected()] * 2, rtol=1e-5)
    assert scores.attrs["cases"] == 3


def test_the_experiment_says_truth_and_verifier(make_world: Callable[..., Path]) -> None:
    """Its training period makes the climatology."""
    folder = make_world(Path("world"))
    world = xr.open_dataset(folder / "world.nc").load()
    valid = xr.DataArray(STARTS[:, None] + LEADS, dims=AXES[:2], coords={"time": STARTS, AXES[1]: LEADS})
    made = world.sel(time=valid).drop_vars("time").assign_coords({"time": STARTS, AXES[1]: LEADS}) + 1
    made.to_netcdf("f.nc")
    text = (folder / "experiment.yaml").read_text().replace("world.nc", str(folder.resolve() / "world.nc"))
    Path("experiment.yaml").write_text(text + "verification: {plugin: scorecard, maps: 0}\n")
    scores = verify("f.nc", "--config", "experiment.yaml", "verification.variables=[t]")
    assert scores["variable"].values.tolist() == ["t"]
    np.testing.assert_allclose(rmse(scores), 1, rtol=1e-4)
    assert np.isfinite(scores.scores.sel(metric="rmse", forecast="climatology")).all()


@pytest.mark.carries_out("{}; if another program wrote it, name the truth: --truth ERA5.nc")
def test_a_file_without_a_record() -> None:
    forecast().to_netcdf("f.nc")
    assert "if another program wrote it, name the truth" in refused("f.nc")
    verify("f.nc", "--truth", "truth.nc")
    verify("f.nc", "data.source.path=truth.nc")


@pytest.mark.carries_out("name one like the truth, as in forecast.rename={{}: {}}")
def test_no_variable_in_common() -> None:
    xr.Dataset({"heat": forecast().temperature}).to_netcdf("f.nc")
    assert "no variable in common: heat_500, heat_850 in the forecast, t_850, t_500, u10 in the truth" in refused(
        "f.nc", "--truth", "truth.nc"
    )
    np.testing.assert_allclose(
        rmse(verify("f.nc", "--truth", "truth.nc", "forecast.rename={heat: t}")), [expected()] * 2, rtol=1e-5
    )


@pytest.mark.carries_out("say which one is, as in forecast.rename={{}: {}}")
def test_two_variables_for_one() -> None:
    wind = forecast()["10m_u_component_of_wind"]
    xr.Dataset({"10u": wind, "uas": wind + 1}).to_netcdf("f.nc")
    assert "may all be 'u10' of the truth" in refused("f.nc", "--truth", "truth.nc")
    np.testing.assert_allclose(
        rmse(verify("f.nc", "--truth", "truth.nc", "forecast.rename={10u: u10}")), [expected()], rtol=1e-5
    )


@pytest.mark.carries_out("say it, as in forecast.initial_time=2020-01-01T00")
def test_a_start_that_the_file_does_not_say() -> None:
    forecast().isel(time=0, drop=True).to_netcdf("f.nc")
    assert "does not say when the forecast starts" in refused("f.nc", "--truth", "truth.nc")
    scores = verify("f.nc", "--truth", "truth.nc", "forecast.initial_time=2000-01-02T00")
    np.testing.assert_allclose(rmse(scores), [expected()] * 3, rtol=1e-5)


@pytest.mark.carries_out("name a forecast")
def test_an_analysis_is_no_forecast() -> None:
    truth().isel(time=0, drop=True).to_netcdf("f.nc")
    assert "no forecast" in refused("f.nc", "--truth", "truth.nc")
    forecast().to_netcdf("g.nc")
    verify("g.nc", "--truth", "truth.nc")


@pytest.mark.carries_out("name a source that does: xarray")
def test_a_source_that_reads_no_forecasts() -> None:
    forecast().to_netcdf("f.nc")
    assert "reads no forecasts" in refused("f.nc", "--truth", "truth.nc", "forecast={plugin: anemoi}")
    verify("f.nc", "--truth", "truth.nc", "forecast.plugin=xarray")


@pytest.mark.carries_out("verify the two apart")
def test_files_of_two_grids() -> None:
    forecast().isel(time=[0]).to_netcdf("f0.nc")
    forecast().isel(time=[1], longitude=slice(0, 4)).to_netcdf("f1.nc")
    assert "has another grid" in refused("f*.nc", "--truth", "truth.nc")
    verify("f0.nc", "--truth", "truth.nc")


def test_only_some_sections_can_be_chosen() -> None:
    forecast().to_netcdf("f.nc")
    assert "only `data.source`" in refused("f.nc", "--truth", "truth.nc", "model.channels=2")
    assert "unknown key" in refused("f.nc", "--truth", "truth.nc", "forecast.renamed={}")


EUROPE = ("other.nc", "--truth", "truth.nc", "verification.regions.europe={south: 30}", "verification.maps=0")


@pytest.mark.parametrize(
    ("requirement", "told"),
    [
        ("rmse:t_850:12h@europ<1", "no region or group 'europ' (--require 'rmse:t_850:12h@europ<1')"),
        ("rmse:t_805:12h<1", "known: t_500, t_850, u10"),
        ("rmse:t_850:18h<1", "known: 12h, 6h"),
        ("rmse:t_850:12h<persistance", "did you mean 'persistence'"),
        ("spread:t_850:12h<1", "no metric 'spread'"),  # the verifier knows it, and the forecast has one member
    ],
)
def test_a_requirement_of_no_score_is_refused_before_the_first_case(
    requirement: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forecast().to_netcdf("other.nc")
    monkeypatch.setattr(ForecastSeries, "read", lambda *_: pytest.fail("a case was read"))
    said = refused(*EUROPE, "--require", "rmse:t_850:6h@europe<9", "--require", requirement)
    assert told in said


@pytest.mark.carries_out(
    "write the limit as a number alone, in the units of the score, or as the name of a forecast: {}"
)
def test_a_limit_with_units_is_refused() -> None:
    forecast().to_netcdf("other.nc")
    said = refused(*EUROPE, "--require", "rmse:t_850:12h<1.2 K")
    assert "no forecast '1.2 K'" in said
    done = CliRunner().invoke(group, ["verify", *EUROPE, "--require", "rmse:t_850:12h<1.2", "-o", "scores"])
    assert done.exit_code == 5


BOTH = ("--truth", "truth.nc", "verification.maps=0", "verification.coastlines=false", "-o", "both")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("--require=rmse:t_850:12h<1e9", "the scores of `short.nc` have no lead time '12h'"),
        ("--require=rmse:u10:6h<1e9", "the scores of `short.nc` have no variable 'u10'"),
        ("--metric=spread", "the scores of `short.nc` have no metric 'spread' (--metric)"),
    ],
)
def test_what_one_of_several_forecasts_lacks_is_told_before_the_first_case(
    asked: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = forecast().expand_dims(number=[0, 1])
    members.to_netcdf("long.nc")
    forecast().isel(prediction_timedelta=[0]).drop_vars("10m_u_component_of_wind").to_netcdf("short.nc")
    monkeypatch.setattr(ForecastSeries, "read", lambda *_: pytest.fail("a case was read"))
    for pair in (("long.nc", "short.nc"), ("short.nc", "long.nc")):
        done = CliRunner().invoke(group, ["verify", *pair, *BOTH, asked])
        assert (done.exit_code, told in done.output) == (2, True), done.output
        assert not Path("both").exists()


def test_what_is_scored_by_then_is_named() -> None:
    """Forecasts of other lead times are scored each, and cannot be compared."""
    forecast().isel(prediction_timedelta=[1]).to_netcdf("late.nc")
    forecast().isel(prediction_timedelta=[0]).to_netcdf("early.nc")
    done = CliRunner().invoke(group, ["verify", "late.nc", "early.nc", *BOTH])
    assert (done.exit_code, "no lead time in common" in done.output) == (2, True)
    assert "scored by now: both" in done.output
    assert sorted(one.name for one in Path("both").iterdir()) == ["early", "late"]
