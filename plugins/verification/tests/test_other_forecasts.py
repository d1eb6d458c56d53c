"""Another forecast as a baseline: on its own cases, lead times and nodes, in every output."""

import csv

import numpy as np
import pytest
import xarray as xr
from wxml import Grid
from wxml.errors import ConfigError, DataError
from wxml_verification.regridding import Regridding

GRID = Grid.regular([30.0, -30.0], [0.0, 180.0])
HOUR = np.timedelta64(3600, "s")
TIMES = np.datetime64("2001-02-01", "s") + np.arange(120) * 12 * HOUR
LEADS = 12 * HOUR * np.array([1, 2])


@pytest.fixture
def truth(source):
    return source(GRID, ["x"], TIMES, np.random.default_rng(0).normal(size=(120, 1, 4)))


def ahead(truth, starts, leads, error):
    """The truth plus an error: values `[case, lead_time, node]`."""
    places = np.searchsorted(TIMES, TIMES[starts][:, None] + leads)
    return truth.values[places, 0, 0] + error


@pytest.mark.usefixtures("drawn")
def test_it_stands_beside_the_forecast(truth, write, verify) -> None:
    """The other one has some of the cases, one of the lead times, and its nodes in another order."""
    starts, later = np.arange(100), np.arange(40, 110)
    random = np.random.default_rng(1)
    own = write(GRID, TIMES[starts], LEADS, {"x": ahead(truth, starts, LEADS, random.normal(0, 0.1, (100, 2, 4)))})
    turned = Grid.regular([-30.0, 30.0], [0.0, 180.0])
    other = write(
        turned,
        TIMES[later],
        LEADS[1:],
        {"x": ahead(truth, later, LEADS[1:], random.normal(0, 0.3, (70, 1, 4)))[..., [2, 3, 0, 1]]},
        name="old.nc",
    )
    scores, folder = verify(own, truth, TIMES[:9], forecasts={"old": other}, maps=0)
    assert scores.forecasts == ("forecast", "persistence", "climatology", "old")
    rmse = scores.get("rmse", "old", "x")
    assert np.isnan(rmse[0])
    assert rmse[1] == pytest.approx(0.3, rel=0.1)
    with xr.open_dataset(folder / "scores.nc", decode_timedelta=True) as file:
        assert file.cases.sel(forecast="old", variable="x").values.tolist() == [0, 60]
        difference = file.sel(metric="rmse", baseline="old", variable="x", region="all")
        assert difference.difference[1] == pytest.approx(-0.2, abs=0.02)
        assert difference.p_adjusted[1] < 0.01
    page = (folder / "report.html").read_text()
    assert "The baseline `old` is the forecast `old.nc`." in page
    assert 'stroke="var(--run-2)"' in page


def test_differences_have_intervals_in_groups_of_cases(truth, write, verify, told) -> None:
    """A forecast that is better in February alone: groups have their own tests, and each its own cases."""
    starts = np.arange(110)
    is_february = TIMES[starts] < np.datetime64("2001-03-01")
    random = np.random.default_rng(2)
    sizes = np.where(is_february, 0.1, 0.5)[:, None, None]
    own = write(GRID, TIMES[starts], LEADS, {"x": ahead(truth, starts, LEADS, sizes * random.normal(size=(110, 2, 4)))})
    rival = ahead(truth, starts, LEADS, 0.5 * random.normal(size=(110, 2, 4)))
    other = write(GRID, TIMES[starts], LEADS, {"x": rival}, name="old.nc")
    _, folder = verify(own, truth, TIMES[:9], forecasts={"old": other}, maps=0, groups=["month", "initial-hour"])
    with xr.open_dataset(folder / "scores.nc", decode_timedelta=True) as file:
        assert file.group_of_cases.values.tolist() == ["February", "March", "00 UTC", "12 UTC"]
        each = file.sel(metric="rmse", baseline="old", variable="x", region="all").isel(prediction_timedelta=0)
        p = dict(zip(each.group_of_cases.values.tolist(), each.group_p_adjusted.values, strict=True))
        assert p["February"] < 0.001
        assert p["March"] > 0.05
        assert (each.group_difference_ci_low < each.group_difference).all()
        scores = each.group_scores
        gap = scores.sel(forecast="forecast") - scores.sel(forecast="old")
        np.testing.assert_allclose(each.group_difference, gap.sel(group=each.group_of_cases.values))
    found = told((folder / "report.html").read_text())
    place, rmse, old = found["groups"].index("March"), [one["name"] for one in found["numbers"]].index("rmse"), 3
    assert found["significant"][place][0][rmse][old][0][0] == 0
    assert found["significant"][found["groups"].index("February")][0][rmse][old][0] == [1, 1]


