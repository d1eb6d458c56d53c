"""The fractions skill score beside brute force over all pairs of nodes, and by hand."""

import numpy as np
import pytest
from wxml import Grid, PluginChoice, Variable, VerificationSpace, VerifiedFields
from wxml.data.sphere import angular_distance, unit_vectors
from wxml.errors import ConfigError
from wxml.verification.metric_choice import made_metrics
from wxml_verification.windows.neighbourhoods import EARTH_RADIUS, windows_of

GRIDS = {
    "regular": Grid.regular(90 - 15 * np.arange(13), 24 * np.arange(15)),
    "area": Grid.regular(40 + 1.0 * np.arange(8), 355 + 1.5 * np.arange(9)),
    "octahedral": Grid.octahedral(4),
}
RADII = (0, 150, 700, 2500)


def near_nodes(grid, radius):
    """Which nodes (second axis) are in the window of which (first axis)."""
    points = unit_vectors(grid.latitudes, grid.longitudes)
    distances = EARTH_RADIUS * angular_distance(points[:, None], points[None])
    return distances <= radius + 1e-6 if radius else np.eye(len(grid), dtype=bool)


def computed(grid, forecast, truth, regions=None, **options):
    """The metric, and the sums of one case; forecast `[member, node]`."""
    members = np.atleast_2d(forecast)
    space = VerificationSpace((Variable("t"),), grid, regions or {"all": grid.area_weights}, len(members))
    (metric,) = made_metrics([PluginChoice(plugin="fss", thresholds={"t": [0.0]}, **options)], space).values()
    start, leads = np.datetime64("2001-01-01", "s"), np.array([6], "timedelta64[h]")
    weights = np.stack(list(space.regions.values()))
    fields = VerifiedFields({"t": members[:, None]}, {"t": truth[None]}, {}, weights, start, leads)
    return metric, {one.name: metric.statistics(one, fields) for one in metric.subjects}


def values(*args, region=0, **options):
    metric, sums = computed(*args, **options)
    return [float(metric.value(one)[0, region]) for one in sums.values()]


@pytest.mark.parametrize("name", GRIDS)
def test_windows_hold_the_nodes_within_the_distance(name) -> None:
    grid = GRIDS[name]
    field = np.random.default_rng(0).normal(size=(2, len(grid)))
    for radius in RADII:
        near = near_nodes(grid, radius)
        np.testing.assert_allclose(windows_of(grid, radius).sums(field), field @ near, atol=1e-12)


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("ensemble", ["probability", "members", "mean"])
def test_the_score_is_that_of_all_pairs_of_nodes(name, ensemble) -> None:
    grid, random = GRIDS[name], np.random.default_rng(1)
    members, truth = random.normal(size=(3, len(grid))), random.normal(size=len(grid))
    truth[5], members[1, 9] = np.nan, np.nan
    known = np.isfinite(truth) & np.isfinite(members.sum(axis=0))
    south = np.where(grid.latitudes < 44, grid.area_weights, 0.0)
    regions = {"all": grid.area_weights, "south": south}
    options = {"windows_km": list(map(float, RADII)), "ensemble": ensemble, "regions": regions}
    for region, weights in enumerate(regions.values()):
        areas = np.where(known, weights, 0.0)
        expected = []
        for radius in RADII:
            near = near_nodes(grid, radius) * areas
            events = {
                "members": members > 0,
                "probability": (members > 0).mean(axis=0)[None],
                "mean": members.mean(axis=0)[None] > 0,
            }
            own = events[ensemble] @ near.T
            own, other = (each / np.maximum(near.sum(axis=1), 1e-300) for each in (own, (truth > 0) @ near.T))
            below = (np.square(own).mean(axis=0) + np.square(other)) @ areas
            expected.append(1 - np.square(own - other).mean(axis=0) @ areas / below)
        assert values(grid, members, truth, region=region, **options) == pytest.approx(expected, abs=1e-12)


