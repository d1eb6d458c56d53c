"""Where the climatology comes from: the truth, a source of the user's, or the data of the training."""

import numpy as np
import pytest
from wxml import Grid, PluginChoice, VerificationTask
from wxml.errors import ConfigError, DataError
from wxml_verification.scorecard import Scorecard
from wxml_verification.usual import ClimatologyOptions

TIMES = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2001-01-11", "s"), np.timedelta64(6, "h"))
EARLIER = TIMES - np.timedelta64(366, "D")
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")


@pytest.fixture
def world(grid, source, write):
    """A forecast, the truth of its ten days, and ten days of the year before, with the nodes in another order."""
    random = np.random.default_rng(0)
    order = np.array([2, 0, 3, 1])
    own, past = random.normal(size=(len(TIMES), 1, 4)), random.normal(size=(len(TIMES), 1, 4))
    path = write(grid, TIMES[:20], LEADS, {"t": random.normal(size=(20, 2, 4)).astype(np.float32)})
    other = Grid.unstructured(grid.latitudes[order], grid.longitudes[order])
    truth, both = source(grid, ["t"], TIMES, own), source(grid, ["t"], [*EARLIER, *TIMES], np.concatenate([past, own]))
    return path, truth, both, source(other, ["t"], EARLIER, past[..., order])


@pytest.fixture
def scores(world, tmp_path):
    """Scores against a truth: `scores(truth, times, training, **options)`."""
    folders = iter(range(10))

    def run(truth, times=(), training=None, **options):
        folder = tmp_path / f"scores{next(folders)}"
        folder.mkdir()
        past = np.asarray(times, "datetime64[s]")
        task = VerificationTask(world[0], truth, past, folder, {"artefact": "scores"}, training=training)
        return Scorecard(maps=0, **options).verify(task)

    return run


def test_the_data_of_the_training_give_what_the_truth_lacks(world, scores) -> None:
    """The truth is of another year, as when it is another file; the scores are those of a truth with both years."""
    _, truth, both, past = world
    expected = scores(both, EARLIER)
    found = scores(truth, training=lambda: (past, EARLIER))
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-12)
    assert np.isfinite(found.get("acc", "forecast", "t")).all()
    assert found.notes == ("The climatology is made of 40 times of the data of the training.",)


def test_without_a_past_the_table_says_how_to_get_one(world, scores) -> None:
    def lost():
        raise DataError("no such file", fix="find it")

    for training in (None, lost):
        found = scores(world[1], training=training)
        assert np.isnan(found.get("acc", "forecast", "t")).all()
        (note,) = found.notes
        assert "neither a climatology nor an ACC" in note
        assert "name past data in `verification.climatology.source`" in note


def test_the_truth_s_own_past_is_taken_first(world, scores) -> None:
    def never():
        raise AssertionError

    assert scores(world[2], EARLIER, training=never).notes == ()


def test_a_source_of_the_user_s_has_a_period_of_its_own(world, scores, monkeypatch) -> None:
    _, truth, both, past = world
    monkeypatch.setattr("wxml_verification.usual.create", lambda *_, **__: past)
    chosen = PluginChoice(plugin="netcdf")
    found = scores(truth, climatology=ClimatologyOptions(source=chosen, period=("1999-12-31", "2000-01-03")))
    expected = scores(both, EARLIER[np.datetime64("2000-01-04") > EARLIER])
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-12)
    every = scores(truth, climatology=ClimatologyOptions(source=chosen))
    np.testing.assert_allclose(every.values, scores(both, EARLIER).values, rtol=1e-12)
    own = scores(both, TIMES, climatology=ClimatologyOptions(period=("1999-12-31", "2000-01-10")))
    np.testing.assert_allclose(own.values, scores(both, EARLIER).values, rtol=1e-12)


@pytest.mark.carries_out("choose a `verification.climatology.period` that they have")
def test_a_period_without_data_is_refused(world, scores) -> None:
    with pytest.raises(DataError, match="have no time from 1980 to 1990"):
        scores(world[2], climatology=ClimatologyOptions(period=("1980", "1990")))
    assert np.isfinite(scores(world[2], climatology=ClimatologyOptions(period=("2000", "2001"))).values).any()


def test_a_period_is_two_dates(world, scores) -> None:
    with pytest.raises(ConfigError, match="must be two dates, got"):
        scores(world[2], climatology=ClimatologyOptions(period=("then", "now")))
