"""What the script of a report draws from: scores, curves, and the fields of some cases."""

import numpy as np
import pytest
from wxml import Grid, NameOrChoice
from wxml_verification.map_raster import MapRaster

TIMES = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2001-01-04", "s"), np.timedelta64(6, "h"))
LEADS = np.array([6, 12], "timedelta64[h]")
GRID = Grid.regular([60.0, 20.0, -20.0, -60.0], np.arange(0.0, 360.0, 45.0))
ERRORS = np.array([2.0, 5.0, 1.0, 4.0, 3.0])
"""Of five initial times, at every node."""


@pytest.fixture
def page(source, write, verify):
    """The report of forecasts whose errors are `ERRORS`, and the truth of their first valid time."""
    values = np.random.default_rng(0).normal(280, 5, (len(TIMES), 1, len(GRID)))
    forecast = np.stack([values[case + 1 : case + 3, 0] + error for case, error in enumerate(ERRORS)])
    forecast[1, 0, 3] = np.nan
    path = write(GRID, TIMES[:5], LEADS, {"t": forecast})
    _, folder = verify(path, source(GRID, ["t"], TIMES, values), TIMES, cases=4)
    return (folder / "report.html").read_text("utf-8"), values[2, 0].reshape(GRID.shape)


def test_a_reader_sees_the_worst_the_median_and_the_best_case(page, told, fields) -> None:
    found = told(page[0])
    viewer = found["viewer"]
    hours = [time.split(" (") for time in viewer["times"]]
    assert hours == [
        ["2001-01-01 06 UTC", "worst)"],
        ["2001-01-02 00 UTC", "median)"],
        ["2001-01-01 12 UTC", "best)"],
        ["2001-01-01 18 UTC", "2 of 5)"],
    ]
    assert [case[0][0]["rmse"] for case in viewer["cases"]] == [5.0, 3.0, 1.0, 4.0]
    assert viewer["cases"][0][1][0]["valid"] == "2001-01-01 18 UTC"

    truth, forecast, error = fields(page[0])[0][0][0]
    expected = page[1]
    inside = np.abs(expected - np.median(expected)) < 8
    np.testing.assert_allclose(truth[inside], expected[inside], atol=0.1)
    missing = np.isnan(forecast)
    assert np.flatnonzero(missing).tolist() == [3]
    np.testing.assert_allclose(error[~missing], 5.0, atol=1e-4)

    assert found["forecasts"] == ["forecast", "persistence", "climatology"]
    assert found["leads"] == [6, 12]
    names = [one["name"] for one in found["numbers"]]
    np.testing.assert_allclose(found["values"][0][0][names.index("mae")][0][0], [np.nanmean(ERRORS)] * 2, rtol=0.02)
    assert found["values"][0][0][names.index("acc")][2] is None  # a climatology has no anomaly
    assert found["cases"][0][0] == [5, 5]


def test_curves_of_a_metric_that_belong_together_are_one_diagram(source, write, verify, told) -> None:
    random = np.random.default_rng(1)
    values = random.normal(0, 1, (len(TIMES), 1, len(GRID)))
    path = write(GRID, TIMES[:5], LEADS, {"t": random.normal(0, 1, (5, 2, 3, len(GRID)))})
    metrics = (NameOrChoice(plugin="rank-histogram"), NameOrChoice(plugin="roc", thresholds={"t": [0.0]}))
    _, folder = verify(path, source(GRID, ["t"], TIMES, values), metrics=metrics, maps=0)
    found = told((folder / "report.html").read_text("utf-8"))
    assert found["viewer"] is None
    histogram, roc = found["curves"]
    assert (histogram["subject"], roc["subject"]) == ("t", "t > 0")
    assert list(roc["parts"]) == ["hits", "false-alarms"]
    assert sum(histogram["parts"]["histogram"]["values"][0][1]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "grid", [Grid.regular(np.linspace(89, -89, 90), np.arange(0.0, 360.0, 2.0)), Grid.octahedral(4)]
)
def test_a_coarser_map_has_as_many_pixels_as_it_may(grid) -> None:
    raster = MapRaster.of(grid)
    small = raster.coarser(1000)
    assert 400 < small.nodes.size <= 1100
    assert (small.west, small.east) == (raster.west, raster.east)
    whole = raster.coarser(10**9)
    assert whole.nodes.shape == ((90, 180) if grid.is_regular else raster.nodes.shape)
