"""Losses that wrap another loss: of scales, and of aggregates over the steps."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix, save_npz
from wxml import CombinedLoss, LossChoice, LossWeights, PluginChoice
from wxml.errors import ConfigError
from wxml.testing.tiny_graphs import tiny_region
from wxml.testing.tiny_loss_space import tiny_loss_space
from wxml_losses.multi_scale import MultiScale
from wxml_losses.smoothing import gaussian_smoother
from wxml_losses.time_aggregate import TimeAggregate

REGION = tiny_region()


@pytest.fixture(autouse=True)
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def space(steps=3):
    return replace(tiny_loss_space(steps), grid=REGION, is_forecast=np.ones(len(REGION), bool))


def noise(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def pair(steps=3, members=1):
    return noise(0, 2, members, steps, len(REGION), 3), noise(1, 2, steps, len(REGION), 3)


def area():
    return LossWeights((REGION.area_weights[None, :, None],), (np.array([1.0, 2.0, 0.5])[None, None],))


def value(loss, forecast, truth):
    return float(loss.value(loss(forecast, truth)))


def mean_square(errors):
    """The rule of reduction of a squared error, written out; missing errors are NaN."""
    area, factors = REGION.area_weights[:, None], np.array([1.0, 2.0, 0.5])
    present = ~np.isnan(errors)
    total = np.nansum(factors * area * errors**2, axis=(0, 1, 2))
    return np.mean(total / (present * area).sum((0, 1, 2)))


@pytest.mark.parametrize("missing", [False, True])
def test_scales_are_differences_of_means(missing):
    forecast, truth = pair()
    if missing:
        truth[:, 1, ::3, 1] = torch.nan
    loss = MultiScale(space(), area(), scales=[1500.0, 600.0], scale_weights=[1.0, 0.5, 2.0])
    f, o = np.where(truth.isnan(), np.nan, forecast[:, 0]), truth.numpy()

    def smooth(fields, width):
        present = ~np.isnan(fields)
        smoother = gaussian_smoother(REGION, width)
        node_first = [torch.from_numpy(np.moveaxis(x, 2, 0).copy()) for x in (np.nan_to_num(fields), present * 1.0)]
        return np.where(present, np.moveaxis(smoother(*node_first).numpy(), 0, 2), np.nan)

    scales = [[smooth(x, 1500), smooth(x, 600) - smooth(x, 1500), x - smooth(x, 600)] for x in (f, o)]
    expected = sum(w * mean_square(a - b) for w, a, b in zip([1.0, 0.5, 2.0], *scales, strict=True))
    assert value(loss, forecast, truth) == pytest.approx(expected)


def test_a_constant_error_is_of_the_coarsest_scale():
    """P of a constant is the constant, so nothing is left for the finer scales."""
    _, truth = pair()
    for weights, expected in ([[1, 0, 0], 4.0], [[0, 1, 1], 0.0]):
        loss = MultiScale(space(), LossWeights(), scales=[1500.0, 600.0], scale_weights=weights)
        assert value(loss, truth[:, None] + 2, truth) == pytest.approx(expected, abs=1e-12)


def test_one_matrix_of_ones_separates_the_mean(tmp_path):
    save_npz(tmp_path / "mean.npz", csr_matrix(np.full((20, 20), 1 / 20)))
    forecast, truth = pair()
    loss = MultiScale(space(), LossWeights(), scales=[tmp_path / "mean.npz"])
    errors = (forecast[:, 0] - truth).numpy()
    mean = errors.mean(2, keepdims=True)
    assert value(loss, forecast, truth) == pytest.approx((mean**2).mean() + ((errors - mean) ** 2).mean())


def test_the_terms_of_all_scales_add_up_over_batches():
    forecast, truth = pair()
    loss = MultiScale(space(), area(), scales=[1500.0])
    parts = loss(forecast[:1], truth[:1]) + loss(forecast[1:], truth[1:])
    assert float(loss.value(parts)) == pytest.approx(value(loss, forecast, truth))
    assert parts.total.shape == (6,)


def aggregated(fields, name):
    found = {"diff": np.diff, "mean": np.mean, "min": np.min, "max": np.max}[name](fields, axis=1)
    return found if name == "diff" else found[:, None]


@pytest.mark.parametrize("name", ["diff", "mean", "min", "max"])
def test_aggregates_are_those_of_numpy(name):
    forecast, truth = pair()
    truth[0, 1, 3, 2] = torch.nan
    loss = TimeAggregate(space(), area(), aggregates=[name])
    expected = mean_square(aggregated(forecast[:, 0].numpy(), name) - aggregated(truth.numpy(), name))
    assert value(loss, forecast, truth) == pytest.approx(expected)


def test_the_loss_is_the_mean_over_the_aggregates():
    forecast, truth = pair()
    names = ["diff", "mean", "min", "max"]
    each = [value(TimeAggregate(space(), area(), aggregates=[name]), forecast, truth) for name in names]
    assert value(TimeAggregate(space(), area()), forecast, truth) == pytest.approx(np.mean(each))


def test_a_trend_is_seen_by_changes_and_extremes():
    """Steps 0, 1, 2 against 0, 0, 0: changes are off by 1, the mean by 1, the least by 0, the greatest by 2."""
    forecast = torch.arange(3.0)[None, None, :, None, None].expand(1, 1, 3, 20, 3)
    truth = torch.zeros(1, 3, 20, 3)
    for name, expected in {"diff": 1, "mean": 1, "min": 0, "max": 4}.items():
        assert value(TimeAggregate(space(), LossWeights(), aggregates=[name]), forecast, truth) == expected


def test_of_one_step_there_are_no_changes():
    forecast, truth = pair(1)
    assert value(TimeAggregate(space(), area(), aggregates=["diff"]), forecast, truth) == 0.0
    both = value(TimeAggregate(space(), area(), aggregates=["diff", "mean"]), forecast, truth)
    assert both == pytest.approx(mean_square((forecast[:, 0] - truth).numpy()) / 2)


@pytest.mark.parametrize("outer", [{"plugin": "multi-scale", "scales": [800]}, {"plugin": "time-aggregate"}])
def test_an_ensemble_loss_inside_takes_members(outer):
    losses = [CombinedLoss.of(space(), LossChoice(**outer, loss={"plugin": name}), {}) for name in ("squared", "crps")]
    assert [loss.takes_members for loss in losses] == [False, True]
    forecast, truth = pair(members=3)
    assert float(losses[1].value(losses[1](forecast, truth))) > 0


def test_the_inner_loss_gets_the_weights_that_it_can_use():
    """Area weighs the squared error, and not the spectrum, which has no nodes."""
    for name, nodes in (("squared", 20), ("spectrum", 1)):
        loss = MultiScale(space(), area(), scales=[800.0], loss=PluginChoice(plugin=name))
        assert loss.inner.weight.shape == (1, nodes, 3)
        assert loss.weight.shape == (1, nodes, 3)


def test_faults_of_the_inner_loss_have_their_place():
    outer = LossChoice(plugin="time-aggregate", loss={"plugin": "multi-scale", "scales": [1, 2]})
    with pytest.raises(ConfigError) as caught:
        CombinedLoss.of(space(), outer, {})
    assert [fault.key for fault in caught.value.faults] == ["training.loss.loss.scales"]


@pytest.mark.carries_out("write the coarsest scale first")
def test_scales_must_become_finer():
    with pytest.raises(ConfigError, match=r"the widths must become smaller, got \[600.0, 1500.0\]"):
        MultiScale(space(), area(), scales=[600.0, 1500.0])
    MultiScale(space(), area(), scales=[1500.0, 600.0])


@pytest.mark.carries_out("write a weight for each of the `scales`, and one for the rest")
def test_each_scale_has_its_weight():
    with pytest.raises(ConfigError, match="1 scales and the rest need 2, got 1"):
        MultiScale(space(), area(), scales=[600.0], scale_weights=[1.0])
    MultiScale(space(), area(), scales=[600.0], scale_weights=[1.0, 1.0])


def test_a_file_that_is_no_matrix_has_its_place(tmp_path):
    with pytest.raises(ConfigError) as caught:
        MultiScale(space(), area(), scales=[900.0, tmp_path / "none.npz"])
    assert [fault.key for fault in caught.value.faults] == ["scales.1"]


@pytest.mark.carries_out("raise `rollout` or `data.output_steps`, or leave the loss `time-aggregate` out")
def test_aggregates_need_two_steps():
    with pytest.raises(ConfigError, match="needs forecasts of two steps or more, got 1"):
        TimeAggregate(space(1), area())
    TimeAggregate(space(2), area())


@pytest.mark.carries_out("write each once")
def test_each_aggregate_is_there_once():
    with pytest.raises(ConfigError, match="each may be there once"):
        TimeAggregate(space(), area(), aggregates=["diff", "diff"])
    TimeAggregate(space(), area(), aggregates=["diff"])
