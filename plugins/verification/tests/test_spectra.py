"""Spectra beside closed forms and sums over the nodes."""

import numpy as np
import pytest
from scipy.special import sph_harm_y
from wxml import Grid, PluginChoice, Variable, VerificationSpace, VerifiedFields
from wxml.errors import ConfigError
from wxml.verification.metric_choice import made_metrics
from wxml_verification.spectra.waves import Harmonics, waves_of

GLOBAL = {
    "regular": Grid.regular(90 - 10 * np.arange(19), 5 + 10 * np.arange(36)),
    "octahedral": Grid.octahedral(12),
    "healpix": Grid.healpix(8),
}
AREA = Grid.regular(40 + 0.5 * np.arange(9), 5 + 0.7 * np.arange(14))


def harmonic(grid, degree, order):
    """The real harmonic with a mean square of 1."""
    colatitude, longitude = np.radians(90 - grid.latitudes), np.radians(grid.longitudes)
    return np.sqrt((2 if order else 1) * 4 * np.pi) * sph_harm_y(degree, order, colatitude, longitude).real


def made(grid, regions=None, members=1, **options):
    variables = (Variable("t", units="K"),)
    space = VerificationSpace(variables, grid, regions or {"all": grid.area_weights}, members)
    (metric,) = made_metrics([PluginChoice(plugin="spectra", **options)], space).values()
    return metric


def sums_of(metric, forecast, truth):
    """The statistics of one case with one lead time."""
    weights = np.stack(list(metric.space.regions.values()))
    start, leads = np.datetime64("2001-01-01", "s"), np.array([6], "timedelta64[h]")
    fields = VerifiedFields({"t": np.atleast_2d(forecast)[:, None]}, {"t": truth[None]}, {}, weights, start, leads)
    return metric.of_case(metric.statistics(metric.subjects[0], fields))


def curves_of(metric, forecast, truth):
    """Each curve of the first region."""
    return {name: one.values[:, 0, 0] for name, one in metric.curves(sums_of(metric, forecast, truth)).items()}


@pytest.mark.parametrize("name", GLOBAL)
@pytest.mark.parametrize("kept", [True, False])
def test_a_harmonic_has_all_of_its_power_at_its_degree(name, kept, monkeypatch) -> None:
    monkeypatch.setattr("wxml_verification.spectra.waves.KEPT", 2**30 if kept else 0)
    grid = GLOBAL[name]
    truth = 2 * harmonic(grid, 3, 2) + harmonic(grid, 5, 0)
    forecast = 0.5 * harmonic(grid, 3, 2) - harmonic(grid, 5, 0)
    curves = curves_of(made(grid, truncation=8), forecast, truth)
    expected = np.zeros((2, len(curves["truth"])))
    expected[:, 3], expected[:, 5] = (4, 0.25), (1, 1)
    tolerance = 1e-2 if name == "healpix" else 1e-6
    np.testing.assert_allclose([curves["truth"], curves["forecast"]], expected, atol=tolerance)
    np.testing.assert_allclose(curves["ratio"][[3, 5]], [1 / 16, 1], rtol=10 * tolerance)
    np.testing.assert_allclose(curves["coherence"][[3, 5]], [1, -1], atol=10 * tolerance)


