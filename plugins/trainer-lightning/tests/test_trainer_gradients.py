"""Limits of gradients, and steps that are skipped."""

import math

import pytest
import torch
from torch import nn
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.errors import ConfigError
from wxml.plugins.create import parse_options
from wxml_trainer_lightning.gradients import Gradients
from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.options import Clip, Spikes
from wxml_trainer_lightning.trainer import LightningTrainer


def weights(*gradients: list[float]) -> list[nn.Parameter]:
    made = [nn.Parameter(torch.zeros(len(values))) for values in gradients]
    for weight, values in zip(made, gradients, strict=True):
        weight.grad = torch.tensor(values)
    return made


def values(made: list[nn.Parameter]) -> list[list[float] | None]:
    return [None if weight.grad is None else weight.grad.tolist() for weight in made]


def test_the_norm_over_all_weights_is_limited() -> None:
    """√(3² + 4² + 12²) = 13."""
    made = weights([3.0, 4.0], [12.0])
    Gradients(Clip(norm=1.3), None).prepare(made)
    assert values(made)[0] == pytest.approx([0.3, 0.4])
    assert values(made)[1] == pytest.approx([1.2])
    Gradients(Clip(norm=5.0), None).prepare(made)
    assert values(made)[1] == pytest.approx([1.2])


def test_each_value_is_limited() -> None:
    made = weights([3.0, -4.0], [12.0])
    Gradients(Clip(value=3.5), None).prepare(made)
    assert values(made) == [[3.0, -3.5], [3.5]]


@pytest.mark.carries_out("write one of them")
@pytest.mark.parametrize("both", [{"norm": 1.0, "value": 2.0}, {}])
def test_a_limit_is_of_the_norm_or_of_values(both) -> None:
    with pytest.raises(ConfigError, match="a limit is one of `norm` and `value`"):
        parse_options(LightningTrainer, {"gradient_clip": both}, "training")
    for written, expected in ((2, Clip(norm=2.0)), ({"value": 2.0}, Clip(value=2.0)), (None, None)):
        assert parse_options(LightningTrainer, {"gradient_clip": written})["gradient_clip"] == expected


def test_a_spike_is_a_norm_far_above_the_median_of_the_last(caplog) -> None:
    gradients = Gradients(None, Spikes(factor=3.0, window=3))
    for norm in (1.0, 100.0, 2.0):  # not before the window is full
        made = weights([norm])
        gradients.prepare(made)
        assert values(made) == [[norm]]
    for norm, is_skipped in ((6.0, False), (18.1, True), (18.0, False), (54.0, False)):
        made = weights([norm])
        gradients.prepare(made)
        assert (values(made) == [None]) is is_skipped, norm
    assert gradients.skipped == 1
    assert "norm 18.1 of its gradient is above 3 times the median 6 of the 3 before" in caplog.text


def test_a_norm_that_stays_high_is_the_usual_one_soon() -> None:
    gradients = Gradients(None, Spikes(factor=2.0, window=5), [1.0] * 5)
    for _ in range(20):
        gradients.prepare(weights([10.0]))
    assert gradients.skipped == 3


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_gradient_that_is_not_finite_is_skipped_unless_the_loss_is_scaled(value) -> None:
    for scaled in (False, True):
        made = weights([value])
        gradients = Gradients(None, Spikes(window=3))
        gradients.prepare(made, scaled=scaled)
        assert (made[0].grad is None) is not scaled
        assert gradients.norms == []


def test_a_skipped_step_leaves_weights_and_moments(advection, fit, tmp_path, monkeypatch, caplog) -> None:
    """The gradient of step 8 is a thousand times too large; nothing else moves the weights in it."""
    prepare = Gradients.prepare
    seen: list[dict[str, torch.Tensor]] = []

    def spoilt(self, weights, *, scaled=False):
        every = list(weights)
        seen.append({str(place): weight.detach().clone() for place, weight in enumerate(every)})
        if len(seen) == 8:
            for weight in every:
                weight.grad *= 1000
        prepare(self, every, scaled=scaled)

    monkeypatch.setattr(Gradients, "prepare", spoilt)
    path = fit(advection, tmp_path, spikes={"factor": 5.0, "window": 5})
    assert all(torch.equal(seen[8][name], seen[7][name]) for name in seen[7])
    assert not all(torch.equal(seen[9][name], seen[8][name]) for name in seen[8])
    assert load_checkpoint(path).header["training"]["skipped_steps"] == 1
    assert "1 steps were skipped" not in caplog.text or "a step is skipped" in caplog.text


def test_skipped_steps_resume_bit_by_bit(noisy_advection, fit, interrupted, tmp_path, monkeypatch) -> None:
    forward = ForecastModule.forward

    def spiky(self, batch):
        is_spike = int(batch.values[0, 0, 0, 0] * 1e4) % 3 != 0  # in some steps, always the same ones
        factors = torch.tensor([[1000.0 if is_spike else 1.0], [1.0]])
        return tuple(sums * factors for sums in forward(self, batch))

    monkeypatch.setattr(ForecastModule, "forward", spiky)
    options = {"spikes": {"factor": 3.0, "window": 3}, "max_steps": 12, "checkpoint_every": 5}
    whole = fit(noisy_advection, tmp_path / "whole", **options)
    assert 0 < load_checkpoint(whole).header["training"]["skipped_steps"] < 8
    interrupted(noisy_advection, tmp_path / "broken", **options)
    assert fit(noisy_advection, tmp_path / "broken", resume=True, **options).read_bytes() == whole.read_bytes()
