"""The verifier as core calls it: scores in closed form, against an independent reference, and with gaps."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml import Grid

TIMES = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2001-01-04", "s"), np.timedelta64(6, "h"))
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")
TRAINING = TIMES[:8]


@pytest.fixture
def world(grid, source):
    """A truth of two variables at twelve times on 2 × 2 nodes."""
    values = np.random.default_rng(0).normal(10, 3, (len(TIMES), 2, 4))
    return source(grid, ["t", "u"], TIMES, values)


def verifying(truth, initial_times, name, leads=LEADS):
    """The truth at the valid times, shape `[time, lead_time, node]`; NaN where it has none."""
    valid = initial_times[:, None] + leads
    there = np.isin(valid, truth.header.times)
    index = np.searchsorted(truth.header.times, np.where(there, valid, truth.header.times[0]))
    return np.where(there[..., None], truth.values[index, 0, truth.header.names.index(name)], np.nan)


def test_scores_by_hand(grid, source, write, verify) -> None:
    truth = source(grid, ["t"], TIMES[:4], np.zeros((4, 1, 4)))
    # two cases with errors (1, 1, 1, 1) and (3, -3, 3, 3); all four cells are equally large
    forecast = np.array([[[1.0, 1, 1, 1]], [[3.0, -3, 3, 3]]])
    scores, _ = verify(write(grid, TIMES[:2], LEADS[:1], {"t": forecast}), truth, maps=0)
    assert scores.get("rmse", "forecast", "t") == pytest.approx(np.sqrt((1 + 9) / 2))  # the mean inside the root
    assert scores.get("bias", "forecast", "t") == pytest.approx((1 + 1.5) / 2)
    assert scores.get("mae", "forecast", "t") == pytest.approx((1 + 3) / 2)
    assert scores.cases == 2
    assert scores.forecasts == ("forecast", "persistence", "climatology")
    assert scores.units == ("K",)


def test_rows_count_by_their_area(source, write, verify) -> None:
    grid = Grid.regular([60.0, 0.0, -60.0], [0.0, 180.0])
    truth = source(grid, ["t"], TIMES[:4], np.zeros((4, 1, 6)))
    forecast = np.array([[[4.0, 4.0, 0, 0, 0, 0]]])  # wrong at 60°N: from 30°N (half way) to the pole
    scores, _ = verify(write(grid, TIMES[:1], LEADS[:1], {"t": forecast}), truth, maps=0)
    share = (1 - np.sin(np.radians(30))) / 2
    assert scores.get("bias", "forecast", "t") == pytest.approx(4 * share)
    assert scores.get("rmse", "forecast", "t") == pytest.approx(np.sqrt(16 * share))


def test_the_file_s_own_area_weights_are_used(source, write, verify) -> None:
    known = Grid.unstructured([0.0, 10.0], [0.0, 10.0], areas=[3.0, 1.0])
    truth = source(Grid.unstructured([0.0, 10.0], [0.0, 10.0]), ["t"], TIMES[:2], np.zeros((2, 1, 2)))
    path = write(known, TIMES[:1], LEADS[:1], {"t": [[[4.0, 0.0]]]})
    assert verify(path, truth, maps=0)[0].get("bias", "forecast", "t") == pytest.approx(3.0)


def test_a_perfect_forecast(grid, world, write, verify) -> None:
    initial = TIMES[4:8]
    values = {name: verifying(world, initial, name) for name in ("t", "u")}
    scores, _ = verify(write(grid, initial, LEADS, values), world, TRAINING, maps=0)
    for name in ("t", "u"):
        np.testing.assert_allclose(scores.get("rmse", "forecast", name), 0, atol=1e-6)
        np.testing.assert_allclose(scores.get("acc", "forecast", name), 1, atol=1e-6)


def test_a_forecast_of_persistence_scores_as_persistence(grid, world, write, verify) -> None:
    initial = TIMES[2:8]
    start = verifying(world, initial, "t", np.array([0], "timedelta64[s]"))
    path = write(grid, initial, LEADS, {"t": np.repeat(start, 2, axis=1)})
    scores, _ = verify(path, world, TRAINING, maps=0)
    for metric in scores.metrics:
        np.testing.assert_allclose(scores.get(metric, "forecast", "t"), scores.get(metric, "persistence", "t"))
    assert np.all(scores.get("rmse", "persistence", "t") > 1)


def test_the_climatology_has_an_rmse_but_no_anomaly_correlation(grid, world, write, verify) -> None:
    scores, _ = verify(write(grid, TIMES[:4], LEADS, {"t": np.ones((4, 2, 4))}), world, TRAINING, maps=0)
    assert np.all(scores.get("rmse", "climatology", "t") > 0)
    assert np.isnan(scores.get("acc", "climatology", "t")).all()
    assert np.isfinite(scores.get("acc", "forecast", "t")).all()


def test_without_training_times_there_is_no_climatology_and_no_anomaly_correlation(grid, world, write, verify) -> None:
    scores, _ = verify(write(grid, TIMES[:4], LEADS, {"t": np.ones((4, 2, 4))}), world, maps=0)
    assert np.isnan(scores.get("rmse", "climatology", "t")).all()
    assert np.isnan(scores.get("acc", "forecast", "t")).all()
    assert np.isfinite(scores.get("rmse", "forecast", "t")).all()


@pytest.mark.usefixtures("drawn")
def test_lead_times_beyond_the_truth_are_left_out_and_counted(grid, world, write, verify) -> None:
    initial = TIMES[-3:]  # the last has no truth at all, the one before only at 6 h
    scores, folder = verify(write(grid, initial, LEADS, {"t": np.full((3, 2, 4), 10.0)}), world, maps=0)
    expected = np.sqrt(((10 - verifying(world, initial, "t")[0, 1]) ** 2).mean())
    assert scores.get("rmse", "forecast", "t")[1] == pytest.approx(expected)
    assert scores.cases == 2
    with xr.open_dataset(folder / "scores.nc") as saved:
        assert saved["cases"].sel(forecast="forecast", variable="t").values.tolist() == [2, 1]
    assert "The truth lacks 3 of the 6 pairs" in (folder / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("drawn")
def test_a_lead_time_without_any_case_is_nan(grid, world, write, verify) -> None:
    leads = np.array([6, 240], "timedelta64[h]")
    scores, folder = verify(write(grid, TIMES[:2], leads, {"t": np.ones((2, 2, 4))}), world, maps=0)
    assert np.isfinite(scores.get("rmse", "forecast", "t")).tolist() == [True, False]
    assert "No case has a truth at lead time 240h" in (folder / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("drawn")
def test_maps_show_the_first_case_that_has_a_truth(grid, source, write, verify) -> None:
    truth = source(grid, ["t"], TIMES[3:], np.ones((9, 1, 4)))
    leads = np.array([6, 240], "timedelta64[h]")
    _, folder = verify(write(grid, TIMES[[0, 4]], leads, {"t": np.ones((2, 2, 4))}), truth)
    page = (folder / "report.html").read_text("utf-8")
    assert "the forecast that starts at 2001-01-02 00 UTC" in page
    assert "Maps of t at lead time 6h" in page
    assert "Maps of t at lead time 240h" not in page


def test_a_gap_at_the_initial_time_spoils_persistence_alone(grid, source, write, verify) -> None:
    truth = source(grid, ["t"], TIMES[1:6], np.ones((5, 1, 4)))
    scores, folder = verify(write(grid, TIMES[:2], LEADS, {"t": np.ones((2, 2, 4))}), truth, maps=0)
    assert np.isfinite(scores.values[0, :2]).all()
    with xr.open_dataset(folder / "scores.nc") as saved:
        assert saved["cases"].values[:2, 0].tolist() == [[2, 2], [1, 1]]


def test_baselines_see_just_the_nodes_of_the_forecast(grid, source, write, verify) -> None:
    values = np.zeros((4, 1, 4))
    values[1:, 0] = [1.0, 1.0, 100.0, 1.0]  # persistence is far off at the third node
    truth = source(grid, ["t"], TIMES[:4], values)
    path = write(grid, TIMES[:1], LEADS[:1], {"t": [[[0.0, 0.0, np.nan, 0.0]]]})
    scores, _ = verify(path, truth, maps=0)
    assert scores.get("rmse", "forecast", "t") == pytest.approx(1.0)
    assert scores.get("rmse", "persistence", "t") == pytest.approx(1.0)


@pytest.mark.usefixtures("drawn")
def test_a_spread_is_not_scored_as_a_variable(grid, source, write, verify) -> None:
    """The truth has no `t_spread`; a variable that is only named so, without the one that it belongs to, is scored."""
    truth = source(grid, ["t", "q_spread"], TIMES, np.zeros((len(TIMES), 1, 2, 4)))
    values = {name: np.ones((1, 1, 4)) for name in ("t", "t_spread", "q_spread")}
    scores, folder = verify(write(grid, TIMES[:1], LEADS[:1], values), truth, maps=0)
    assert scores.variables == ("t", "q_spread")
    assert "t_spread are not scored" in (folder / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("drawn")
def test_members_are_scored_by_their_mean(grid, source, write, verify) -> None:
    truth = source(grid, ["t"], TIMES[:4], np.zeros((4, 1, 4)))
    members = np.array([1.0, 2.0, 6.0]).reshape(1, 1, 3, 1) * np.ones((1, 1, 3, 4))
    scores, folder = verify(write(grid, TIMES[:1], LEADS[:1], {"t": members}), truth, maps=0)
    assert scores.get("rmse", "forecast", "t") == pytest.approx(3.0)
    assert "mean of 3 members" in (folder / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("cases", [1, 2])
def test_a_single_case_is_noted(grid, world, write, verify, cases: int) -> None:
    _, folder = verify(write(grid, TIMES[:cases], LEADS, {"t": np.ones((cases, 2, 4))}), world, maps=0)
    page = (folder / "report.html").read_text("utf-8")
    assert ("a single initial time: nothing tells how far they vary" in page) == (cases == 1)


@pytest.mark.parametrize("chosen", [(), ("u",)])
def test_variables_are_those_asked_for_in_the_order_of_the_truth(grid, world, write, verify, chosen) -> None:
    path = write(grid, TIMES[:2], LEADS, {"u": np.ones((2, 2, 4)), "t": np.ones((2, 2, 4))})
    assert verify(path, world, variables=chosen, maps=0)[0].variables == (chosen or ("t", "u"))


def test_groups_of_variables_give_the_same_scores(grid, world, write, verify, monkeypatch) -> None:
    path = write(grid, TIMES[:4], LEADS, {name: np.ones((4, 2, 4)) for name in ("t", "u")})
    together = verify(path, world, TRAINING, maps=0)[0]
    monkeypatch.setattr("wxml_verification.case_scoring.MEMORY", 1)
    np.testing.assert_array_equal(verify(path, world, TRAINING, maps=0)[0].values, together.values)


@pytest.mark.parametrize("name", ["forecast.zarr", "forecast.nc"])
@pytest.mark.parametrize(
    "places",
    [
        Grid.regular([60.0, 0.0, -60.0], [10.0, 130.0, 250.0]),
        Grid.curvilinear([[50.0, 50.1], [51.0, 51.1]], [[4.0, 5.0], [4.1, 5.1]]),
        Grid.healpix(1),
    ],
    ids=["regular", "curvilinear", "healpix"],
)
def test_every_grid_and_format(name, places, source, write, verify) -> None:
    truth = source(places, ["t"], TIMES[:4], np.tile(np.arange(len(places)), (4, 1, 1)))
    forecast = np.tile(np.arange(len(places)) + 2.0, (2, 2, 1))
    scores, _ = verify(write(places, TIMES[:2], LEADS, {"t": forecast}, name=name), truth, maps=0)
    np.testing.assert_allclose(scores.values[1, 0, 0], 2.0)  # nodes keep their order, so the bias is 2 everywhere
    np.testing.assert_allclose(scores.values[0, 0, 0], 2.0)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), missing=st.floats(0, 0.4))
def test_equals_an_independent_implementation_in_xarray(seed, missing, source, write, verify) -> None:
    generator = np.random.default_rng(seed)
    grid = Grid.regular([60.0, 20.0, -20.0, -60.0], np.arange(0.0, 360.0, 72.0))
    truth = source(grid, ["t"], TIMES, generator.normal(size=(len(TIMES), 1, 20)))
    initial = TIMES[:4]
    values = generator.normal(size=(4, 2, 20)).astype(np.float32)
    values[generator.random(values.shape) < missing] = np.nan
    path = write(grid, initial, LEADS, {"t": values}, name=f"{seed}-{missing}.nc")
    scores, _ = verify(path, truth, TRAINING, climatology_window=182, maps=0)
    with xr.open_dataset(path, decode_timedelta=True) as dataset:
        expected = reference(dataset, verifying(truth, initial, "t"), truth)
    for metric, curve in expected.items():
        np.testing.assert_allclose(scores.get(metric, "forecast", "t"), curve, rtol=1e-5, atol=1e-6)


def reference(dataset, verifying_values, truth):
    """WeatherBench-X's definitions with xarray's own weighted means; a window of a year is a mean for each hour."""
    forecast = dataset["t"].astype(float)
    observed = xr.DataArray(verifying_values.reshape(forecast.shape), coords=forecast.coords, dims=forecast.dims)
    training = xr.DataArray(truth.values[:8, 0, 0].reshape(8, *forecast.shape[2:]), dims=("time", *forecast.dims[2:]))
    by_hour = training.assign_coords(time=TRAINING.astype("datetime64[ns]")).groupby("time.hour").mean()
    valid_time = dataset["time"] + dataset["prediction_timedelta"]
    usual = by_hour.sel(hour=valid_time.dt.hour)
    axes = ["latitude", "longitude"]

    def mean(values):
        return values.weighted(dataset["area_weight"]).mean(axes)

    def pooled(values):
        return values.weighted(dataset["area_weight"]).mean([*axes, "time"]).values

    error, own, other = forecast - observed, forecast - usual, observed - usual
    other = other.where(own.notnull())
    correlation = mean(own * other) / np.sqrt(mean(own**2) * mean(other**2))
    return {
        "rmse": np.sqrt(pooled(error**2)),
        "bias": pooled(error),
        "mae": pooled(abs(error)),
        "acc": correlation.mean("time").values,
    }