def test_harmonics_are_those_of_the_losses_in_numbers_worked_out_there() -> None:
    """T = cos φ cos λ is the harmonic l = m = 1 over √3; sin² φ = ⅓ + ⅔ P_2, by hand."""
    grid = Grid.octahedral(8)
    latitude, longitude = np.radians(grid.latitudes), np.radians(grid.longitudes)
    metric = made(grid, truncation=4)
    curves = curves_of(metric, np.cos(latitude) * np.cos(longitude), np.sin(latitude) ** 2)
    np.testing.assert_allclose(curves["forecast"], [0, 1 / 3, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(curves["truth"], [1 / 9, 0, 4 / 45, 0, 0], atol=1e-12)


def test_power_of_a_limited_area_is_the_mean_of_the_squares() -> None:
    """Parseval, for all waves of the cosine series; the whole area, and a rectangle in it."""
    inner = np.zeros(AREA.shape, bool)
    inner[2:7, 3:12] = True
    regions = {"all": AREA.area_weights, "inner": np.where(inner.ravel(), AREA.area_weights, 0.0)}
    metric = made(AREA, regions, transform="dct")
    forecast, truth = np.random.default_rng(0).normal(size=(2, len(AREA)))
    curves = metric.curves(sums_of(metric, forecast, truth))
    for region, nodes in enumerate([np.ones(len(AREA), bool), inner.ravel()]):
        for name, field in (("forecast", forecast), ("truth", truth)):
            assert curves[name].values[:, 0, region].sum() == pytest.approx(np.square(field[nodes]).mean())


def test_a_half_wave_along_the_longer_side_has_wavenumber_one() -> None:
    column = (np.arange(14) + 0.5) / 14
    wave = np.tile(np.sqrt(2) * np.cos(np.pi * column), 9)
    curves = curves_of(made(AREA, transform="auto"), wave, 2 * wave)
    np.testing.assert_allclose(curves["forecast"][:3], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(curves["truth"][:3], [0, 4, 0], atol=1e-12)


def test_zonal_waves_of_a_band_are_those_of_its_rows() -> None:
    grid = GLOBAL["regular"]
    north = np.where(grid.latitudes > 20, grid.area_weights, 0.0)
    metric = made(grid, {"all": grid.area_weights, "north": north}, transform="zonal")
    truth = np.where(grid.latitudes > 20, np.cos(3 * np.radians(grid.longitudes)), 5.0)
    noise = np.random.default_rng(0).normal(size=len(grid))
    curves = metric.curves(sums_of(metric, noise, truth))
    np.testing.assert_allclose(curves["truth"].values[:5, 0, 1], [0, 0, 0, 0.5, 0], atol=1e-12)
    for region, weights in enumerate(metric.space.regions.values()):
        total = curves["forecast"].values[:, 0, region].sum()
        assert total == pytest.approx(np.average(noise**2, weights=weights))


def test_the_power_of_an_ensemble_is_that_of_its_members() -> None:
    grid = Grid.octahedral(8)
    truth = harmonic(grid, 3, 2)
    curves = curves_of(made(grid, members=2), np.stack([truth, -truth]), truth)
    assert curves["forecast"][3] == pytest.approx(1, abs=1e-6)
    assert curves["coherence"][3] == pytest.approx(0, abs=1e-6)


def test_distance_and_effective_resolution_by_hand() -> None:
    """Power a tenth at degree 3 and as it is at 1 and 2: 10 √(1/3) dB, and degree 3 is not resolved."""
    grid = Grid.octahedral(8)
    truth = sum(harmonic(grid, degree, 0) for degree in (1, 2, 3))
    smooth = truth - (1 - np.sqrt(0.1)) * harmonic(grid, 3, 0)
    metric = made(grid, truncation=3)
    sums = sums_of(metric, smooth, truth)
    assert float(metric.value(sums)[0, 0]) == pytest.approx(10 * np.sqrt(1 / 3), rel=1e-6)
    assert float(metric.further_values(sums)["effective"][0, 0]) == 3
    sharp = sums_of(metric, truth, truth)
    assert float(metric.value(sharp)[0, 0]) == pytest.approx(0, abs=1e-12)
    assert float(metric.further_values(sharp)["effective"][0, 0]) == 3  # the greatest wavenumber


def test_a_case_with_a_gap_counts_nowhere_but_in_regions_without_it() -> None:
    grid = GLOBAL["regular"]
    bands = {"all": grid.area_weights, "north": np.where(grid.latitudes > 20, grid.area_weights, 0.0)}
    field = np.random.default_rng(0).normal(size=len(grid))
    gappy = np.where(np.arange(len(grid)) == len(grid) - 1, np.nan, field)
    assert not sums_of(made(grid), field, gappy).any()
    sums = sums_of(made(grid, bands, transform="zonal"), gappy, field)
    assert not sums[:, 0, 0].any()
    assert sums[0, 0, 1] > 0


def test_rows_and_columns_at_the_edge_can_be_left_out() -> None:
    field = np.random.default_rng(0).normal(size=AREA.shape)
    framed = field.copy()
    framed[[0, -1]] = framed[:, [0, -1]] = np.nan
    metric = made(AREA, transform="dct", margin=1)
    found = curves_of(metric, framed.ravel(), framed.ravel())["truth"].sum()
    assert found == pytest.approx(np.square(field[1:-1, 1:-1]).mean())


@pytest.mark.parametrize(
    ("grid", "options", "words"),
    [
        (AREA, {"transform": "sht"}, "has no rows around the globe"),
        (Grid.unstructured([0.0, 1.0], [0.0, 1.0]), {}, "has no rectangle of rows and columns"),
        (AREA, {"transform": "zonal"}, "has no whole rows"),
        (GLOBAL["regular"], {"truncation": 40}, "must be at most 17"),
    ],
)
def test_a_grid_without_the_transform_is_refused(grid, options, words) -> None:
    with pytest.raises(ConfigError, match=words):
        made(grid, **options)


@pytest.mark.carries_out("choose another `transform`, or leave `spectra` out")
def test_another_transform_is_of_use() -> None:
    test_a_grid_without_the_transform_is_refused(AREA, {"transform": "sht"}, "has no rows around the globe")
    assert made(AREA, transform="dct").subjects


@pytest.mark.carries_out("write a `truncation`, at which these rows are too coarse by little")
def test_rows_that_are_short_near_the_poles_need_a_truncation() -> None:
    with pytest.raises(ConfigError, match="too short for wavenumbers beyond 1"):
        made(GLOBAL["healpix"])
    assert made(GLOBAL["healpix"], truncation=8).subjects


def test_a_part_of_the_globe_has_no_harmonics() -> None:
    grid = GLOBAL["regular"]
    assert waves_of(grid, np.where(grid.latitudes > 20, 1.0, 0.0), "sht", None, 0) is None
    assert isinstance(waves_of(grid, np.ones(len(grid)), "sht", None, 0), Harmonics)
