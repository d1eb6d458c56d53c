"""Losses of normal distributions: quadrature, brute force, derivatives, far tails, and the forecast that is best."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, special, stats
from wxml import CombinedLoss, LossChoice, LossWeights
from wxml.testing import tiny_loss_space
from wxml_losses.gaussian import GaussianCrps, GaussianLikelihood

LOSSES = (GaussianCrps, GaussianLikelihood)
numbers = st.floats(-20, 20)
deviations = st.floats(0.05, 20)


def made(plugin):
    return plugin(tiny_loss_space(1), LossWeights()).double()


def error(plugin, mean, deviation, truth):
    """The errors of arrays, in float64."""
    values = torch.broadcast_tensors(*(torch.as_tensor(each, dtype=torch.float64) for each in (mean, deviation, truth)))
    return made(plugin).errors(*values).numpy()


@given(numbers, deviations, numbers)
def test_the_likelihood_is_that_of_scipy(mean, deviation, truth) -> None:
    expected = -stats.norm(mean, deviation).logpdf(truth)
    np.testing.assert_allclose(error(GaussianLikelihood, mean, deviation, truth), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("mean", "deviation", "truth"), [(0, 1, 0.3), (2, 0.5, -1), (-3, 4, 5), (1, 0.1, 1.0)])
def test_the_crps_is_the_integral_of_its_definition(mean, deviation, truth) -> None:
    """∫ (F(x) − 1[x ≥ o])² dx, on either side of the truth."""
    normal = stats.norm(mean, deviation)
    low, high = min(mean - 12 * deviation, truth - 1), max(mean + 12 * deviation, truth + 1)
    below, _ = integrate.quad(lambda x: normal.cdf(x) ** 2, low, truth, limit=200, epsabs=1e-12)
    above, _ = integrate.quad(lambda x: normal.sf(x) ** 2, truth, high, limit=200, epsabs=1e-12)
    assert error(GaussianCrps, mean, deviation, truth) == pytest.approx(below + above, abs=1e-9)


def test_the_crps_is_that_of_very_many_members() -> None:
    """E|X − o| − ½ E|X − X'| over the quantiles of the distribution."""
    mean, deviation, truth, count = 1.5, 0.7, 0.2, 20_001
    members = stats.norm(mean, deviation).ppf((np.arange(count) + 0.5) / count)
    ranks = 2.0 * np.arange(1, count + 1) - count - 1
    expected = np.abs(members - truth).mean() - (ranks * members).sum() / count**2
    assert error(GaussianCrps, mean, deviation, truth) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("plugin", LOSSES)
@given(st.lists(st.tuples(numbers, deviations, numbers), min_size=1, max_size=4))
def test_the_derivatives(plugin, values) -> None:
    mean, deviation, truth = torch.tensor(values, dtype=torch.float64).T
    loss = made(plugin)
    assert torch.autograd.gradcheck(
        lambda m, s: loss.errors(m, s, truth), (mean.requires_grad_(), deviation.requires_grad_()), atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize("plugin", LOSSES)
def test_single_precision_keeps_its_digits_far_from_the_truth(plugin) -> None:
    """From 0 to 1000 deviations, float32 gives the values and derivatives of float64 to 1e-5."""
    z = torch.logspace(-3, 3, 200, dtype=torch.float64)
    found = []
    for kind in (torch.float32, torch.float64):
        mean, deviation = torch.zeros(200, dtype=kind, requires_grad=True), torch.ones(200, dtype=kind)
        deviation.requires_grad_()
        value = made(plugin).errors(mean, deviation, z.to(kind))
        found.append([value, *torch.autograd.grad(value.sum(), (mean, deviation))])
    for single, double in zip(*found, strict=True):
        torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("plugin", LOSSES)
def test_on_average_the_distribution_of_the_truth_is_the_best(plugin) -> None:
    """The mean score over N(1, 0.6²), by Gauss–Hermite quadrature, is least at μ = 1 and σ = 0.6."""
    nodes, weights = special.roots_hermitenorm(64)
    truth, weights = 1 + 0.6 * nodes, weights / weights.sum()

    def expected(values):
        return float(weights @ error(plugin, values[0], math.exp(values[1]), truth))

    best = optimize.minimize(
        expected, np.array([0.0, 0.5]), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-12}
    )
    assert best.x[0] == pytest.approx(1.0, abs=1e-3)
    assert math.exp(best.x[1]) == pytest.approx(0.6, rel=2e-3)


@pytest.mark.parametrize(
    ("plugin", "value"),
    [(GaussianCrps, 0.6 / math.sqrt(math.pi)), (GaussianLikelihood, math.log(0.6) + 0.5 + 0.5 * math.log(2 * math.pi))],
)
def test_the_loss_of_the_best_forecast(plugin, value) -> None:
    """σ/√π, and ln σ + ½ + ½ ln 2π: the mean over a million draws."""
    truth = 0.6 * np.random.default_rng(0).normal(size=10**6)
    assert error(plugin, 0.0, 0.6, truth).mean() == pytest.approx(value, abs=2e-3)


@pytest.mark.parametrize("name", ["gaussian-crps", "gaussian-nll"])
def test_a_training_finds_the_deviation_of_the_truth(name) -> None:
    """Three variables have noise of 0.3, 1 and 2, and gaps; the squared error beside it sees μ alone."""
    space, wanted = tiny_loss_space(1), torch.tensor([0.3, 1.0, 2.0])
    sections = [LossChoice.model_validate({"plugin": plugin}) for plugin in (name, "squared")]
    loss = CombinedLoss.of(space, sections, {})
    mean, raw = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    optimizer, draws = torch.optim.Adam([mean, raw], lr=0.05), torch.Generator().manual_seed(0)
    found = []
    for _ in range(400):
        truth = 5 + wanted * torch.randn(8, 1, 48, 3, generator=draws)
        truth[:, :, ::4, 0] = torch.nan
        normal = torch.cat((5 + mean, torch.nn.functional.softplus(raw))).expand(8, 1, 1, 48, 6)
        optimizer.zero_grad()
        torch.autograd.backward(loss.value(loss(normal, truth)))
        optimizer.step()
        found.append(torch.nn.functional.softplus(raw).detach())
    assert torch.stack(found[250:]).mean(0).tolist() == pytest.approx(wanted.tolist(), rel=0.03)
    assert mean.tolist() == pytest.approx([0, 0, 0], abs=0.1)


@pytest.mark.parametrize("plugin", LOSSES)
def test_half_precision_and_a_missing_truth(plugin) -> None:
    """Within autocast, of bfloat16, the sums are float32; where the truth is missing σ may be 0 or infinite."""
    loss = plugin(tiny_loss_space(1), LossWeights())
    forecast = torch.rand(2, 2, 1, 48, 3).add(0.5).bfloat16()
    truth = torch.randn(2, 1, 48, 3)
    truth[0, 0, :2, 0] = torch.nan
    forecast[0, 1, 0, 0, 0], forecast[0, 1, 0, 1, 0] = 0.0, torch.inf
    forecast.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        sums = loss(forecast, truth)
    assert sums.total.dtype == torch.float32
    torch.autograd.backward(loss.value(sums))
    gradient = forecast.grad
    assert gradient is not None
    assert gradient.isfinite().all()
    assert (gradient[0, :, 0, :2, 0] == 0).all()
    double = loss.double()(forecast.detach().double(), truth.double())
    torch.testing.assert_close(sums.total.double(), double.total, rtol=1e-5, atol=1e-4)
