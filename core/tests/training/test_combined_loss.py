"""The losses of a config as one number: shares, variables, chosen weights, sums over batches; all in closed form."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor
from wxml import CombinedLoss, LossSpace
from wxml.errors import ConfigError, ContractError
from wxml.experiment.assembling import assemble
from wxml.plugins.create import choice_faults
from wxml.plugins.options.choices import choices_in
from wxml.plugins.options.model import Options
from wxml.training.loss_choice import LossSections, LossWeightSections

STEPS = 2
PLAIN = {"weights": ["*", "!tendency"]}
Make = Callable[..., CombinedLoss]


class Chosen(Options):
    """The options of a trainer."""

    loss: LossSections
    loss_weights: LossWeightSections = {}


@pytest.fixture
def space(tiny: Any) -> LossSpace:
    return LossSpace.of(assemble(tiny()), STEPS)


@pytest.fixture
def make(space: LossSpace) -> Make:
    """Makes the losses of sections as they are written."""

    def of(loss: Any, weights: Any = None) -> CombinedLoss:
        chosen = TypeAdapter(Chosen).validate_python({"loss": loss, "loss_weights": weights or {}})
        return CombinedLoss.of(space, chosen.loss, chosen.loss_weights)

    return of


def fields(space: LossSpace, error: Any, batch: int = 1) -> tuple[Tensor, Tensor]:
    """A forecast that is off by `error`, which broadcasts to `[batch, step, node, variable]`, and a truth of 0."""
    shape = (batch, STEPS, len(space.grid), len(space.variables))
    errors = torch.tensor(np.broadcast_to(np.asarray(error, np.float32), shape).copy())
    return errors[:, None], torch.zeros(shape)


def value(loss: CombinedLoss, forecast: Tensor, truth: Tensor) -> float:
    return float(loss.value(loss(forecast, truth)))


def test_the_shares_are_divided_by_their_sum(space: LossSpace, make: Make) -> None:
    """(3 · |2| + 1 · 2²) / 4 = 2.5."""
    loss = make([{"plugin": "off", "share": 3, **PLAIN}, {"plugin": "off-squared", "share": 1, **PLAIN}])
    assert value(loss, *fields(space, 2.0)) == pytest.approx(2.5)


def test_one_section_and_a_list_of_one_are_the_same(space: LossSpace, make: Make) -> None:
    section = {"plugin": "off-squared", "times": 3.0, **PLAIN}
    assert value(make(section), *fields(space, 2.0)) == value(make([section]), *fields(space, 2.0)) == 12.0


def test_a_loss_compares_the_variables_that_it_names(space: LossSpace, make: Make) -> None:
    """The first variable is off by 1, the second by 5: their mean is 3."""
    first, second = space.names
    error = [1.0, 5.0]
    assert value(make({"plugin": "off", **PLAIN}), *fields(space, error)) == pytest.approx(3.0)
    for name, right in ((first, 1.0), (second, 5.0)):
        loss = make({"plugin": "off", "variables": [name], **PLAIN})
        assert value(loss, *fields(space, error)) == pytest.approx(right)
        assert loss.chosen[0].loss.space.names == (name,)


def test_the_weights_of_a_variable_follow_it(space: LossSpace, make: Make) -> None:
    """A weight is made for all variables, so a name that is not among those of one loss is no mistake there."""
    loss = make({"plugin": "off", "variables": [space.names[1]], **PLAIN}, {"first": {"factors": [2.0, 7.0]}})
    assert value(loss, *fields(space, 1.0)) == pytest.approx(7.0)


def test_area_and_tendency_are_always_there(space: LossSpace, make: Make) -> None:
    scale = space.tendency_scale
    assert value(make({"plugin": "off"}), *fields(space, scale)) == pytest.approx(1.0)
    error = np.arange(len(space.grid), dtype=float)[:, None]
    assert value(make({"plugin": "off", **PLAIN}), *fields(space, error)) == pytest.approx(space.area @ error[:, 0])
    nothing = make({"plugin": "off", "weights": []})
    assert value(nothing, *fields(space, error)) == pytest.approx(error.mean())


def test_a_section_gives_the_default_weights_options_or_another_plugin(space: LossSpace, make: Make) -> None:
    errors = fields(space, space.tendency_scale)
    assert value(make({"plugin": "off"}, {"tendency": {"times": 3}}), *errors) == pytest.approx(3.0)
    replaced = make({"plugin": "off"}, {"tendency": {"plugin": "first", "factors": [2, 4]}})
    assert value(replaced, *fields(space, 1.0)) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["*"], 1.5 * 3),
        (["area", "later"], 1.5),
        (["!later", "*"], 3.0),
        (["*", "!later", "!twos"], 1.0),
        (["later", "twos"], 1.5 * 3),
    ],
)
def test_weights_are_chosen_by_name(space: LossSpace, make: Make, names: list[str], expected: float) -> None:
    """`later` weighs the two steps 1 and 2, `twos` the two variables 2 and 4; the tendency is made 1."""
    weights = {
        "later": None,
        "twos": {"plugin": "first", "factors": [2, 4]},
        "tendency": {"plugin": "first", "factors": [1, 1]},
    }
    assert value(make({"plugin": "off", "weights": names}, weights), *fields(space, 1.0)) == pytest.approx(expected)


def test_a_shorter_forecast_has_the_weights_of_its_steps(space: LossSpace, make: Make) -> None:
    forecast, truth = fields(space, 1.0)
    loss = make({"plugin": "off", **PLAIN}, {"later": {}})
    assert value(loss, forecast, truth) == pytest.approx(1.5)
    assert value(loss, forecast[:, :, :1], truth[:, :1]) == pytest.approx(1.0)


def test_a_loss_is_spared_the_weights_along_an_axis_that_it_cannot_use(space: LossSpace, make: Make) -> None:
    """That of the area is along the nodes, of which this loss knows none."""
    loss = make({"plugin": "of-means", **PLAIN}, {"later": {}})
    assert value(loss, *fields(space, 1.0)) == pytest.approx(1.5)
    assert loss.chosen[0].loss.weight.shape == (STEPS, 1, 1)


@pytest.mark.carries_out("write names of `loss_weights`, `area` or `tendency`, or '*' for all that the loss can use")
def test_a_weight_that_a_loss_names_and_cannot_use_is_refused(space: LossSpace, make: Make) -> None:
    with pytest.raises(ConfigError, match=r"'of-means' cannot use the weight 'area': it is along node.*loss\.weights"):
        make({"plugin": "of-means", "weights": ["area"]})
    with pytest.raises(ConfigError, match=r"no loss weight 'laterr'; did you mean 'later'.*loss\.1\.weights"):
        make([{"plugin": "off"}, {"plugin": "off", "weights": ["*", "!laterr"]}], {"later": {}})
    assert make({"plugin": "of-means", "weights": ["*"]})
    assert make({"plugin": "off", "weights": ["later", "area"]}, {"later": {}})


@pytest.mark.carries_out("write names of prognostic or diagnostic variables")
def test_a_variable_that_is_not_forecast_is_refused(space: LossSpace, make: Make) -> None:
    with pytest.raises(ConfigError, match=r"forecasts no variable 'rain'; known: .*training\.loss\.variables"):
        make({"plugin": "off", "variables": ["rain"]})
    assert make({"plugin": "off", "variables": list(space.names)})


def test_a_fault_that_a_plugin_finds_says_where_the_plugin_is_chosen(make: Make) -> None:
    with pytest.raises(ConfigError, match=r"no number of luck \(training\.loss\.1\.times\)"):
        make([{"plugin": "off"}, {"plugin": "off-squared", "times": 13}])


@pytest.mark.parametrize(("negative", "got"), [(False, r"shape \[1, 1, 7\]"), (True, "from -1.0 to -1.0")])
def test_factors_that_fit_nothing_are_the_fault_of_their_plugin(make: Make, negative: bool, got: str) -> None:
    with pytest.raises(ContractError, match=rf"'wrong' must give finite factors.*{got}.*loss_weights\.bad"):
        make({"plugin": "off"}, {"bad": {"plugin": "wrong", "negative": negative}})


def test_every_mistake_in_the_sections_is_found_before_a_training(tiny: Any) -> None:
    written = {"loss": [{"plugin": "offf"}, {"plugin": "off-squared", "tims": 2, "share": 3}]}
    faults = [str(fault) for place in choices_in(written, Chosen) for fault in choice_faults(place)]
    assert len(faults) == 2
    assert "loss.0.plugin" in faults[0]
    assert "did you mean 'off'" in faults[0]
    assert "unknown key `tims`: did you mean 'times'" in faults[1]


def test_the_loss_of_batches_is_that_of_all_their_samples(space: LossSpace, make: Make) -> None:
    """Though the batches differ in size and in what is missing."""
    generator = np.random.default_rng(0)
    shape = (5, STEPS, len(space.grid), len(space.variables))
    forecast = torch.tensor(generator.normal(size=shape), dtype=torch.float32)[:, None]
    truth = torch.tensor(np.where(generator.random(shape) < 0.3, np.nan, generator.normal(size=shape))).float()
    loss = make([{"plugin": "off", "share": 2}, {"plugin": "off-squared", "variables": [space.names[0]]}])
    sums = loss(forecast[:2], truth[:2]) + loss(forecast[2:3], truth[2:3]) + loss(forecast[3:], truth[3:])
    assert float(loss.value(sums)) == pytest.approx(value(loss, forecast, truth), rel=1e-6)
    assert float(loss.value(sums.exact())) == pytest.approx(value(loss, forecast, truth), rel=1e-6)


def test_without_a_truth_the_loss_is_zero_and_says_so(space: LossSpace, make: Make) -> None:
    forecast, truth = fields(space, 1.0)
    loss = make([{"plugin": "off"}, {"plugin": "off-squared"}])
    nothing = loss(forecast, torch.full_like(truth, torch.nan))
    assert (float(loss.value(nothing)), bool(nothing.has_truth)) == (0.0, False)
    assert bool(loss(forecast, truth).has_truth)


def test_a_loss_of_the_spread_stands_beside_losses_that_see_the_means_alone(space: LossSpace, make: Make) -> None:
    """The means are 2 off, and the deviations 3 and 5: (1 · 2² + 3 · (2 + 10 · 4)) / 4 = 32.5, and 52 of the second."""
    forecast, truth = fields(space, 2.0)
    spread = torch.tensor([3.0, 5.0]).expand_as(forecast)
    normal = torch.cat((forecast, spread), -1)
    squared, of_spread = {"plugin": "off-squared", **PLAIN}, {"plugin": "of-spread", "share": 3, **PLAIN}
    loss = make([squared, of_spread])
    assert loss.takes_spread
    assert not make(squared).takes_spread
    assert value(loss, normal, truth) == pytest.approx(32.5)
    assert value(make(squared), normal, truth) == value(make(squared), forecast, truth) == 4.0
    assert value(make(of_spread | {"variables": [space.names[1]]}), normal, truth) == pytest.approx(52.0)


def test_a_loss_of_the_spread_compares_each_member_and_no_missing_truth(space: LossSpace, make: Make) -> None:
    """Two members with the deviations 1 and 3, and no truth of the first variable: 10 · (1 + 3) / 2."""
    forecast, truth = fields(space, 0.0)
    truth[..., 0] = torch.nan
    normal = torch.cat([torch.cat((forecast, torch.full_like(forecast, of)), -1) for of in (1.0, 3.0)], 1)
    assert value(make({"plugin": "of-spread", **PLAIN}), normal, truth) == pytest.approx(20.0)
