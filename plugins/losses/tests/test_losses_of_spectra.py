"""Losses of spectra beside closed forms and sums that are written out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import Grid, LossWeights
from wxml.errors import ConfigError
from wxml.testing.tiny_loss_space import tiny_loss_space
from wxml_losses.pointwise import Squared
from wxml_losses.spectral.power import (
    AdjustedSquared,
    LogSpectral,
    PowerSpectrum,
    SpectralCorrelation,
    adjusted_squared_error,
)

REGION = Grid.regular([62, 56, 50, 44], [0, 6, 12, 18, 24])
GLOBE = Grid.regular(85 - 10 * np.arange(18), 10 * np.arange(36))
KINDS = (AdjustedSquared, PowerSpectrum, LogSpectral, SpectralCorrelation)


@pytest.fixture(autouse=True)
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def space(grid: Grid, steps: int = 1):
    """Two variables on a grid."""
    return replace(tiny_loss_space(steps), grid=grid, is_forecast=np.ones(len(grid), bool)).select(("t_850", "t_250"))


def value(loss, forecast, truth) -> float:
    """The loss of fields `[..., node]`, one forecast of one variable."""
    forecast, truth = (torch.as_tensor(each)[None, ..., None] for each in (forecast, truth))
    return float(loss.value(loss(forecast[:, None], truth)))


def one_variable(kind, grid, **options):
    return kind(space(grid).select(("t_850",)), LossWeights(), **options)


def noise(grid: Grid, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(*shape, len(grid)))


def waves(grid: Grid, amplitude: float, shift: float = 0.0) -> np.ndarray:
    """T = a cos φ cos(λ − shift): wavenumber 1, mean square a² / 3."""
    return amplitude * np.cos(np.radians(grid.latitudes)) * np.cos(np.radians(grid.longitudes - shift))[None]


@pytest.mark.parametrize("shift", [0.0, 30.0, 180.0])
def test_amse_of_two_waves_is_its_closed_form(shift):
    loss = one_variable(AdjustedSquared, GLOBE, floor=1e-15)
    amplitudes, gamma = (2.0, 3.0), np.cos(np.radians(shift))
    expected = (2.0 - 3.0) ** 2 / 3 + 2 * 9 / 3 * (1 - gamma)
    assert value(loss, waves(GLOBE, amplitudes[0]), waves(GLOBE, amplitudes[1], shift)) == pytest.approx(expected)


def test_the_formula_on_numbers():
    """√S: 2 and 3, C = 3: γ = ½, (2 − 3)² + 2 · 9 · ½ = 10."""
    assert float(adjusted_squared_error(*map(torch.tensor, (4.0, 9.0, 3.0)))) == pytest.approx(10.0)


@pytest.mark.parametrize("transform", ["fft2d", "dct2d"])
@given(seed=st.integers(0, 100), damping=st.floats(0.1, 2.0))
@settings(max_examples=20)
def test_amse_is_no_less_than_the_squared_error(transform, seed, damping):
    """It is equal to it where both spectra are equal."""
    truth = noise(REGION, 1, seed=seed)
    forecast = damping * truth + 0.3 * noise(REGION, 1, seed=seed + 1000)
    squared = np.mean((forecast - truth) ** 2)
    loss = one_variable(AdjustedSquared, REGION, transform=transform)
    assert value(loss, forecast, truth) >= squared * (1 - 1e-6)
    assert value(loss, -truth, truth) == pytest.approx(np.mean((2 * truth) ** 2))


def test_a_blurred_forecast_pays_more_than_a_sharp_one_of_the_same_squared_error():
    """The best forecast of a wave of unknown phase is 0 for the squared error, and any phase for amse."""
    shifts = np.arange(0.0, 360.0, 10.0)
    loss = one_variable(AdjustedSquared, GLOBE)

    def mean(amplitude):
        return np.mean([value(loss, waves(GLOBE, amplitude), waves(GLOBE, 1.0, shift)) for shift in shifts])

    nothing, half, whole = mean(0.0), mean(0.5), mean(1.0)
    assert nothing == pytest.approx(1 / 3 + 2 / 3, rel=1e-3)
    assert whole == pytest.approx(2 / 3, rel=1e-3)
    assert nothing > half > whole


def test_spectrum_compares_powers():
    loss = one_variable(PowerSpectrum, GLOBE)
    found = value(loss, waves(GLOBE, 2.0), waves(GLOBE, 1.0, 55.0))
    assert found == pytest.approx((4 / 3 - 1 / 3) ** 2)


def test_log_spectral_is_the_mean_square_of_the_ratios_in_logarithms():
    truth = noise(GLOBE, 1)
    for per in ("wavenumber", "wave"):
        loss = one_variable(LogSpectral, GLOBE, per=per, floor=1e-30)
        assert value(loss, 3 * truth, truth) == pytest.approx(np.log(9.0) ** 2)


def test_correlation_counts_the_phase_alone():
    """A wave that is shifted by 60° has the correlation ½; the others have none, and count 0."""
    loss = one_variable(SpectralCorrelation, GLOBE, wavenumber_weights={0: 0, 1: 1, 2: 0})
    found = value(loss, waves(GLOBE, 5.0), waves(GLOBE, 1.0, 60.0))
    assert found == pytest.approx(2 / 3 * 0.5)  # of the three coefficients of wavenumber 1, two are of this wave
    together = one_variable(SpectralCorrelation, GLOBE, wavenumber_weights={0: 0, 1: 1, 2: 0}, per="wavenumber")
    assert value(together, waves(GLOBE, 5.0), waves(GLOBE, 1.0, 60.0)) == pytest.approx(0.5)
    assert value(together, waves(GLOBE, 5.0), waves(GLOBE, 1.0, 180.0)) == pytest.approx(2.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("grid", [REGION, GLOBE], ids=["region", "globe"])
def test_brute_force(kind, grid):
    """Sums over coefficients that are written out, over samples, steps and variables with weights."""
    steps, factors = np.array([1.0, 0.5])[:, None, None], np.array([2.0, 3.0])[None, None]
    floor = {} if kind is PowerSpectrum else {"floor": 1e-20}
    loss = kind(space(grid, 2), LossWeights((), (steps, factors)), wavenumber_weights={0: 1, 2: 3}, **floor)
    forecast, truth = np.moveaxis(noise(grid, 3, 2, 2), -1, -2), np.moveaxis(noise(grid, 3, 2, 2, seed=1), -1, -2)
    found = loss.value(loss(torch.from_numpy(forecast)[:, None], torch.from_numpy(truth)))
    of_variable = []
    for v in range(2):
        total = 0.0
        for b in range(3):
            for s in range(2):
                f, o = (loss.transform(torch.from_numpy(each[b, s, :, v])).numpy() for each in (forecast, truth))
                total += steps[s, 0, 0] * factors[0, 0, v] * _written_out(kind, loss.transform, f, o)
        of_variable.append(total / 6)
    assert float(found) == pytest.approx(np.mean(of_variable), rel=1e-6)


def _written_out(kind, transform, f, o) -> float:
    number = transform.waves.wavenumber
    weight = np.interp(number, [0, 2], [1, 3])
    wave, total, shares = transform.wave.numpy(), 0.0, 0.0
    if kind is SpectralCorrelation:
        for w in range(len(number)):
            a, b = f[wave == w], o[wave == w]
            total += len(a) * weight[w] * (1 - a @ b / np.sqrt((a @ a) * (b @ b)))
            shares += len(a) * weight[w]
        return total / shares
    for n in np.unique(number):
        a, b = f[number[wave] == n], o[number[wave] == n]
        s_f, s_o, w = a @ a, b @ b, np.interp(n, [0, 2], [1, 3])
        shares += w
        if kind is AdjustedSquared:
            gamma = a @ b / np.sqrt(s_f * s_o)
            total += w * ((np.sqrt(s_f) - np.sqrt(s_o)) ** 2 + 2 * max(s_f, s_o) * (1 - gamma))
        elif kind is PowerSpectrum:
            total += w * (s_f - s_o) ** 2
        else:
            total += w * np.log(s_o / s_f) ** 2
    return total / shares if kind is LogSpectral else total


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_with_a_gap_counts_nothing(kind):
    loss = kind(space(REGION), LossWeights())
    forecast = torch.from_numpy(np.moveaxis(noise(REGION, 2, 1, 1, 2), -1, -2))
    truth = torch.from_numpy(np.moveaxis(noise(REGION, 2, 1, 2, seed=1), -1, -2)).clone()
    whole = loss(forecast[1:], truth[1:])
    truth[0, 0, 3] = torch.nan
    sums = loss(forecast, truth)
    assert torch.equal(sums.total, whole.total)
    assert torch.equal(sums.weight, whole.weight)


def test_shares_of_amse_and_squared_add_up():
    """A forecast with the spectrum of the truth has the same squared error and amse on a grid of equal areas."""
    truth = noise(REGION, 1)
    found = [value(one_variable(kind, REGION), -truth, truth) for kind in (AdjustedSquared, Squared)]
    assert found[0] == pytest.approx(found[1])


def test_truncation_leaves_the_finer_waves_out():
    for grid, greatest in ((GLOBE, 8), (REGION, 6)):
        loss = one_variable(PowerSpectrum, grid, truncation=2)
        assert one_variable(PowerSpectrum, grid).transform.wavenumbers.max() == greatest
        assert loss.by_wavenumber[loss.transform.wavenumbers > 2].sum() == 0
        assert loss.by_wavenumber[loss.transform.wavenumbers <= 2].min() == 1


@pytest.mark.carries_out("write a smaller `truncation`, or leave it out")
@pytest.mark.parametrize(("grid", "most"), [(REGION, 6), (GLOBE, 17)], ids=["region", "globe"])
def test_a_truncation_that_the_grid_does_not_have_is_refused(grid, most):
    with pytest.raises(ConfigError, match=f"the grid has wavenumbers up to {most}, got {most + 1}"):
        one_variable(AdjustedSquared, grid, truncation=most + 1)
    one_variable(AdjustedSquared, grid, truncation=most)
    one_variable(AdjustedSquared, grid)


@pytest.mark.carries_out("choose another `transform`, or interpolate the data to a regular or Gaussian grid first")
def test_a_grid_without_the_transform_is_refused():
    scattered = Grid.unstructured(*np.random.default_rng(0).uniform([[-90], [0]], [[90], [360]], (2, 200)))
    for transform, needed in {"auto": "rows around the globe, nor", "sht": "rows around", "fft2d": "rows and"}.items():
        with pytest.raises(ConfigError, match=f"200 nodes has no {needed}.*transform"):
            one_variable(AdjustedSquared, scattered, transform=transform)
    with pytest.raises(ConfigError, match="the grid of 20 nodes has no rows around the globe, from pole to pole"):
        one_variable(AdjustedSquared, REGION, transform="sht")
    one_variable(AdjustedSquared, REGION, transform="dct2d")
    one_variable(AdjustedSquared, GLOBE)


@pytest.mark.carries_out("write a `truncation`, at which these rows are too coarse by little")
def test_healpix_needs_a_truncation():
    """Its rings near the poles have 4, 8, 12, … nodes: with 16 rings a quarter, waves are off by up to 2 %."""
    grid = Grid.healpix(16)
    with pytest.raises(ConfigError, match="the rows near the poles are too short for wavenumbers beyond 1"):
        one_variable(AdjustedSquared, grid)
    loss = one_variable(AdjustedSquared, grid, truncation=16)
    assert value(loss, waves(grid, 1.0), waves(grid, 1.0, 180.0)) == pytest.approx(4 / 3, rel=1e-3)


@pytest.mark.carries_out("give some of these wavenumbers a factor greater than 0")
def test_a_wavenumber_must_count():
    with pytest.raises(ConfigError, match="all wavenumbers from 0 to 6 have the factor 0"):
        one_variable(AdjustedSquared, REGION, wavenumber_weights={7: 0, 8: 1})
    one_variable(AdjustedSquared, REGION, wavenumber_weights={5: 0, 8: 1})
