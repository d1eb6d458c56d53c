"""With its default weights, no loss depends on the units of the variables: what is slow counts as what is fast."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from wxml import CombinedLoss, LossChoice, LossSpace
from wxml.testing import tiny_loss_space

UNITS = np.array([4.0, 0.25, 2.0])
LOSSES: list[dict[str, Any]] = [
    {"plugin": "squared"},
    {"plugin": "absolute"},
    {"plugin": "rmse"},
    {"plugin": "crps"},
    {"plugin": "energy", "over": "space"},
    {"plugin": "energy", "over": "variables"},
    {"plugin": "energy", "over": "both"},
    {"plugin": "amse"},
    {"plugin": "spectrum"},
    {"plugin": "log-spectral"},
    {"plugin": "spectral-correlation"},
    {"plugin": "spectral-crps"},
    {"plugin": "graph-energy"},
    {"plugin": "graph-edge-energy"},
    {"plugin": "graph-edge-crps"},
    {"plugin": "graph-variogram"},
    {"plugin": "graph-variogram", "p": 0.5},
    {"plugin": "multi-scale", "scales": [4000]},
    {"plugin": "multi-scale", "scales": [4000], "loss": {"plugin": "absolute"}},
    {"plugin": "time-aggregate", "loss": {"plugin": "energy", "over": "variables"}},
    {"plugin": "time-aggregate", "loss": {"plugin": "multi-scale", "scales": [4000], "loss": {"plugin": "crps"}}},
]


def in_other_units(space: LossSpace) -> LossSpace:
    statistics = space.statistics
    return replace(space, statistics=replace(statistics, tendency_std=statistics.tendency_std * UNITS))


@pytest.mark.parametrize("section", LOSSES, ids=str)
def test_the_unit_of_a_variable_does_not_matter(section: dict[str, Any]) -> None:
    space = tiny_loss_space(2, 3)
    choice = LossChoice(**section)
    loss, other = (CombinedLoss.of(one, choice, {}) for one in (space, in_other_units(space)))
    members = 3 if loss.takes_members else 1
    shape = (members, 2, len(space.grid), len(space.variables))
    drawn = np.random.default_rng(0).normal(size=(1, *shape)), np.random.default_rng(1).normal(size=(1, *shape[1:]))
    here, there = (
        [torch.tensor(values * units, dtype=torch.float32) for values in drawn] for units in (np.ones(3), UNITS)
    )
    expected, found = float(loss.value(loss(*here))), float(other.value(other(*there)))
    assert found == pytest.approx(expected, rel=1e-2)


def test_each_of_several_losses_has_its_own_power() -> None:
    """An error of the typical change of each variable is 1 for squares and for absolute errors."""
    space = tiny_loss_space(1)
    for section in ({"plugin": "squared"}, {"plugin": "absolute"}):
        loss = CombinedLoss.of(space, [LossChoice(**section), LossChoice(plugin="squared")], {})
        truth = torch.zeros(1, 1, len(space.grid), len(space.variables))
        forecast = torch.tensor(space.tendency_scale, dtype=torch.float32).expand_as(truth)[:, None]
        assert float(loss.value(loss(forecast, truth))) == pytest.approx(1.0, rel=1e-5)
