"""The geostrophic balance, in closed form on every kind of grid."""

from dataclasses import replace

import numpy as np
import pytest
from wxml import Grid, PluginChoice, Variable, VerificationSpace, VerifiedFields
from wxml.verification.metric_choice import made_metrics
from wxml_verification.metrics.gradients import RADIUS, gradient

CORIOLIS = 2 * 7.292115e-5
NAMES = {"z_500": "m2 s-2", "u_500": "m s-1", "v_500": "m s-1"}


def plane(step):
    """A limited area whose rows are no circles of latitude."""
    x, y = np.meshgrid(np.arange(-15, 15.1, step), np.arange(-12, 12.1, step))
    lat, lon = 50 + y - 0.1 * x, 10 + x * 1.5 + 0.2 * y
    return Grid.curvilinear(lat, lon)


GRIDS = {
    "regular": lambda n: Grid.regular(np.linspace(90, -90, 2 * n + 1), np.arange(4 * n) * 90 / n),
    "to-the-south-and-west": lambda n: Grid.regular(np.linspace(-80, 80, 2 * n), np.arange(4 * n)[::-1] * 90 / n),
    "area": lambda n: Grid.regular(np.linspace(70, 30, n), np.linspace(-30, 40, n)),
    "octahedral": Grid.octahedral,
    "healpix": Grid.healpix,
    "curvilinear": lambda n: plane(60 / n),
}


def balanced(grid, height=60_000.0):
    """Φ = A sin φ cos³ φ cos 3λ and its geostrophic wind, of which f has the factor sin φ."""
    lat, lon = np.radians(grid.latitudes), 3 * np.radians(grid.longitudes)
    lat = np.where(np.abs(lat) < 1e-6, 1e-6, lat)  # the equator does not count
    scale = height / (RADIUS * CORIOLIS)
    phi = height * np.sin(lat) * np.cos(lat) ** 3 * np.cos(lon)
    east = -scale * np.cos(lon) * np.cos(lat) ** 2 * (np.cos(lat) ** 2 - 3 * np.sin(lat) ** 2) / np.sin(lat)
    return dict(zip(NAMES, (phi, east, -3 * scale * np.sin(lon) * np.cos(lat) ** 2), strict=True))


def computed(grid, forecast, truth, **options):
    """The numbers of the level; fields `[node]`, or `[member, node]` of the forecast."""
    variables = tuple(Variable(name, units=units) for name, units in NAMES.items())
    members = {key: np.atleast_2d(one)[:, None] for key, one in forecast.items()}
    space = VerificationSpace(variables, grid, {"all": grid.area_weights}, len(members["z_500"]))
    (metric,) = made_metrics([PluginChoice(plugin="geostrophic", **options)], space).values()
    start, leads = np.datetime64("2001-01-01", "s"), np.array([6], "timedelta64[h]")
    fields = VerifiedFields(
        members, {key: one[None] for key, one in truth.items()}, {}, grid.area_weights[None], start, leads
    )
    (subject,) = metric.subjects
    sums = metric.statistics(subject, fields)
    return {key: float(one[0, 0]) for key, one in {"ratio": metric.value(sums), **metric.further_values(sums)}.items()}


@pytest.mark.parametrize("make", GRIDS.values(), ids=GRIDS)
def test_a_balanced_field_is_in_balance_within_the_error_of_differences(make) -> None:
    """It falls to a quarter on a grid of half the spacing; octahedral ones have 20 nodes in the first row always."""
    coarse, fine = (computed(make(n), balanced(make(n)), balanced(make(n)), poleward_of=25.0) for n in (16, 32))
    assert fine["truth"] < coarse["truth"] / 2.5
    assert fine["truth"] < 0.01 * fine["truth"] / fine["share"]
    assert fine["ratio"] == pytest.approx(1)


def test_wind_that_is_off_tells_how_much() -> None:
    """A forecast 4 m/s off in u beside a truth 2 m/s off in v; members 3 and 5 m/s off have √17."""
    grid = GRIDS["regular"](48)
    calm = balanced(grid)
    forecast, truth = {**calm, "u_500": calm["u_500"] + 4}, {**calm, "v_500": calm["v_500"] + 2}
    found = computed(grid, forecast, truth)
    assert found["forecast"] == pytest.approx(4, rel=5e-3)
    assert found["truth"] == pytest.approx(2, rel=5e-3)
    assert found["ratio"] == pytest.approx(2, rel=5e-3)
    members = {name: np.stack([one, one]) for name, one in calm.items()}
    members["u_500"] = members["u_500"] + np.array([[3.0], [5.0]])
    assert computed(grid, members, truth)["forecast"] == pytest.approx(np.sqrt(17), rel=5e-3)


def test_where_a_neighbour_is_missing_a_node_does_not_count() -> None:
    grid = GRIDS["regular"](16)
    truth = balanced(grid)
    gap = int(np.flatnonzero((grid.latitudes == 45) & (grid.longitudes == 90))[0])
    forecast = {name: one.copy() for name, one in truth.items()}
    forecast["z_500"][gap] = np.nan
    forecast["u_500"][[gap + 1, gap - 1, gap + 64, gap - 64]] = 1e6
    whole = computed(grid, truth, truth)["forecast"]
    assert computed(grid, forecast, truth)["forecast"] == pytest.approx(whole, rel=0.01)


def test_the_equator_does_not_count_and_stations_have_no_balance() -> None:
    grid = GRIDS["regular"](16)
    fields = balanced(GRIDS["regular"](16))
    fields["u_500"] = np.where(np.abs(grid.latitudes) < 20, 1e6, fields["u_500"])
    assert computed(grid, fields, fields)["truth"] < 3
    stations = replace(Grid.unstructured([50.0, 51.0], [0.0, 1.0]), names=("a", "b"))
    variables = tuple(Variable(name, units=units) for name, units in NAMES.items())
    space = VerificationSpace(variables, stations, {"all": stations.area_weights}, 1)
    (metric,) = made_metrics([PluginChoice(plugin="geostrophic")], space).values()
    assert metric.subjects == ()


@pytest.mark.parametrize("name", ["octahedral", "curvilinear"])
def test_a_field_of_one_value_has_no_gradient(name) -> None:
    grid = GRIDS[name](16)
    found = gradient(grid)
    for each in found.of(np.full(len(grid), 5e4)):
        np.testing.assert_allclose(each[found.known], 0, atol=1e-12)
