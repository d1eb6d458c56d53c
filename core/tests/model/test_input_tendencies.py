"""Earlier input states as changes: the same information in other units."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from wxml.graphs.node_set import NodeSet
from wxml.model.features import GridFeatures, Reads

NODES = NodeSet(np.array([0.0, 10.0, 20.0]), np.array([0.0, 90.0, 180.0]))


def features(steps: int, scale: list[float] | None) -> GridFeatures:
    return GridFeatures(NODES, 0, steps, 2, 1, None if scale is None else torch.tensor(scale))


def test_changes_lead_up_to_the_last_state() -> None:
    """Two variables rise by 1 and by 6 a step; in units of 0.5 and 3 both rise by 2."""
    states = torch.tensor([[[[1.0, 10.0]] * 3, [[2.0, 16.0]] * 3, [[3.0, 22.0]] * 3]])
    forcings = torch.full((1, 3, 3, 1), 9.0)
    read = features(3, [0.5, 3.0])(states, forcings)[0, 0, :9]
    assert read.tolist() == [2.0, 2.0, 9.0, 2.0, 2.0, 9.0, 3.0, 22.0, 9.0]


def test_one_state_has_no_changes() -> None:
    states, forcings = torch.randn(2, 1, 3, 2), torch.randn(2, 1, 3, 1)
    assert torch.equal(features(1, [2.0, 3.0])(states, forcings), features(1, None)(states, forcings))


def test_means_and_departures_by_hand() -> None:
    """One variable at three nodes rises by 1, 2 and 6, 3 in the mean: 6 in units of 0.5; 2, 4 and 9 depart from 5."""
    states = torch.tensor([[[[1.0], [2.0], [3.0]], [[2.0], [4.0], [9.0]]]])
    plain = GridFeatures(NODES, 0, 2, 1, 0, torch.tensor([0.5]), reads=Reads(last=False))
    both = GridFeatures(NODES, 0, 2, 1, 0, torch.tensor([0.5]), reads=Reads(last=False, means=True))
    read = both(states, torch.zeros(1, 2, 3, 0))[0]
    assert read.shape == (3, both.channels) == (3, plain.channels + 2)
    assert read[:, -2:].tolist() == [[6.0, -3.0], [6.0, -1.0], [6.0, 4.0]]
    assert torch.equal(read[:, :-2], plain(states, torch.zeros(1, 2, 3, 0))[0])


@settings(deadline=None)
@given(st.integers(2, 5), st.floats(0.1, 10.0), st.integers(0, 1000))
def test_nothing_is_lost(steps: int, scale: float, seed: int) -> None:
    """The states come back from the last one and the changes."""
    torch.manual_seed(seed)
    states, forcings = torch.randn(1, steps, 3, 2), torch.zeros(1, steps, 3, 1)
    read = features(steps, [scale, 1.0])(states, forcings)[..., : 3 * steps].unflatten(-1, (steps, 3))[..., :2]
    back = [read[:, :, -1]]
    for step in range(steps - 2, -1, -1):
        back.insert(0, back[0] - read[:, :, step] * torch.tensor([scale, 1.0]))
    torch.testing.assert_close(torch.stack(back, dim=1), states, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("scale", [None, [1e-2, 1e-2]])
def test_small_changes_are_learned_as_fast_as_they_are_large(scale) -> None:
    """The target is the last change, 1 % of the deviation: gradient descent finds it at once where it has order one."""
    torch.manual_seed(0)
    last = torch.randn(256, 1, 3, 2)
    states = torch.cat([last - 1e-2 * torch.randn(256, 1, 3, 2), last], dim=1)
    target = (states[:, 1] - states[:, 0]) / 1e-2
    read, layer = features(2, scale), nn.Linear(6 + 4, 2)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        loss = (layer(read(states, torch.zeros(256, 2, 3, 1))) - target).square().mean()
        loss.backward()
        optimizer.step()
    assert (loss.item() < 0.01) == (scale is not None)
