"""A climatology that is given as a file: means by day of the year and time of day, by hand."""

import json
import shutil

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, Variable, VerificationTask, YearlyFields, create
from wxml.errors import DataError
from wxml_verification.compare_job import compare
from wxml_verification.statistics_file import StatisticsFile
from wxml_verification.usual_values import GivenValues

GRID = Grid.regular([30.0, -30.0], [0.0, 180.0])
HOURS, DAYS = np.array([0, 6, 12, 18]), np.arange(1, 367)
QUICK = {"maps": 0, "cases": 0, "groups": ()}
START, LEAD = np.datetime64("2020-02-28T18", "s"), np.timedelta64(6, "h")


def means(hours=HOURS, days=DAYS):
    """At each node, day d and hour h the value d + h / 100, in K; as WeatherBench 2 orders the dimensions."""
    values = days[None, :] + np.asarray(hours)[:, None] / 100
    field = np.broadcast_to(values[:, :, None, None], (len(hours), len(days), 2, 2)).astype("f4")
    axes = {"hour": hours, "dayofyear": days, "longitude": [0.0, 180.0], "latitude": [-30.0, 30.0]}
    return xr.Dataset({"temperature_850": (tuple(axes), field.copy(), {"units": "K"})}, axes)


@pytest.fixture
def verify(tmp_path, request, monkeypatch):
    """Score forecasts (a path) against a source, with options as a config has them; gives the scores and the folder."""

    if "drawn" not in request.fixturenames:
        monkeypatch.setattr("wxml_verification.report.render_report", lambda *_: "")

    def run(forecast, truth, climatology_times=(), **options):
        folder = tmp_path / "verification"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        times = np.asarray(climatology_times, "datetime64[s]")
        verifier = create("verifier", "scorecard", options, where="verification")
        return verifier.verify(VerificationTask(forecast, truth, times, folder, {"artefact": "scores"})), folder

    return run


@pytest.fixture
def given(tmp_path):
    """Write means; gives the option `climatology`."""

    def run(dataset, name="1990-2019_6h.nc", **options):
        dataset.to_netcdf(tmp_path / name)
        return {"means": {"plugin": "climatology", "path": str(tmp_path / name), **options}}

    return run


@pytest.fixture
def scored(verify, write, source):
    """Score a forecast of t_850 in K, of the value 1, against the truth 0, with a climatology."""

    def run(climatology, starts=(START,), leads=(LEAD,), name="t_850", grid=GRID, value=1.0, **options):
        starts, leads = np.array(starts, "datetime64[s]"), np.array(leads, "timedelta64[s]")
        path = write(grid, starts, leads, {name: np.full((len(starts), len(leads), 4), value)})
        times = np.unique(np.concatenate([starts, (starts[:, None] + leads).ravel()]))
        truth = source(grid, [name], times, np.zeros((len(times), 1, 4)))
        return verify(path, truth, climatology=climatology, **QUICK | {"metrics": ["acc", "activity"]} | options)

    return run


DATES = {
    "2019-03-01T00": 60.0,  # in a year without 29 February
    "2020-02-29T00": 60.0,
    "2020-03-01T00": 61.0,
    "2019-12-31T18": 365.18,
    "2020-12-31T18": 366.18,
    "2021-01-01T00": 1.0,
}
"""Valid times, and the means of their days of the year and times of day."""


def test_the_fields_are_those_of_the_day_of_the_year_and_the_time_of_day(given) -> None:
    fields = YearlyFields(create("data-source", "climatology", {"path": given(means())["means"]["path"]}))
    asked = np.array(list(DATES), "datetime64[s]")
    assert fields.has(asked).all()
    found = GivenValues(fields, ["temperature_850"], asked).at(asked)[:, 0]
    np.testing.assert_allclose(found, np.repeat(list(DATES.values()), 4).reshape(-1, 4), rtol=1e-6)


@pytest.mark.usefixtures("drawn")
@pytest.mark.usefixtures("drawn")
def test_scores_are_those_of_the_climatology_and_say_which_it_is(given, scored) -> None:
    scores, folder = scored(given(means()), ["2020-12-31T12"])
    assert scores.get("rmse", "climatology", "t_850")[0] == pytest.approx(366.18, rel=1e-6)
    assert scores.get("acc", "forecast", "t_850")[0] == pytest.approx(1.0)
    assert scores.get("activity-forecast", "forecast", "t_850")[0] == pytest.approx(365.18, rel=1e-6)
    assert "The climatology is `1990-2019_6h.nc`, of the years 1990 to 2019." in scores.notes
    with xr.open_dataset(folder / "scores.nc") as file:
        told, record = file.attrs["climatology"], json.loads(file.attrs["climatology_record"])
    assert told.startswith("Climatology is `1990-2019_6h.nc`, of the years 1990 to 2019: its fields of the same day")
    assert (record["kind"], record["years"]) == ("given", [1990, 2019])
    assert record["source"]["files"][0]["name"].endswith("1990-2019_6h.nc")
    assert StatisticsFile.open(folder / "statistics.zarr").provenance["climatology"] == record
    assert "Climatology is `1990-2019_6h.nc`" in (folder / "report.html").read_text("utf-8")


