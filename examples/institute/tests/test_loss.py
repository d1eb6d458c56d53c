"""What every loss must do, and what only this one does."""

from math import log

import pytest
import torch
from wxml import LossWeights
from wxml.testing import LossContract, tiny_loss_space

from acme_weather.cauchy import Cauchy


class TestCauchy(LossContract):
    plugin = Cauchy


@pytest.mark.parametrize(("error", "expected"), [(1e-3, 1e-6), (2.0, 4 * log(2)), (200.0, 4 * log(10001))])
def test_small_errors_are_squared_and_large_ones_are_not(error: float, expected: float) -> None:
    loss, truth = Cauchy(tiny_loss_space(1), LossWeights(), width=2.0), torch.zeros(1, 1, 48, 3)
    found = float(loss.value(loss(truth[:, None] + error, truth)))
    assert found == pytest.approx(expected, rel=1e-3)
