"""Nodes of a boundary are not forecast: losses that look beyond a node take the truth there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from wxml import LossWeights, create
from wxml.testing.tiny_graphs import tiny_region
from wxml.testing.tiny_loss_space import tiny_loss_space

NODES = 20
BOUNDARY = np.arange(NODES) % 5 == 0
LOSSES = {
    "amse": {},
    "spectral-crps": {"transform": "fft2d"},
    "multi-scale": {"scales": [900.0]},
    "graph-energy": {},
    "graph-edge-crps": {},
}


def loss_of(name: str, is_forecast: np.ndarray):
    space = replace(tiny_loss_space(2), grid=tiny_region(), is_forecast=is_forecast)
    return create("loss", name, LOSSES[name], space, LossWeights())


@pytest.mark.parametrize("name", LOSSES)
def test_what_a_model_says_at_a_boundary_does_not_count(name):
    whole, inner = loss_of(name, np.ones(NODES, bool)), loss_of(name, ~BOUNDARY)
    members, generator = 3 if whole.takes_members else 1, torch.Generator().manual_seed(0)
    forecast = torch.randn(2, members, 2, NODES, 3, generator=generator)
    truth = torch.randn(2, 2, NODES, 3, generator=generator)
    given = torch.where(torch.from_numpy(BOUNDARY)[:, None], truth[:, None], forecast)
    made = (forecast + 100 * torch.from_numpy(BOUNDARY)[:, None]).requires_grad_()
    value = inner.value(inner(made, truth))
    assert float(value.detach()) == pytest.approx(float(whole.value(whole(given, truth))))
    assert torch.autograd.grad(value, made)[0][..., BOUNDARY, :].abs().max() == 0