def test_a_comparison_has_the_differences_of_groups(truth, write, verify, tmp_path) -> None:
    from wxml_verification.compare_job import compare

    starts = np.arange(110)
    random = np.random.default_rng(3)
    for name, size in (("new", 0.1), ("old", 0.5)):
        values = ahead(truth, starts, LEADS, size * random.normal(size=(110, 2, 4)))
        path = write(GRID, TIMES[starts], LEADS, {"x": values}, name=f"{name}.nc")
        _, folder = verify(path, truth, TIMES[:9], maps=0)
        folder.rename(tmp_path / name)
    found = compare([tmp_path / "new", tmp_path / "old"], tmp_path / "both", groupings=("month",))
    assert list(found.groups) == ["February", "March"]
    with open(tmp_path / "both" / "comparison.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["metric"], row["lead_time"]) == ("rmse", "12h")]
    assert [(row["group"], row["count"]) for row in rows] == [("all", "110"), ("February", "56"), ("March", "54")]
    with xr.open_dataset(tmp_path / "both" / "comparison.nc", decode_timedelta=True) as file:
        stored = file.group_difference.sel(metric="rmse", variable="x", region="all").squeeze()
        np.testing.assert_allclose(stored[:, 0], [float(row["difference"]) for row in rows[1:]])
        assert (file.group_count.sel(metric="rmse").max(("variable", "region")).squeeze()[:, 0] == [56, 54]).all()


@pytest.mark.carries_out("score both on the nodes of the truth: verification.regrid.move=forecast")
def test_one_on_other_nodes_is_refused(truth, write, verify) -> None:
    own = write(GRID, TIMES[:9], LEADS, {"x": np.zeros((9, 2, 4))})
    coarse = Grid.regular([60.0, 30.0, -30.0, -60.0], [0.0, 90.0, 180.0, 270.0])
    finer = write(coarse, TIMES[:9], LEADS, {"x": np.zeros((9, 2, 16))}, name="finer.nc")
    moved = {"regrid": Regridding(move="truth", method="nearest"), "maps": 0}
    shifted = Grid.regular([30.0, -30.0], [10.0, 190.0])
    apart = write(shifted, TIMES[:9], LEADS, {"x": np.zeros((9, 2, 4))}, name="apart.nc")
    with pytest.raises(DataError, match="the other forecast 'old' lacks 4 of the 4 nodes"):
        verify(own, truth, forecasts={"old": apart}, **moved)
    moved["regrid"] = Regridding(move="forecast", method="nearest")
    scores, _ = verify(own, truth, forecasts={"old": finer}, **moved)
    np.testing.assert_allclose(scores.get("rmse", "old", "x"), scores.get("rmse", "forecast", "x"))


@pytest.mark.carries_out("leave it out of `verification.forecasts`")
def test_one_of_other_variables_is_refused(truth, write, verify) -> None:
    own = write(GRID, TIMES[:9], LEADS, {"x": np.zeros((9, 2, 4))})
    other = write(GRID, TIMES[:9], LEADS, {"y": np.zeros((9, 2, 4))}, name="other.nc")
    with pytest.raises(DataError, match="the other forecast 'old' has none of the variables x"):
        verify(own, truth, forecasts={"old": other})
    verify(own, truth, maps=0)


@pytest.mark.carries_out("write both in the same units, with the state filter `units` say")
def test_one_in_other_units_is_refused(truth, write, verify) -> None:
    own = write(GRID, TIMES[:9], LEADS, {"x": np.zeros((9, 2, 4))})
    other = write(GRID, TIMES[:9], LEADS, {"x": np.zeros((9, 2, 4))}, name="other.nc", units="degC")
    with pytest.raises(DataError, match="x has the units 'K' in the forecast and 'degC' in the other forecast 'old'"):
        verify(own, truth, forecasts={"old": other})
    verify(own, truth, forecasts={"old": own}, maps=0)


def test_the_name_of_a_baseline_is_taken(truth, write, verify) -> None:
    own = write(GRID, TIMES[:9], LEADS, {"x": np.zeros((9, 2, 4))})
    with pytest.raises(ConfigError, match="another baseline has this name"):
        verify(own, truth, forecasts={"persistence": own})
