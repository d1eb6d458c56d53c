"""The moving average of the weights, against its recurrence."""

import pytest
import torch
from torch import nn
from wxml_trainer_lightning.module import AveragedModel


def test_the_average_follows_the_recurrence() -> None:
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(0.0)
    average, expected = AveragedModel(model, decay=0.3), 0.0
    for step in range(1, 8):
        with torch.no_grad():
            model.weight.fill_(float(step))
        average.update(model, step)
        decay = min(0.3, step / (step + 10))
        expected = decay * expected + (1 - decay) * step
    assert float(average.model.weight) == pytest.approx(expected)


def test_the_average_has_no_gradient_and_copies_buffers() -> None:
    model = nn.BatchNorm1d(2)
    average = AveragedModel(model, decay=0.9)
    model(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    average.update(model, 1)
    assert not any(weight.requires_grad for weight in average.parameters())
    assert torch.equal(average.model.running_mean, model.running_mean)
    assert float(average.model.running_mean[1]) == pytest.approx(0.4)  # momentum 0.1 of the mean 4
