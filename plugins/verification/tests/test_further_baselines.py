"""Baselines beside persistence and climatology, against values worked out by hand."""

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, NameOrChoice
from wxml.errors import DataError
from wxml_verification.further_baselines import ClimatologyEnsemble, DiurnalPersistence
from wxml_verification.truth import Truth
from wxml_verification.usual import Past

GRID = Grid.regular([30.0, -30.0], [0.0, 180.0])
DAY = np.timedelta64(86400, "s")
YEARS = np.datetime64("2000-01-01", "s") + np.arange(366 + 365 + 365) * DAY
METRICS = [NameOrChoice(plugin=name) for name in ("rmse", "crps", "rank-histogram")]
LEADS = np.array([6, 24, 30], "timedelta64[h]").astype("timedelta64[s]")


@pytest.fixture
def half_days(source):
    """Forty days of two states, whose value is the number of the state."""
    times = np.datetime64("2000-01-01", "s") + np.arange(80) * DAY // 2
    return source(GRID, ["x"], times, np.arange(80.0)[:, None, None] + np.zeros(4))


def test_diurnal_persistence_is_the_state_of_a_day_before(source) -> None:
    times = np.datetime64("2000-01-01", "s") + np.arange(40) * DAY // 4
    truth = Truth(source(GRID, ["x"], times, np.arange(40.0)[:, None, None] + np.zeros(4)))
    found = DiurnalPersistence().fields(truth, times[8], LEADS, ["x"])
    assert found.shape == (1, 3, 1, 4)
    np.testing.assert_array_equal(found[0, :, 0, 0], [5, 8, 5])  # 6 h: a day before 9; 24 h: the initial state
    early = DiurnalPersistence().fields(truth, times[0], LEADS, ["x"])[0, :, 0, 0]
    np.testing.assert_array_equal(early, [np.nan, 0, np.nan])


def ensemble(source, members, window, times=YEARS):
    values = np.arange(float(len(times)))[:, None, None] + np.zeros(4)
    return ClimatologyEnsemble(
        Past(source(GRID, ["x"], times, values), times, len(times), "the truth"), window, members
    )


def test_members_are_spread_over_the_past_states_near_the_date(source) -> None:
    """Two days on either side, in three years: fifteen states, of which five are taken."""
    past = ensemble(source, 5, 2)
    found = past.chosen(np.datetime64("2005-07-10T00", "s"))
    expected = ["2000-07-09", "2000-07-12", "2001-07-10", "2002-07-08", "2002-07-11"]
    np.testing.assert_array_equal(found, np.array(expected, "datetime64[s]"))
    values = past.fields(Truth(past.past.source), np.datetime64("2005-07-09", "s"), LEADS[1:2], ["x"])[:, 0, 0, 0]
    np.testing.assert_array_equal(YEARS[values.astype(int)], found)


def test_the_turn_of_the_year_and_the_valid_time(source) -> None:
    """31 December is a day from 1 January; the valid time itself is no member."""
    past = ensemble(source, 8, 1)
    found = past.chosen(np.datetime64("2001-01-01", "s"))
    expected = [
        "2000-01-01",
        "2000-01-02",
        "2000-12-31",
        "2001-01-02",
        "2001-12-31",
        "2002-01-01",
        "2002-01-02",
        "2002-12-31",
    ]
    np.testing.assert_array_equal(found, np.array(expected, "datetime64[s]"))


def test_a_window_with_too_few_states_is_widened(source) -> None:
    few = YEARS[::30]
    found = ensemble(source, 4, 1, few).chosen(np.datetime64("2005-07-10", "s"))
    assert len(found) == 4
    assert len(ensemble(source, 40, 1, few).chosen(np.datetime64("2005-07-10", "s"))) == 0
    assert len(ensemble(source, 1, 182).chosen(np.datetime64("2005-07-10T06", "s"))) == 0  # never at that time of day
    values = ensemble(source, 40, 1, few).fields(None, few[0], LEADS[1:2], ["x"])
    assert np.isnan(values).all()


@pytest.fixture
def forecast(half_days, write):
    """An ensemble of three, a day ahead: the truth and one more and one less."""
    starts = half_days.header.times[60:70:2]
    values = np.arange(62.0, 72, 2)[:, None, None, None] + np.array([-1, 0, 1.0])[:, None] + np.zeros((5, 1, 3, 4))
    return write(GRID, starts, [DAY], {"x": values})


@pytest.mark.usefixtures("drawn")
def test_both_are_scored(half_days, forecast, verify) -> None:
    """The ensemble of past states has scores of members, too, and curves in the report."""
    times = half_days.header.times[:40]
    names = ["diurnal-persistence", "climatology-ensemble"]
    scores, folder = verify(forecast, half_days, times, baselines=names, metrics=METRICS)
    assert scores.forecasts == ("forecast", "persistence", "climatology", *names)
    np.testing.assert_allclose(scores.get("rmse", "diurnal-persistence", "x"), 2)
    past = ClimatologyEnsemble(Past(half_days, times, 40, "the truth"), 30, 3)
    expected = []
    for number in range(62, 72, 2):
        members = np.searchsorted(times, past.chosen(half_days.header.times[number])).astype(float)
        pairs = np.abs(members[:, None] - members).sum() / (2 * 9)
        expected.append(np.abs(members - number).mean() - pairs)
    np.testing.assert_allclose(scores.get("crps", "climatology-ensemble", "x"), np.mean(expected))
    assert np.isnan(scores.get("rank-histogram", "climatology", "x")).all()
    np.testing.assert_allclose(scores.get("crps", "forecast", "x"), 2 / 3 - 8 / 18)
    assert np.isfinite(scores.get("rank-histogram", "climatology-ensemble", "x")).all()
    with xr.open_dataset(folder / "scores.nc") as file:
        assert file.forecast.values.tolist() == list(scores.forecasts)
    assert "climatology-ensemble" in (folder / "report.html").read_text()


@pytest.mark.carries_out("leave it out of `verification.baselines`")
def test_an_ensemble_beside_one_forecast(half_days, verify, write) -> None:
    one = write(GRID, half_days.header.times[60:62], [DAY], {"x": np.zeros((2, 1, 4))})
    with pytest.raises(DataError, match="`climatology-ensemble`: the forecast has one member"):
        verify(one, half_days, half_days.header.times[:40], baselines=["climatology-ensemble"])
    verify(one, half_days, half_days.header.times[:40], baselines=["diurnal-persistence"], maps=0)


def test_an_ensemble_without_a_past(half_days, forecast, verify) -> None:
    with pytest.raises(DataError, match="the truth has no past of the variables"):
        verify(forecast, half_days, baselines=["climatology-ensemble"])
