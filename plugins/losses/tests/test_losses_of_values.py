"""Losses of values, against closed forms and numbers worked by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from wxml import Loss, LossWeights
from wxml.testing import tiny_loss_space
from wxml_losses.pointwise import Absolute, Huber, LogCosh, RootMeanSquare, Squared

SPACE = tiny_loss_space(steps=2)
PLACES = (2, 48, 3)


def value(plugin: type[Loss], error: float | Tensor, weights: LossWeights | None = None, **options: Any) -> Tensor:
    """The loss of a forecast that is `error` off, in double precision."""
    truth = torch.linspace(-1, 1, 2 * math.prod(PLACES), dtype=torch.float64).reshape(2, *PLACES)
    loss = plugin(SPACE, LossWeights() if weights is None else weights, **options).double()
    return loss.value(loss((truth + error)[:, None], truth))


@pytest.mark.parametrize("error", [-30.0, -0.4, 0.0, 1e-3, 0.5, 3.0, 300.0])
def test_each_is_its_closed_form(error: float) -> None:
    size = abs(error)
    expected = {
        Squared: error**2,
        Absolute: size,
        Huber: error**2 / 2 if size < 1 else size - 0.5,
        LogCosh: math.log(math.cosh(error)) if size < 100 else size - math.log(2),
        RootMeanSquare: size,
    }
    for plugin, number in expected.items():
        assert float(value(plugin, error)) == pytest.approx(number, rel=1e-9, abs=1e-13)


def test_huber_goes_on_as_a_line_from_delta() -> None:
    assert float(value(Huber, 0.25, delta=0.25)) == pytest.approx(0.25**2 / 2)
    assert float(value(Huber, 2.25, delta=0.25)) == pytest.approx(0.25**2 / 2 + 2 * 0.25)


@given(st.floats(-50, 50))
def test_small_errors_are_half_squares_and_large_ones_lines(error: float) -> None:
    """ln cosh lies between Huber's loss with δ = 1 and the absolute error less ln 2, and above neither square."""
    found = float(value(LogCosh, error))
    assert found <= error**2 / 2 + 1e-12
    assert abs(error) - math.log(2) - 1e-12 <= found <= abs(error) + 1e-12


def test_the_root_is_taken_of_all_variables_together() -> None:
    """Errors 1, 2 and 3 of the three variables, the second with the factor 4: √((1 + 4·4 + 9) / 3)."""
    weights = LossWeights((SPACE.area[None, :, None],), (np.array([[[1.0, 4.0, 1.0]]]),))
    found = value(RootMeanSquare, torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), weights)
    assert float(found) == pytest.approx(math.sqrt(26 / 3), rel=1e-6)


def test_the_root_has_no_gradient_at_the_truth() -> None:
    forecast = torch.zeros(1, 1, *PLACES, requires_grad=True)
    loss = RootMeanSquare(SPACE, LossWeights())
    loss.value(loss(forecast, torch.zeros(1, *PLACES))).backward()
    assert forecast.grad is not None
    assert (forecast.grad == 0).all()


def test_areas_weigh_and_what_is_missing_counts_nowhere() -> None:
    """A squared error of 1 in the north and of 4 in the south is 2.5; without the truth of the south it is 1."""
    north = torch.tensor(SPACE.grid.latitudes > 0)[:, None]
    error = torch.where(north, 1.0, 2.0).double()
    weights = LossWeights((SPACE.area[None, :, None],))
    assert float(value(Squared, error, weights)) == pytest.approx(2.5, rel=1e-6)
    loss, truth = Squared(SPACE, weights), torch.zeros(1, *PLACES)
    gone = torch.where(north, truth, torch.nan)
    assert float(loss.value(loss(truth[:, None] + error.float(), gone))) == pytest.approx(1.0, rel=1e-6)
