"""The score file reads back as what was computed."""

import json

import numpy as np
import pytest
import xarray as xr
from wxml import Grid

TIMES = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2001-01-03", "s"), np.timedelta64(6, "h"))
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")

GRIDS = {
    ("latitude", "longitude"): Grid.regular([60.0, 0.0, -60.0], [0.0, 120.0, 240.0]),
    ("y", "x"): Grid.curvilinear([[50.0, 50.1], [51.0, 51.1]], [[4.0, 5.0], [4.1, 5.1]]),
    ("cell",): Grid.healpix(1),
}


@pytest.fixture
def scored(source, write, verify):
    """Scores, the saved file (open), truth and forecast values."""

    def run(grid):
        generator = np.random.default_rng(2)
        truth = source(grid, ["t", "u"], TIMES, generator.normal(size=(8, 2, len(grid))))
        forecast = {name: generator.normal(size=(3, 2, len(grid))).astype(np.float32) for name in ("t", "u")}
        scores, folder = verify(write(grid, TIMES[:3], LEADS, forecast), truth, TIMES[:4], maps=0)
        with xr.open_dataset(folder / "scores.nc") as saved:
            return scores, saved.load(), truth, forecast

    return run


def test_scores_read_back_equal_with_plain_xarray(scored, grid) -> None:
    scores, saved, _, _ = scored(grid)
    assert saved["scores"].dims == ("metric", "forecast", "variable", "prediction_timedelta")
    np.testing.assert_array_equal(saved["scores"], scores.values)
    np.testing.assert_array_equal(saved["prediction_timedelta"].values, LEADS)
    for axis, names in (("metric", scores.metrics), ("forecast", scores.forecasts), ("variable", scores.variables)):
        assert tuple(saved[axis].values) == names
    assert saved["units"].sel(variable="u").item() == "K"
    assert saved.attrs["cases"] == 3
    assert "t: K" in saved["scores"].attrs["units"]


@pytest.mark.parametrize("axes", GRIDS)
def test_maps_hold_bias_and_rmse_at_each_node(scored, axes) -> None:
    grid = GRIDS[axes]
    _, saved, truth, forecast = scored(grid)
    error = forecast["u"][:, 1] - truth.values[2:5, 0, 1]  # at 12 h, from the first three times
    maps = saved["maps"].sel(variable="u", prediction_timedelta=np.timedelta64(12, "h"))
    assert maps.dims == ("map", *axes)
    np.testing.assert_allclose(maps.sel(map="bias").values.ravel(), error.mean(0), atol=1e-5)
    np.testing.assert_allclose(maps.sel(map="rmse").values.ravel(), np.sqrt((error**2).mean(0)), atol=1e-5)
    latitudes = xr.broadcast(saved["latitude"], maps.sel(map="bias"))[0].transpose(*axes)
    np.testing.assert_array_equal(latitudes.values.ravel(), grid.latitudes)


def test_the_record_that_core_hands_over_is_inside(scored, grid) -> None:
    record = json.loads(scored(grid)[1].attrs["wxml_provenance"])
    climatology = record.pop("climatology")
    assert record == {"artefact": "scores", "parents": [{"artefact": "forecast"}]}
    assert climatology == json.loads(scored(grid)[1].attrs["climatology_record"])


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("leads", [LEADS, np.array([6, 12, 18, 24, 30, 36], "timedelta64[h]")], ids=["two", "six"])
def test_large_grids_have_maps_of_what_the_report_shows(leads, source, write, verify, grid, monkeypatch) -> None:
    """The other maps would take more memory than all else; the report is the same."""
    random = np.random.default_rng(2)
    truth = source(grid, ["t", "u", "v"], TIMES, random.normal(size=(8, 3, 4)))
    path = write(grid, TIMES[:2], leads, {name: random.normal(size=(2, len(leads), 4)) for name in ("t", "u", "v")})
    every, page = (verify(path, truth, maps=1)[1] / name for name in ("scores.nc", "report.html"))
    whole, text = xr.load_dataset(every, decode_timedelta=True), page.read_text("utf-8")
    monkeypatch.setattr("wxml_verification.sights.ALL_MAPS", 0)
    verify(path, truth, maps=1)
    assert page.read_text("utf-8") == text
    some = xr.load_dataset(every, decode_timedelta=True)
    np.testing.assert_array_equal(some["scores"], whole["scores"])
    assert some["maps"].dims[:3] == ("map", "map_variable", "map_prediction_timedelta")
    assert some["map_variable"].values.tolist() == ["t"]
    shown = some["map_prediction_timedelta"].values
    assert len(shown) < len(leads) or len(leads) == 2
    expected = whole["maps"].sel(variable=["t"], prediction_timedelta=shown)
    np.testing.assert_array_equal(some["maps"].values, expected.values)


def test_each_kind_of_curve_has_a_group(grid, source, write, verify) -> None:
    """The histogram of the ranks, worked out by hand: two members at 0 and 1, a truth of 2 at one node of four."""
    truth = source(grid, ["t"], TIMES[:2], np.broadcast_to([-1.0, -1.0, 0.5, 2.0], (2, 1, 4)))
    members = np.broadcast_to(np.array([0.0, 1.0])[:, None], (1, 1, 2, 4))
    _, folder = verify(write(grid, TIMES[:1], LEADS[:1], {"t": members}), truth, maps=0)
    with xr.open_dataset(folder / "scores.nc", group="curves/rank-histogram-histogram") as curves:
        shares = curves["values"].sel(subject="t", region="all").isel(prediction_timedelta=0)
        np.testing.assert_allclose(shares, [0.5, 0.25, 0.25])
        assert curves["positions"].sel(subject="t").values.tolist() == [0, 1, 2]
        assert curves["positions"].attrs["long_name"] == "rank"
