"""The baseline `ridge` against closed forms, and never on times that are verified."""

import numpy as np
import pytest
from wxml import Grid
from wxml.errors import DataError
from wxml_verification.ridge import RidgeBaseline, RidgeOptions, solve
from wxml_verification.truth import Truth
from wxml_verification.usual import ADVICE, Past

GRID = Grid.regular([10.0, 0.0, -10.0], [0.0, 120.0, 240.0])
STEP = np.timedelta64(21600, "s")
TIMES = np.datetime64("2001-01-01", "s") + np.arange(900) * STEP
LEADS = STEP * np.array([1, 4])


def test_the_weights_are_those_of_least_squares_on_more_rows() -> None:
    """The penalty is a row √(λ n) for each standardised feature: numpy's lstsq on both is the ridge regression."""
    random = np.random.default_rng(0)
    x, y = random.normal(5, [1, 3, 0.1], (2, 50, 3)), random.normal(size=(2, 50, 2))
    x[:, :, 2] += 0.9 * x[:, :, 0]  # nearly the same
    x[1, 7, 0] = y[1, 9, 1] = np.nan
    beta, offset = solve(x, y, 0.01)
    for series, own in enumerate(beta):
        kept = np.isfinite(x[series]).all(axis=1) & np.isfinite(y[series]).all(axis=1)
        known, target = x[series, kept], y[series, kept]
        scale = known.std(axis=0)
        rows = np.vstack([(known - known.mean(axis=0)) / scale, np.sqrt(0.01 * kept.sum()) * np.eye(3)])
        wanted = np.vstack([target - target.mean(axis=0), np.zeros((3, 2))])
        expected = np.linalg.lstsq(rows, wanted, rcond=None)[0] / scale[:, None]
        np.testing.assert_allclose(own, expected, rtol=1e-9)
        np.testing.assert_allclose(offset[series], target.mean(axis=0) - known.mean(axis=0) @ expected, rtol=1e-9)


def test_a_series_without_values_has_no_law() -> None:
    x, y = np.full((1, 9, 2), np.nan), np.ones((1, 9, 1))
    assert np.isnan(solve(x, y, 1.0)[1]).all()
    constant, target = np.ones((1, 9, 1)), np.arange(9.0)[None, :, None]
    beta, offset = solve(constant, target, 1e-6)  # a feature that never changes tells nothing
    np.testing.assert_allclose([beta.item(), offset.item()], [0, 4])


def lawful(source, cycles=0.0, count=900):
    """x(t + 1) = 0.5 x(t) + 0.3 x(t − 1) of the node east of it, noise of 0.1, and a daily cycle."""
    random = np.random.default_rng(1)
    values = random.normal(size=(count, 3, 3))
    for time in range(2, count):
        values[time] = 0.5 * values[time - 1] + 0.3 * np.roll(values[time - 2], -1, axis=1)
        values[time] += 0.1 * random.normal(size=(3, 3))
    daily = cycles * np.array([0.0, 1.0, 3.0, 1.0])[np.arange(count) % 4]
    return source(GRID, ["x"], TIMES[:count], (values + daily[:, None, None]).reshape(count, 1, 9))


def baseline(truth, until=600, **options):
    return RidgeBaseline(Past(truth, TIMES[:until], until, "the truth"), RidgeOptions(**options))


@pytest.mark.parametrize("cycles", [0.0, 5.0])
def test_it_finds_a_linear_law(source, cycles) -> None:
    """Of a law that it can write, the error six hours ahead is the noise; of a strong penalty it is persistence."""
    truth = lawful(source, cycles)
    found = baseline(truth, strength=1e-6)
    errors = []
    for start in range(650, 850):
        fields = found.fields(Truth(truth), TIMES[start], LEADS, ["x"])
        assert fields.shape == (1, 2, 1, 9)
        errors.append(fields[0, 0, 0] - truth.values[start + 1, 0, 0])
    assert np.std(errors) == pytest.approx(0.1, rel=0.1)
    strong = baseline(truth, strength=1e9).fields(Truth(truth), TIMES[700], LEADS, ["x"])[0, :, 0]
    changes = np.stack([truth.values[1 + lead : 601 + lead, 0, 0] - truth.values[1:601, 0, 0] for lead in (1, 4)])
    expected = truth.values[700, 0, 0] + changes[:, : 600 - 5].mean(axis=1)
    np.testing.assert_allclose(strong, expected, atol=1e-5)


