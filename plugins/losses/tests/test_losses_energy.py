"""The energy score, against the definition with every pair, the CRPS, and numbers worked by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from wxml import LossWeights
from wxml.testing import tiny_loss_space
from wxml_losses.crps import Crps
from wxml_losses.energy import Energy

SPACE = tiny_loss_space(steps=2)
AXES = {"space": (2,), "variables": (3,), "both": (2, 3)}
WEIGHTS = LossWeights(
    (SPACE.area[None, :, None], np.array([1.0, 0.5])[:, None, None]), (np.array([[[1.0, 0.3, 2.0]]]),)
)


def drawn(members: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = np.random.default_rng(seed)
    forecast = torch.from_numpy(draw.normal(size=(2, members, 2, 48, 3)))
    return forecast, torch.from_numpy(draw.normal(size=(2, 2, 48, 3)))


def definition(forecast: Tensor, truth: Tensor, over: str, fair: bool) -> Tensor:
    """The score with the weights of `WEIGHTS`, of all pairs, where every truth is there."""
    area, steps = (torch.from_numpy(measure) for measure in WEIGHTS.measures)
    factor = torch.from_numpy(WEIGHTS.factors[0])
    inner, outer = {"space": (area, factor), "variables": (factor, area), "both": (area * factor, torch.ones(1))}[over]

    def norm(difference: Tensor) -> Tensor:
        return (inner * difference.square()).sum(AXES[over], keepdim=True).sqrt()

    members = forecast.shape[1]
    score = torch.stack([norm(forecast[:, i] - truth) for i in range(members)]).mean(0)
    for i in range(members):
        for j in range(i):
            count = members * (members - 1) if fair else members**2
            score = score - norm(forecast[:, i] - forecast[:, j]) / count
    terms = score.shape[-1]
    return (score * outer * steps).sum() / (len(truth) * steps.sum() * terms)


@pytest.mark.parametrize("over", AXES)
@pytest.mark.parametrize("fair", [True, False])
@pytest.mark.parametrize("members", [1, 2, 5])
def test_it_is_its_definition(over: Any, fair: bool, members: int) -> None:
    forecast, truth = drawn(members)
    forecast.requires_grad_()
    loss = Energy(SPACE, WEIGHTS, over=over, fair=fair).double()
    for name in ("inner_measure", "inner_weight", "outer_measure", "outer_weight"):
        assert getattr(loss, name).dtype == torch.float64
    found, expected = loss.value(loss(forecast, truth)), definition(forecast, truth, over, fair)
    torch.testing.assert_close(found, expected, rtol=2e-6, atol=0.0)  # the weights are kept in single precision
    ours, theirs = (torch.autograd.grad(score, forecast)[0] for score in (found, expected))
    torch.testing.assert_close(ours, theirs, rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize("over", AXES)
def test_gradients_are_checked(over: Any) -> None:
    """Beside the check of the contract: each derivative apart, of two members."""
    forecast, truth = drawn(2)
    part = forecast[:1, :, :1].requires_grad_()
    loss = Energy(SPACE, WEIGHTS, over=over).double()
    assert torch.autograd.gradcheck(lambda made: loss(made, truth[:1, :1]).total, (part,), atol=1e-7)


def test_of_one_value_it_is_the_crps() -> None:
    """With weights along the norm's axes that leave one node, the distance is the absolute difference."""
    node = np.zeros((1, 48, 1))
    node[0, 17] = 1.0
    for fair, fairness in ((True, 1.0), (False, 0.0)):
        forecast, truth = drawn(6)
        energy = Energy(SPACE, LossWeights((node,)), fair=fair).double()
        crps = Crps(SPACE, LossWeights((node,)), fairness=fairness).double()
        ours, theirs = (loss.value(loss(forecast, truth)) for loss in (energy, crps))
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0.0)


def test_nodes_without_a_truth_leave_the_others_to_weigh_more() -> None:
    """Off by 1 everywhere, the root mean square is 1, whatever is missing; off by 2 at the half that is there, 2."""
    truth = torch.zeros(1, 1, 48, 3, dtype=torch.float64)
    truth[:, :, ::2] = torch.nan
    loss = Energy(SPACE, LossWeights((SPACE.area[None, :, None],))).double()
    off = torch.ones(1, 1, 1, 48, 3, dtype=torch.float64)
    assert float(loss.value(loss(off, truth))) == pytest.approx(1.0)
    off[..., 1::2, :] = 2.0
    assert float(loss.value(loss(off, truth))) == pytest.approx(2.0)
    off[..., ::2, :] = torch.inf
    assert float(loss.value(loss(off, truth))) == pytest.approx(2.0)


def test_distances_of_variables_add_up() -> None:
    """Off by 3 and 4 of two variables at each node, and exact of the third: the distance is 5, also if one is gone."""
    truth = torch.zeros(1, 1, 48, 3, dtype=torch.float64)
    off = torch.tensor([3.0, 4.0, 0.0], dtype=torch.float64).expand(1, 1, 1, 48, 3)
    loss = Energy(SPACE, LossWeights((SPACE.area[None, :, None],)), over="variables").double()
    assert float(loss.value(loss(off, truth))) == pytest.approx(5.0)
    truth[..., 2] = torch.nan
    assert float(loss.value(loss(off, truth))) == pytest.approx(5.0 * math.sqrt(3 / 2))


def test_members_that_agree_have_no_gradient_between_them_and_nothing_overflows() -> None:
    truth = torch.zeros(1, 1, 48, 3)
    equal = torch.zeros(1, 3, 1, 48, 3).requires_grad_()
    loss = Energy(SPACE, LossWeights())
    loss.value(loss(equal, truth)).backward()
    assert equal.grad is not None
    assert (equal.grad == 0).all()
    huge = torch.full((1, 3, 1, 48, 3), 1e25).requires_grad_()
    found = loss.value(loss(huge, truth))
    found.backward()
    assert float(found.detach()) == pytest.approx(1e25, rel=1e-5)
    assert huge.grad is not None
    assert huge.grad.isfinite().all()
