"""A truth on another grid: both directions, what is missing, and what is said."""

import numpy as np
import pytest
import xarray as xr
from wxml import Grid
from wxml.errors import ConfigError, DataError
from wxml_verification.regridding import Regridding

START = np.datetime64("2020-01-01", "s")
HOURS = np.array([6], "timedelta64[h]").astype("timedelta64[s]")
TIMES = START + np.array([0, 6], "timedelta64[h]")
COARSE = Grid.regular([10.0, 0.0], [0.0, 10.0])
FINE = Grid.regular([10.0, 5.0, 0.0], [0.0, 5.0, 10.0])


def plane(grid, offset=0.0):
    """A field that bilinear interpolation gives exactly."""
    return 280 + 0.5 * grid.latitudes - 0.25 * np.mod(grid.longitudes + 180, 360) + offset


def truth_on(source, grid, field):
    return source(grid, ["t"], TIMES, np.broadcast_to(field, (2, 1, len(grid))))


def rmse(scores):
    return scores.get("rmse", "forecast", "t")[0]


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize(("move", "own"), [("truth", Grid.regular([8.0, 4.0], [1.0, 2.0])), ("forecast", COARSE)])
def test_either_side_is_brought_to_the_other(verify, write, source, move, own):
    path, nodes = write(own, [START], HOURS, {"t": plane(own, 2.0)[None, None]}), 4 if move == "truth" else 9
    scores, folder = verify(path, truth_on(source, FINE, plane(FINE)), regrid=Regridding(move=move))
    assert rmse(scores) == pytest.approx(2.0, abs=1e-5)
    with xr.open_dataset(folder / "scores.nc") as stored:
        assert stored.latitude.size * stored.longitude.size == nodes
    assert any(f"{move}, to the nodes" in note and "bilinear" in note for note in scores.notes)
    assert f"{move}, to the nodes" in (folder / "report.html").read_text("utf-8")


def test_both_are_brought_to_a_third_grid(verify, write, source):
    west = Grid.regular(np.arange(90.0, -91.0, -30.0), np.arange(0.0, 360.0, 30.0))
    east = Grid.regular(np.arange(80.0, -81.0, -20.0), np.arange(0.0, 360.0, 20.0))
    path = write(west, [START], HOURS, {"t": np.full((1, 1, len(west)), 283.0)})
    scores, _ = verify(path, truth_on(source, east, 280.0), regrid=Regridding(move="both", degrees=10.0))
    assert rmse(scores) == pytest.approx(3.0, abs=1e-5)
    with pytest.raises(ConfigError, match="takes one of `to` and `degrees`, got none"):
        verify(path, truth_on(source, east, 280.0), regrid=Regridding(move="both"))


@pytest.mark.carries_out(
    "regrid one of them: `verification.regrid.move=truth` scores on the nodes of the forecast, `forecast` on those of "
    "the truth, and `both` on those of a third grid"
)
def test_another_grid_is_refused_without_the_option(verify, write, source):
    path = write(COARSE, [START], HOURS, {"t": plane(COARSE)[None, None]})
    truth = truth_on(source, FINE, plane(FINE))
    shifted = truth_on(source, Grid.regular([9.0, 1.0], [1.0, 9.0]), 280.0)
    verify(path, truth)  # the nodes of the forecast are among those of the truth
    with pytest.raises(DataError, match="with other nodes") as caught:
        verify(path, shifted)
    assert "verification.regrid.move=truth" in str(caught.value.fix)
    verify(path, shifted, regrid=Regridding(move="forecast"))


def test_a_node_counts_where_its_inputs_are_known_or_by_their_share(verify, write, source):
    values = plane(FINE)
    values[4] = np.nan  # the node in the middle
    path = write(COARSE, [START], HOURS, {"t": plane(COARSE, 1.0)[None, None]})
    quarter = Grid.regular([7.5, 5.0], [2.5, 5.0])
    known = truth_on(source, FINE, values)
    far = write(quarter, [START], HOURS, {"t": plane(quarter, 1.0)[None, None]}, name="near.nc")
    strict, _ = verify(far, known, regrid=Regridding())
    assert np.isnan(rmse(strict))  # each node reads the one in the middle
    loose, folder = verify(far, known, regrid=Regridding(share=0.75))
    with xr.open_dataset(folder / "scores.nc") as stored:
        there = np.isfinite(stored.maps.sel(map="rmse", variable="t").values.ravel())
    assert there.tolist() == [True, False, False, False]  # a quarter is missing; a half; a half; all
    assert rmse(loose) == pytest.approx(abs(1.0 + plane(quarter)[0] - np.mean(values[[0, 1, 3]])), abs=1e-4)
    everywhere, _ = verify(path, known, regrid=Regridding(move="truth"))
    assert rmse(everywhere) == pytest.approx(1.0, abs=1e-5)  # at the corners


@pytest.mark.carries_out("verify against a truth in the area of the forecast")
def test_a_truth_elsewhere_is_refused(verify, write, source):
    path = write(COARSE, [START], HOURS, {"t": plane(COARSE)[None, None]})
    elsewhere = Grid.regular([-40.0, -50.0], [100.0, 110.0])
    with pytest.raises(DataError, match="do not meet"):
        verify(path, truth_on(source, elsewhere, 280.0), regrid=Regridding())
    near = Grid.regular([9.0, 1.0], [1.0, 9.0])
    assert np.isfinite(rmse(verify(path, truth_on(source, near, 280.0), regrid=Regridding(move="forecast"))[0]))