def test_neighbours_are_read_in_any_order_of_blocks(source, monkeypatch) -> None:
    truth = lawful(source)
    whole = baseline(truth, nodes=4).fields(Truth(truth), TIMES[700], LEADS, ["x"])
    monkeypatch.setattr("wxml_verification.ridge.BLOCK_BYTES", 1)
    np.testing.assert_allclose(baseline(truth, nodes=4).fields(Truth(truth), TIMES[700], LEADS, ["x"]), whole)
    alone = baseline(truth, nodes=1).fields(Truth(truth), TIMES[700], LEADS, ["x"])
    assert np.abs(alone - whole).max() > 0.01  # the law needs the node to the east


def test_a_past_of_a_whole_year_has_a_cycle_of_the_year(source) -> None:
    """Changes over a day that depend on the season, and on nothing else."""
    times = np.datetime64("2001-01-01", "s") + np.arange(800) * 4 * STEP
    season = np.cumsum(np.cos(2 * np.pi * np.arange(800) / 365.25))
    truth = source(GRID, ["x"], times, season[:, None, None] + np.zeros((1, 1, 9)))
    past = Past(truth, times[:400], 400, "the truth")
    found = RidgeBaseline(past, RidgeOptions(nodes=1)).fields(
        Truth(truth), times[550], 4 * STEP * np.ones(1, int), ["x"]
    )
    assert found[0, 0, 0, 0] - season[550] == pytest.approx(season[551] - season[550], abs=0.03)


@pytest.mark.usefixtures("drawn")
@pytest.mark.carries_out("choose a `verification.climatology.period` that ends before the first valid time")
def test_it_is_never_fitted_on_what_is_verified(source, write, verify) -> None:
    truth = lawful(source)
    starts = TIMES[700:720]
    path = write(GRID, starts, LEADS, {"x": np.zeros((20, 2, 9))})
    with pytest.raises(DataError, match="fitted on 1 of 23 times that are verified, 2001-06-25T06 to 2001-06-25T06"):
        verify(path, truth, TIMES[:702], baselines=["ridge"], maps=0)
    scores, folder = verify(path, truth, TIMES[:701], baselines=["ridge"], maps=0)
    assert scores.forecasts[-1] == "ridge"
    assert scores.get("rmse", "ridge", "x")[0] == pytest.approx(0.1, rel=0.15)
    assert scores.get("rmse", "ridge", "x")[1] < scores.get("rmse", "persistence", "x")[1]
    assert "is fitted on 701 times of the truth, 2001-01-01T00 to 2001-06-25T00" in (folder / "report.html").read_text()


@pytest.mark.carries_out(ADVICE)
def test_without_a_past_there_is_none(source, write, verify) -> None:
    truth = lawful(source)
    path = write(GRID, TIMES[700:702], LEADS, {"x": np.zeros((2, 2, 9))})
    with pytest.raises(DataError, match="no baseline `ridge`: the truth has 0 past times"):
        verify(path, truth, baselines=["ridge"])
    verify(path, truth, TIMES[:400], baselines=["ridge"], maps=0)


@pytest.mark.carries_out("leave it out of `verification.baselines`, or name a longer past")
def test_a_past_that_is_too_short(source, write, verify) -> None:
    truth = lawful(source)
    path = write(GRID, TIMES[700:702], LEADS, {"x": np.zeros((2, 2, 9))})
    with pytest.raises(DataError, match="no two states 6h apart with values at all lead times up to 24h"):
        verify(path, truth, TIMES[:5], baselines=["ridge"])
    verify(path, truth, TIMES[:40], baselines=["ridge"], maps=0)