def test_a_climatology_that_is_made_is_told_too(write, source, verify) -> None:
    times = np.array(["2020-02-28T18", "2020-02-29T00"], "datetime64[s]")
    path = write(GRID, times[:1], [LEAD], {"t": np.ones((1, 1, 4))})
    _, folder = verify(path, source(GRID, ["t"], times, np.zeros((2, 1, 4))), times, **QUICK)
    with xr.open_dataset(folder / "scores.nc") as file:
        record = json.loads(file.attrs["climatology_record"])
    assert (record["kind"], record["of"], record["times"], record["window_days"]) == ("made", "the truth", 2, 30)


def test_units_and_nodes_are_those_of_the_forecast(given, scored) -> None:
    celsius = means() - 273.15
    celsius["temperature_850"].attrs["units"] = "degC"
    celsius["temperature_850"][:, :, 0, 0] += 10  # at 0°E 30°S, which is the third node
    scores, _ = scored(given(celsius.transpose("latitude", "dayofyear", "longitude", "hour")), maps=12)
    expected = np.sqrt(np.mean(np.square(60 + np.array([0, 0, 10, 0]))))
    assert scores.get("rmse", "climatology", "t_850")[0] == pytest.approx(expected, rel=1e-5)
    wrong = means()
    wrong["temperature_850"].attrs["units"] = "m"
    with pytest.raises(DataError, match="the forecast has 't_850' in 'K', and the climatology has it in 'm'"):
        scored(given(wrong, "wrong.nc"))


def test_a_level_is_a_variable_of_its_own(given, scored) -> None:
    levels = xr.concat([means() + 1000, means()], "level").assign_coords(level=[500, 850])
    levels = levels.rename(temperature_850="temperature")
    scores, _ = scored(given(levels))
    assert scores.get("rmse", "climatology", "t_850")[0] == pytest.approx(60)


def test_a_node_where_the_climatology_is_missing_counts_in_no_anomaly(given, scored) -> None:
    gaps = means()
    gaps["temperature_850"][0, 59, 0, :] = np.nan  # both nodes at 0°E
    gaps["temperature_850"][0, 59, 1, 0] += 8  # at 180°E 30°S
    scores, _ = scored(given(gaps))
    assert scores.get("rmse", "forecast", "t_850")[0] == 1.0
    assert scores.get("rmse", "climatology", "t_850")[0] == pytest.approx(np.sqrt((60**2 + 68**2) / 2))
    assert scores.get("activity-truth", "forecast", "t_850")[0] == pytest.approx(np.sqrt((60**2 + 68**2) / 2))


@pytest.mark.carries_out(
    "verify a forecast at these times of day alone, or name past data in place of `means`: "
    "`verification.climatology.source`"
)
def test_other_times_of_day_are_refused_before_the_first_case(given, scored, tmp_path) -> None:
    told = "the climatology `1990-2019_6h.nc` has no values for 1 of 2 times that are verified, the first of which is "
    hours = [np.timedelta64(6, "h"), np.timedelta64(9, "h")]
    with pytest.raises(DataError, match=f"{told}2020-02-29T03: it has 366 days of the year, at 00:00, 06:00, 12:00"):
        scored(given(means()), leads=hours)
    assert not list((tmp_path / "verification").glob("scores*"))
    some = given(means(days=np.arange(1, 60)), "some.nc")
    with pytest.raises(DataError, match="the first of which is 2020-02-29T00: it has 59 days of the year"):
        scored(some)
    assert np.isfinite(scored(given(means()), leads=hours[:1])[0].get("acc", "forecast", "t_850")).all()
    scored({"source": {"plugin": "xarray", "path": str(past(tmp_path))}}, leads=hours)


def past(folder):
    """Past values of t_850 every hour of some days."""
    times = np.arange(np.datetime64("2019-02-25", "ns"), np.datetime64("2019-03-05", "ns"), np.timedelta64(1, "h"))
    field = np.random.default_rng(0).normal(size=(len(times), 2, 2)).astype("f4")
    axes = {"time": times, "latitude": [30.0, -30.0], "longitude": [0.0, 180.0]}
    xr.Dataset({"t_850": (tuple(axes), field, {"units": "K"})}, axes).to_netcdf(folder / "past.nc")
    return folder / "past.nc"


def test_means_of_days_hold_at_all_full_hours(given, scored) -> None:
    scores, _ = scored(given(means([0]).isel(hour=0, drop=True)), leads=[np.timedelta64(9, "h")])
    assert scores.get("rmse", "climatology", "t_850")[0] == pytest.approx(60)


