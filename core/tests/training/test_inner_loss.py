"""The loss that another loss wraps: its options, its weights, and the place of its faults."""

from typing import Any

import numpy as np
import pytest
from wxml import CombinedLoss, LossChoice, LossSpace, LossWeights, PluginChoice, inner_loss
from wxml.errors import ConfigError, UnknownPluginError
from wxml.experiment.assembling import assemble


@pytest.fixture
def space(tiny: Any) -> LossSpace:
    return LossSpace.of(assemble(tiny()), 1)


def weights(space: LossSpace) -> LossWeights:
    return LossWeights((space.area[None, :, None],), (np.array([[[2.0, 3.0]]]),))


def chosen(name: str, **options: Any) -> PluginChoice:
    return PluginChoice.model_validate({"plugin": name, **options})


def test_it_has_its_options_and_all_weights(space: LossSpace) -> None:
    loss: Any = inner_loss(chosen("off-squared", times=4.0), space, weights(space))
    assert loss.times == 4.0
    assert loss.space is space
    assert loss.weight.shape == (1, len(space.grid), 2)


def test_it_has_the_weights_along_its_axes_alone(space: LossSpace) -> None:
    loss = inner_loss(chosen("of-means"), space, weights(space))
    assert loss.weight.flatten().tolist() == [2.0, 3.0]
    assert loss.measure.flatten().tolist() == [1.0]


@pytest.mark.parametrize(("options", "problem"), [({"times": 13}, "no number of luck"), ({"time": 1}, "unknown key")])
def test_its_faults_have_the_name_of_the_option_before_them(space: LossSpace, options: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        inner_loss(chosen("off-squared", **options), space, weights(space), "compared_by")
    assert [fault.key for fault in caught.value.faults] == [f"compared_by.{name}" for name in options]


def test_a_loss_that_is_not_installed_is_no_inner_loss(space: LossSpace) -> None:
    with pytest.raises(UnknownPluginError, match="unknown loss 'of-mean'"):
        inner_loss(chosen("of-mean"), space, weights(space))


@pytest.mark.carries_out("choose it as a loss of its own, beside this one with another loss inside")
def test_a_loss_of_the_spread_is_no_inner_loss(space: LossSpace) -> None:
    with pytest.raises(ConfigError, match="'of-spread' compares normal distributions") as caught:
        inner_loss(chosen("of-spread"), space, weights(space), "compared_by")
    assert [fault.key for fault in caught.value.faults] == ["compared_by.plugin"]
    assert inner_loss(chosen("off"), space, weights(space), "compared_by")
    sections = [LossChoice.model_validate({"plugin": name}) for name in ("of-spread", "off")]
    assert CombinedLoss.of(space, sections, {}).takes_spread
