"""The CRPS of ensembles, against pairs counted one by one, integrals, and closed forms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from wxml import LossWeights
from wxml.model.memory_trace import MemoryTrace
from wxml.testing import tiny_loss_space
from wxml_losses import crps
from wxml_losses.crps import Crps, kernel_crps
from wxml_losses.pointwise import Absolute, Squared

PLACES = (2, 5, 3)
FAIRNESS = (0.0, 0.5, 0.95, 1.0)


def pairs(forecast: Tensor, truth: Tensor, fairness: float) -> Tensor:
    """The definition, in O(M²): every pair of members apart."""
    members = forecast.shape[1]
    error = (forecast - truth[:, None]).abs().mean(1)
    if members == 1:
        return error
    apart = (forecast[:, :, None] - forecast[:, None]).abs().sum((1, 2)) / 2
    return error - (members - 1 + fairness) / (members**2 * (members - 1)) * apart


def drawn(members: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = np.random.default_rng(seed)
    return torch.from_numpy(draw.normal(size=(2, members, *PLACES))), torch.from_numpy(draw.normal(size=(2, *PLACES)))


@pytest.mark.parametrize("members", [1, 2, 3, 8, 51])
@pytest.mark.parametrize("fairness", FAIRNESS)
def test_sorting_gives_what_pairs_give(members: int, fairness: float) -> None:
    forecast, truth = drawn(members)
    forecast.requires_grad_()
    found, expected = kernel_crps(forecast, truth, fairness), pairs(forecast, truth, fairness)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    weight = torch.linspace(-1, 2, expected.numel(), dtype=torch.float64).view_as(expected)
    ours, theirs = (torch.autograd.grad((score * weight).sum(), forecast)[0] for score in (found, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@given(
    st.lists(st.integers(-3, 3), min_size=1, max_size=9), st.integers(-3, 3), st.sampled_from(FAIRNESS), st.booleans()
)
@settings(max_examples=200, deadline=None)
def test_ties_are_no_matter(members: list[int], truth: int, fairness: float, moved: bool) -> None:
    """Of members that are equal each has the mean of their ranks, so that they have one gradient; autograd says so."""
    shift = 0.5 if moved else 0.0
    forecast = torch.tensor(members, dtype=torch.float64).view(1, -1, 1, 1, 1).requires_grad_()
    target = torch.full((1, 1, 1, 1), truth + shift, dtype=torch.float64)
    found, expected = kernel_crps(forecast, target, fairness), pairs(forecast, target, fairness)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    ours, theirs = (torch.autograd.grad(score.sum(), forecast)[0] for score in (found, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("members", [1, 2, 7])
def test_gradients_are_checked_once_and_twice(members: int) -> None:
    forecast, truth = drawn(members)
    forecast.requires_grad_()

    def score(made: Tensor) -> Tensor:
        return kernel_crps(made, truth, 0.95)

    assert torch.autograd.gradcheck(score, (forecast,))
    assert torch.autograd.gradgradcheck(score, (forecast,))


def test_parts_of_any_length_give_the_same(monkeypatch) -> None:
    """The values are sorted some at a time."""
    forecast, truth = drawn(4)
    whole = kernel_crps(forecast, truth, 0.95)
    for length in (1, 7, 28):
        monkeypatch.setitem(crps.CHUNK, "cpu", 4 * length)
        assert torch.equal(kernel_crps(forecast, truth, 0.95), whole)


def test_it_is_the_integral_of_the_squared_difference_of_distributions() -> None:
    """With fairness 0: ∫ (F(z) − 1[z ≥ y])² dz, with the steps of the empirical distribution F."""
    forecast, truth = drawn(6)
    z = torch.linspace(-8, 8, 160_001, dtype=torch.float64)
    members, target = forecast[0, :, 0, 0, 0], truth[0, 0, 0, 0]
    steps = (z >= members[:, None]).double().mean(0) - (z >= target).double()
    found = kernel_crps(forecast, truth, 0.0)[0, 0, 0, 0]
    assert float(found) == pytest.approx(float(torch.trapezoid(steps**2, z)), abs=2e-4)


def test_the_fair_one_is_on_average_that_of_the_distribution() -> None:
    """Of members and truth from N(0, 1) the expected CRPS is 1/√π for each number of members; the plain one is more."""
    draw = torch.from_numpy(np.random.default_rng(1).normal(size=(1, 4, 1, 400_000, 1)))
    members, truth = draw[:, :3], draw[:, 3]
    assert float(kernel_crps(members, truth, 1.0).mean()) == pytest.approx(1 / math.sqrt(math.pi), rel=3e-3)
    plain = (1 + 1 / 3) / math.sqrt(math.pi)  # E|x − y| − (1 − 1/M)/2 E|x − x'|, each 2/√π
    assert float(kernel_crps(members, truth, 0.0).mean()) == pytest.approx(plain, rel=3e-3)


def test_one_member_has_the_absolute_error() -> None:
    space, (forecast, truth) = tiny_loss_space(2), drawn(1)
    forecast, truth = forecast.repeat(1, 1, 1, 10, 1)[..., :48, :], truth.repeat(1, 1, 10, 1)[..., :48, :]
    weights = LossWeights((space.area[None, :, None],))
    ours, theirs = (
        loss.value(loss(forecast, truth)) for loss in (Crps(space, weights).double(), Absolute(space, weights).double())
    )
    assert float(ours) == pytest.approx(float(theirs), rel=1e-12)


def test_half_precision_and_a_missing_truth() -> None:
    """Members in bfloat16 are compared in single precision; of a missing truth nothing is left, whatever they are."""
    forecast, truth = (values.float() for values in drawn(5))
    truth[0, 0, 0, 0] = torch.nan
    half = forecast.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        found = kernel_crps(half, truth, 0.95)
    expected = pairs(half.detach().float(), truth.nan_to_num(), 0.95)
    expected[0, 0, 0, 0] = 0.0
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(found.sum(), half)
    assert gradient.dtype == torch.bfloat16
    assert (gradient[0, :, 0, 0, 0] == 0).all()
    assert gradient.isfinite().all()


def beside(plugin: type, members: int) -> float:
    """The greatest memory of a loss and its gradient, beside the forecast and the truth, in fields of one member."""
    space = tiny_loss_space(1)
    loss = plugin(space, LossWeights((np.ones((1, 1, 1)),)))
    shape = (2, 1, 60_000, 3)
    forecast, truth = torch.randn(2, members, *shape[1:]).requires_grad_(), torch.randn(shape)
    with MemoryTrace() as trace:
        trace.hold("activations", forecast, truth)
        torch.autograd.backward(loss.value(loss(forecast, truth)))
    return (trace.at_peak.total() - trace.at_peak["activations"]) / (4 * math.prod(shape))


def test_sixteen_members_need_little_more_memory_for_each_than_the_squared_error_of_one() -> None:
    """Beside the activations, at most 1.2 times."""
    assert beside(Crps, 16) / 16 <= 1.2 * beside(Squared, 1)


def test_memory_grows_with_the_number_of_members_not_with_its_square() -> None:
    few, many = beside(Crps, 8), beside(Crps, 32)
    assert many <= 4 * few