@pytest.mark.carries_out("give them their names in the forecast with `rename`")
def test_what_the_climatology_lacks_is_told(given, verify, write, source) -> None:
    times = np.array([START, START + LEAD])
    truth = source(GRID, ["t_850", "q_850"], times, np.zeros((2, 2, 4)))
    path = write(GRID, times[:1], [LEAD], {"t_850": np.ones((1, 1, 4)), "q_850": np.ones((1, 1, 4))})
    options = {**QUICK, "metrics": ["acc"]}
    scores, _ = verify(path, truth, climatology=given(means()), **options)
    assert scores.get("acc", "forecast", "t_850")[0] == pytest.approx(1)
    assert np.isnan(scores.get("acc", "forecast", "q_850")).all()
    assert "The climatology lacks q_850: no anomalies there." in scores.notes
    other = given(means().rename(temperature_850="heat"), "other.nc")
    with pytest.raises(DataError, match="none of the variables of the forecast, t_850, q_850: it has heat"):
        verify(path, truth, climatology=other, **options)
    other["means"]["rename"] = {"heat": "t_850"}
    scores, _ = verify(path, truth, climatology=other, **options)
    assert scores.get("acc", "forecast", "t_850")[0] == pytest.approx(1)


@pytest.mark.carries_out("choose one of them with `variables`")
def test_two_variables_that_may_be_one(given, scored) -> None:
    twice = means().assign(t850=means().temperature_850 + 1)
    with pytest.raises(DataError, match=r"'t.*850' and 't.*850' of the climatology may both be 't_850'"):
        scored(given(twice))
    scores, _ = scored(given(twice, variables=["t850"]))
    assert scores.get("rmse", "climatology", "t_850")[0] == pytest.approx(61)
    statistic = means().rename(temperature_850="temperature_850_mean").assign(other=means().temperature_850 + 5)
    assert scored(given(statistic, "mean.nc"))[0].get("rmse", "climatology", "t_850")[0] == pytest.approx(60)


@pytest.mark.carries_out("read it with the data source `climatology`, or name past data as `climatology.source`")
def test_past_data_are_no_means(given, scored, tmp_path) -> None:
    with pytest.raises(DataError, match="a climatology must have its times in the year 2000"):
        scored({"means": {"plugin": "xarray", "path": str(past(tmp_path))}})
    scored({"source": {"plugin": "xarray", "path": str(past(tmp_path))}})
    scored(given(means()))


def test_other_nodes_are_refused_or_brought_to_those_that_are_scored(given, scored) -> None:
    finer = means().interp(longitude=[0.0, 90.0, 180.0], latitude=[-30.0, 0.0, 30.0])
    finer = finer.assign_coords(latitude=[-40, 0, 40])
    with pytest.raises(DataError, match=r"the climatology has one of shape .* with other nodes") as caught:
        scored(given(finer.astype("f4")))
    assert caught.value.fix.startswith("name a climatology on the grid that is scored")
    around = finer.isel(longitude=[0, 1, 2, 1]).assign_coords(longitude=[0.0, 90.0, 180.0, 270.0])
    scores, _ = scored(given(around.astype("f4")), regrid={"move": "truth", "method": "bilinear"})
    assert scores.get("rmse", "climatology", "t_850")[0] == pytest.approx(60, rel=1e-5)


def test_what_needs_a_past_is_refused_before_the_first_case(given, scored, tmp_path) -> None:
    climatology = given(means())
    for metric, told in (
        ({"plugin": "csi", "thresholds": {"t_850": ["95%"]}}, "95% of t_850 from, and the climatology lacks `t_850_q"),
        ({"plugin": "quantiles"}, "`quantiles` does not know the range of 't_850'"),
    ):
        with pytest.raises(DataError, match=told):
            scored(climatology, metrics=[metric])
        both = climatology | {"source": {"plugin": "xarray", "path": str(past(tmp_path))}}
        assert scored(both, metrics=[metric])[0].get("rmse", "climatology", "t_850")[0] == pytest.approx(60)
    with pytest.raises(DataError, match="there can be no baseline `ridge`"):
        scored(climatology, baselines=["ridge"])


def test_percentiles_are_the_quantiles_of_the_climatology(given, scored) -> None:
    """The forecast 62.5 is above the 5 % quantile d − 1 and below the 95 % one d + 3; the truth 0 is below both."""
    axes = ("quantile", *means().temperature_850.dims)
    field = np.stack([means().temperature_850 - 1, means().temperature_850 + 3])
    quantiles = means().assign(t850_quantile=(axes, field, {"units": "K"})).assign_coords(quantile=[0.05, 0.95])
    metrics = [{"plugin": "far", "thresholds": {"t_850": ["5%", "95%"]}}]
    scores, _ = scored(given(quantiles), value=62.5, metrics=metrics)
    assert scores.get("far", "forecast", "t_850 > 5%")[0] == 1.0
    assert np.isnan(scores.get("far", "forecast", "t_850 > 95%")[0])