def test_a_perfect_forecast_has_one_and_an_event_that_nobody_has_none() -> None:
    grid = GRIDS["regular"]
    truth = np.random.default_rng(0).normal(size=len(grid))
    assert values(grid, truth, truth, windows_km=[0.0, 2000.0]) == pytest.approx([1, 1])
    assert np.isnan(values(grid, -np.ones(len(grid)), -np.ones(len(grid)), windows_km=[0.0, 2000.0])).all()


def test_an_event_one_node_off_is_right_in_wider_windows() -> None:
    """At the node 0 of two; with both nodes in the window P_f = 1 − ō of other areas."""
    grid = Grid.regular([1.0, 0.0, -1.0], [0.0, 1.0, 2.0])
    forecast, truth = (np.where(np.arange(9) == node, 1.0, -1.0) for node in (4, 5))
    near, far = values(grid, forecast, truth, windows_km=[0.0, 1000.0])
    assert near == 0.0
    assert far == pytest.approx(1, abs=1e-12)  # all nodes are in each window
    metric, sums = computed(grid, forecast, truth, windows_km=[0.0])
    useful = metric.further_values(next(iter(sums.values())))["useful"][0, 0]
    assert useful == pytest.approx(0.5 + grid.area_weights[5] / 2)


def test_windows_that_reach_beyond_the_area_can_be_dropped() -> None:
    grid = Grid.regular(0.5 * np.arange(9) - 2, 0.5 * np.arange(9))
    inner = np.zeros((9, 9), bool)
    inner[2:-2, 2:-2] = True  # a radius of two steps stays inside
    truth = np.ones(len(grid))
    _, sums = computed(grid, truth, truth, windows_km=[2 * 0.5 * 111.195], partial="drop")
    assert float(next(iter(sums.values()))[0, 0, 0]) == pytest.approx(grid.area_weights[inner.ravel()].sum())


def test_squares_are_pixels_and_go_around_the_globe() -> None:
    grid, random = GRIDS["regular"], np.random.default_rng(3)
    forecast, truth = random.normal(size=(2, len(grid)))
    truth[0] = np.nan  # at the pole: the windows of the second row lack it
    fields = [(one > 0).reshape(grid.shape).astype(float) for one in (forecast, truth)]
    around = [sum(np.roll(one, turn, axis=1) for turn in (-1, 0, 1)) for one in fields]
    shares = [(one[:-2] + one[1:-1] + one[2:]) / 9 for one in around]
    known = np.ones(grid.shape, bool)
    known[1, [14, 0, 1]] = False
    weights = (grid.area_weights.reshape(grid.shape) * known)[1:-1]
    expected = 1 - ((shares[0] - shares[1]) ** 2 * weights).sum() / ((shares[0] ** 2 + shares[1] ** 2) * weights).sum()
    assert values(grid, forecast, truth, windows_km=[], windows_pixels=[3]) == pytest.approx([expected], abs=1e-12)


@pytest.mark.parametrize(
    ("grid", "options", "words"),
    [
        ("octahedral", {"windows_pixels": [3]}, "needs a regular grid"),
        ("regular", {"windows_pixels": [4]}, "must be odd"),
        ("regular", {"windows_km": []}, "needs a window"),
    ],
)
def test_windows_that_cannot_be_are_refused(grid, options, words) -> None:
    with pytest.raises(ConfigError, match=words):
        computed(GRIDS[grid], np.zeros(len(GRIDS[grid])), np.zeros(len(GRIDS[grid])), **options)


@pytest.mark.carries_out("write `windows_km` instead")
def test_radii_fit_any_grid() -> None:
    test_windows_that_cannot_be_are_refused("octahedral", {"windows_pixels": [3]}, "needs a regular grid")
    test_windows_hold_the_nodes_within_the_distance("octahedral")


@pytest.mark.carries_out("choose smaller windows, or verify on a regular grid of latitudes and longitudes")
def test_windows_of_too_many_nodes_are_refused(monkeypatch) -> None:
    monkeypatch.setattr("wxml_verification.windows.neighbourhoods.PAIRS", 1000)
    with pytest.raises(ConfigError, match="holds"):
        windows_of(GRIDS["octahedral"], 2500)
    assert windows_of(GRIDS["octahedral"], 300).is_whole.all()
    assert windows_of(GRIDS["regular"], 2500).is_whole.all()
