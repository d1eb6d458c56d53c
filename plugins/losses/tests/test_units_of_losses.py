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
    {"plugin": "gaussian-crps"},
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


def in_both_units(section: dict[str, Any]) -> tuple[float, float]:
    """The loss of the same forecast and truth in the units of the tiny space, and in others."""
    space = tiny_loss_space(2, 3)
    choice = LossChoice(**section)
    loss, other = (CombinedLoss.of(one, choice, {}) for one in (space, in_other_units(space)))
    members = 3 if loss.takes_members else 1
    shape = (members, 2, len(space.grid), len(space.variables))
    forecast, truth = (np.random.default_rng(n).normal(size=(1, *of)) for n, of in enumerate((shape, shape[1:])))
    kinds = [forecast, np.exp(forecast / 3)] if loss.takes_spread else [forecast]
    here, there = (
        [
            torch.tensor(values, dtype=torch.float32)
            for values in (np.concatenate([k * u for k in kinds], -1), truth * u)
        ]
        for u in (np.ones(3), UNITS)
    )
    return float(loss.value(loss(*here))), float(other.value(other(*there)))


@pytest.mark.parametrize("section", LOSSES, ids=str)
def test_the_unit_of_a_variable_does_not_matter(section: dict[str, Any]) -> None:
    expected, found = in_both_units(section)
    assert found == pytest.approx(expected, rel=1e-2)


def test_another_unit_adds_its_logarithm_to_a_likelihood() -> None:
    here, there = in_both_units({"plugin": "gaussian-nll"})
    assert there - here == pytest.approx(np.log(UNITS).mean(), abs=1e-5)


def test_each_of_several_losses_has_its_own_power() -> None:
    """An error of the typical change of each variable is 1 for squares and for absolute errors."""
    space = tiny_loss_space(1)
    for section in ({"plugin": "squared"}, {"plugin": "absolute"}):
        loss = CombinedLoss.of(space, [LossChoice(**section), LossChoice(plugin="squared")], {})
        truth = torch.zeros(1, 1, len(space.grid), len(space.variables))
        forecast = torch.tensor(space.tendency_scale, dtype=torch.float32).expand_as(truth)[:, None]
        assert float(loss.value(loss(forecast, truth))) == pytest.approx(1.0, rel=1e-5)
