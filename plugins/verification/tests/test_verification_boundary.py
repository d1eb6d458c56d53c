"""The boundary of a limited area, which is given and not forecast, counts in no score."""

import numpy as np
import pytest
from wxml import Grid
from wxml.errors import DataError

carries_out = pytest.mark.carries_out
GRID = Grid.regular([40.0, 30.0, 20.0], [0.0, 10.0, 20.0, 30.0])
START, STEP = np.datetime64("2020-01-01T00", "s"), np.timedelta64(6 * 3600, "s")
TIMES = START + np.arange(4) * STEP
EDGE = np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1]], np.int8)


def world(source, dataset, tmp_path, edge_error: float, mask: np.ndarray | None):
    """A forecast that is 2 too warm inside and `edge_error` at the edge; the truth rises by 1 a step."""
    values = np.arange(4.0)[:, None, None] + np.zeros((4, 1, 12))
    truth = source(GRID, ("t",), TIMES, values)
    wrong = np.where(EDGE.ravel() == 1, edge_error, 2.0)
    forecast = dataset(GRID, TIMES[:2], STEP[None], {"t": values[1:3] + wrong})
    if mask is not None:
        forecast["boundary"] = (("latitude", "longitude"), mask)
    path = tmp_path / f"forecast-{edge_error}.nc"
    forecast.to_netcdf(path)
    return path, truth


@pytest.mark.usefixtures("drawn")
@pytest.mark.parametrize("edge_error", [0.0, 2.0, 1e6, np.nan])
def test_scores_are_those_of_the_inner_nodes(source, dataset, verify, tmp_path, edge_error: float) -> None:
    path, truth = world(source, dataset, tmp_path, edge_error, EDGE)
    scores, folder = verify(path, truth)
    for metric in ("rmse", "bias", "mae"):
        assert scores.get(metric, "forecast", "t") == pytest.approx([2.0])
    assert scores.get("rmse", "persistence", "t") == pytest.approx([1.0])
    assert (
        "10 of 12 nodes are the boundary of the area: they count in no score." in (folder / "report.html").read_text()
    )


def test_without_a_mask_all_nodes_count(source, dataset, verify, tmp_path) -> None:
    path, truth = world(source, dataset, tmp_path, 4.0, None)
    inner = GRID.area_weights[EDGE.ravel() == 0].sum()
    scores, _ = verify(path, truth)
    assert scores.get("bias", "forecast", "t") == pytest.approx([2 * inner + 4 * (1 - inner)])


@carries_out("correct them, or take the variable out: all nodes are then scored")
def test_a_mask_that_is_none_is_refused(source, dataset, verify, tmp_path) -> None:
    path, truth = world(source, dataset, tmp_path, 0.0, EDGE * 2)
    with pytest.raises(DataError, match=r"`boundary` of .* must be 0 or 1, got numbers from 0 to 2"):
        verify(path, truth)
    path, truth = world(source, dataset, tmp_path, 1.0, None)
    assert verify(path, truth)[0].cases == 2