@pytest.fixture
def rain(tmp_path):
    """The dry fractions and thresholds of precipitation in m, as a source of one year and as a file."""
    draw = np.random.default_rng(0)
    axes = {"hour": HOURS, "dayofyear": np.arange(1, 367), "latitude": [30.0, -30.0], "longitude": [0.0, 180.0]}
    shape = tuple(len(one) for one in axes.values())
    name = "total_precipitation_6hr"
    fields = {
        f"{name}_seeps_dry_fraction": (tuple(axes), draw.uniform(0.3, 0.6, shape).astype("f4")),
        f"{name}_seeps_threshold": (tuple(axes), draw.uniform(2e-3, 6e-3, shape).astype("f4")),
        name: (tuple(axes), draw.uniform(0, 6e-3, shape).astype("f4")),
    }
    path = tmp_path / "rain.zarr"
    xr.Dataset(fields, axes).to_zarr(path, zarr_format=2, encoding={"hour": {"_FillValue": None}})
    return path


@pytest.mark.carries_out("name another climatology in the option `climatology` of `seeps`")
def test_seeps_takes_what_the_climatology_has(rain, verify, write, source, tmp_path) -> None:
    draw, times = np.random.default_rng(1), START + LEAD * np.arange(5)
    name = "total_precipitation_6hr"
    variable = Variable(name, units="m")
    truth = source(GRID, [variable], times, draw.uniform(0, 8e-3, (5, 1, 4)))
    path = write(GRID, times[:2], LEAD * np.arange(1, 4), {name: draw.uniform(0, 8e-3, (2, 3, 4))}, units="m")
    options = QUICK
    seeps = {"plugin": "seeps", "variables": [name]}
    means = {"plugin": "climatology", "path": str(rain)}
    found, _ = verify(path, truth, climatology={"means": means}, metrics=[seeps], **options)
    by_file, _ = verify(path, truth, metrics=[{**seeps, "climatology": str(rain)}], **options)
    np.testing.assert_allclose(found.get("seeps", "forecast", name), by_file.get("seeps", "forecast", name), rtol=1e-12)
    assert np.isfinite(found.get("seeps", "forecast", name)).all()
    wrong = xr.open_zarr(rain).load()
    wrong[f"{name}_seeps_threshold"].attrs["units"] = "K"
    wrong.to_netcdf(tmp_path / "wrong.nc")
    other = {"means": {"plugin": "climatology", "path": str(tmp_path / "wrong.nc")}}
    with pytest.raises(DataError, match="is in 'K', which is not convertible to 'm'"):
        verify(path, truth, climatology=other, metrics=[seeps], **options)
    verify(path, truth, climatology=other, metrics=[{**seeps, "climatology": str(rain)}], **options)


def test_fields_are_kept_in_a_file_where_they_are_large(source, monkeypatch) -> None:
    times = np.arange(np.datetime64("2000-01-01", "s"), np.datetime64("2000-01-05", "s"), LEAD)
    values = np.random.default_rng(0).normal(size=(len(times), 2, 2, 4)).astype("f4")  # of two members
    fields = YearlyFields(source(GRID, ["a", "b"], times, values))
    asked = np.array(["2019-01-02T06", "2021-01-04T18", "2020-01-02T06"], "datetime64[s]")
    wanted = values[[5, 15, 5]].mean(axis=1)
    for limit, block in ((2**28, 2**26), (0, 1)):
        monkeypatch.setattr("wxml_verification.kept_fields.IN_MEMORY", limit)
        monkeypatch.setattr("wxml_verification.usual_values.BLOCK_BYTES", block)
        kept = GivenValues(fields, ["b", "x", "a"], asked)
        found = kept.at(np.append(asked, np.datetime64("2019-01-01T00", "s")))
        np.testing.assert_array_equal(found[:3, [2, 0]], wanted.astype("f4"))
        assert np.isnan(found[:, 1]).all()
        assert np.isnan(found[3]).all()


def test_two_climatologies_do_not_compare(given, scored, tmp_path) -> None:
    folders = []
    for name in ("1990-2017.nc", "1990-2019.nc"):
        shift = 0.5 if "2017" in name else 0.0
        _, folder = scored(given(means() + shift, name), START + np.timedelta64(1, "D") * np.arange(10))
        folders.append(folder.rename(tmp_path / name.removesuffix(".nc")))
    notes = compare(folders, tmp_path / "comparison").notes
    assert "1990-2017 and 1990-2019 have two climatologies, so acc, activity do not compare." in notes
