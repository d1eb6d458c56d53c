"""The losses of batches, against numbers by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from wxml import CombinedLoss, LossWeights
from wxml.data.sample_batch import ReadingCost
from wxml.training.combined_loss import LossPart
from wxml_losses.pointwise import Squared
from wxml_trainer_lightning.batch_forecast import BatchForecast, Layout
from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.gradients import Gradients
from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.optimisation import Optimisation
from wxml_trainer_lightning.optimizers.adamw import AdamW

NAN = float("nan")


class Same(nn.Module):
    """Forecasts the last state."""

    def forward(self, states: torch.Tensor, forcings: torch.Tensor) -> torch.Tensor:
        return states[:, -1:]


def module_of_two_nodes(**grids: slice) -> ForecastModule:
    areas = LossWeights(measures=(np.array([0.75, 0.25])[None, :, None],))
    loss = CombinedLoss([LossPart("squared", Squared(None, areas))])
    how = BatchForecast(Layout(1, 1, 1)), Optimisation(AdamW(), 0.0, 1), Gradients(None, None)
    return ForecastModule(Same(), loss, *how, grids)


def errors(*samples: tuple[float, float]) -> Batch:
    """A batch whose states are 0 and whose truth is the error of the two nodes, shape [batch, 2, 2, 1]."""
    values = torch.tensor([[[[0.0], [0.0]], [[first], [second]]] for first, second in samples])
    return Batch(values, torch.zeros(len(samples), 2, 1, dtype=torch.bool), ReadingCost())


def test_a_validation_is_the_mean_over_the_truth_that_is_there() -> None:
    """Not the mean of the batches: (0.75 · 4 + 0.25 · 16 + 0.25 · 1) / (0.75 + 0.25 + 0.25) = 7.25 / 1.25 = 5.8."""
    batches = [errors((2.0, 4.0), (NAN, 1.0)), errors((NAN, NAN))]
    for order in (batches, batches[::-1]):
        assert module_of_two_nodes().validation_losses(order) == pytest.approx([5.8])
    (nothing,) = module_of_two_nodes().validation_losses(batches[1:])
    assert math.isnan(nothing)


def test_each_of_several_grids_is_validated_alone() -> None:
    """The grid of the first node: 4; that of the second: (16 + 1) / 2; a grid without truth has none."""
    grids = {"globe": slice(0, 1), "north": slice(1, 2)}
    losses = module_of_two_nodes(**grids).validation_losses([errors((2.0, 4.0), (NAN, 1.0))])
    assert losses == pytest.approx([5.8, 4.0, 8.5])
    losses = module_of_two_nodes(**grids).validation_losses([errors((NAN, 4.0), (NAN, 1.0))])
    assert losses == pytest.approx([8.5, NAN, 8.5], nan_ok=True)


def test_a_batch_without_truth_has_no_weight() -> None:
    """By hand: the area of the second node, 0.25, times the square of its error."""
    module = module_of_two_nodes()
    (some,), (none,) = (module(batch) for batch in (errors((NAN, 3.0), (NAN, NAN)), errors((NAN, NAN))))
    assert (some.tolist(), none.tolist()) == ([[2.25], [0.25]], [[0.0], [0.0]])
