"""Averages of the weights, against their recurrences and means."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.optim.swa_utils import AveragedModel as Torchs
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.errors import ConfigError
from wxml.plugins.create import parse_options
from wxml_trainer_lightning.averaging import AveragedModel, EmaShares, SwaShares, shares_of
from wxml_trainer_lightning.options import Ema, Swa
from wxml_trainer_lightning.trainer import LightningTrainer

PATH = np.random.default_rng(0).normal(size=40)


def followed(shares) -> list[float]:
    """The average of one weight after each step, in which it takes the next value; before the first it is 0."""
    model = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    nn.init.zeros_(model.weight)
    average, found = AveragedModel(model, shares), []
    for step, value in enumerate(PATH, start=1):
        nn.init.constant_(model.weight, value)
        average.update(model, step)
        found.append(average.model.weight.item())
    return found


def recurrence(limit: float, start: int = 0, every: int = 1) -> list[float]:
    average, found = 0.0, []
    for step, value in enumerate(PATH, start=1):
        steps, rest = divmod(step - start, every)
        if step <= start:
            average = value
        elif not rest:
            decay = min(limit, steps / (steps + 10))
            average = decay * average + (1 - decay) * value
        found.append(average)
    return found


@pytest.mark.parametrize(("start", "every"), [(0, 1), (7, 1), (0, 3), (7, 3), (40, 1)])
def test_a_moving_average_follows_the_recurrence(start, every) -> None:
    for decay in (0.3, 0.99):
        assert followed(EmaShares(decay, start, every)) == pytest.approx(recurrence(decay, start, every))


@pytest.mark.parametrize(("start", "every"), [(0, 1), (10, 1), (10, 5)])
def test_the_mean_is_that_of_the_weights_at_its_steps(start, every) -> None:
    found = followed(SwaShares(start, every))
    for step in range(start + every, len(PATH) + 1):
        chosen = PATH[start + every - 1 : step : every]
        assert found[step - 1] == pytest.approx(chosen.mean()), step
    assert found[: start + every - 1] == pytest.approx(list(PATH[: start + every - 1]))


def test_the_mean_is_that_of_torch() -> None:
    model = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    theirs = Torchs(model)
    for value in PATH:
        nn.init.constant_(model.weight, value)
        theirs.update_parameters(model)
    assert followed(SwaShares(0, 1))[-1] == pytest.approx(theirs.module.weight.item())


def test_an_average_has_no_gradient_and_copies_buffers() -> None:
    model = nn.BatchNorm1d(2)
    average = AveragedModel(model, EmaShares(0.9, 0, 1))
    model(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    average.update(model, 1)
    assert not any(weight.requires_grad for weight in average.parameters())
    assert torch.equal(average.model.running_mean, model.running_mean)
    assert average.model.running_mean[1].item() == pytest.approx(0.4)  # momentum 0.1 of the mean 4


def test_the_options_name_the_averages() -> None:
    shares = shares_of(Ema(decay=[0.9, 0.9999], start=0.25), Swa(start=30, every=2), 80)
    assert shares == {
        "ema-0.9": EmaShares(0.9, 20, 1),
        "ema-0.9999": EmaShares(0.9999, 20, 1),
        "swa": SwaShares(30, 2),
    }


@pytest.mark.carries_out("leave out the others")
@pytest.mark.parametrize(("written", "decays"), [(0.9, [0.9]), ([0.9], [0.9]), ({"decay": [0.9, 0.99]}, [0.9, 0.99])])
def test_a_decay_stands_for_its_average(written, decays) -> None:
    parsed = parse_options(LightningTrainer, {"ema": written})["ema"]
    assert parsed.decays == decays
    with pytest.raises(ConfigError, match="each decay must be there once, got"):
        parse_options(LightningTrainer, {"ema": [0.9, 0.9]}, "training")


SEVERAL = {"ema": {"decay": [0.5, 0.9]}, "swa": {"start": 0.5}, "max_steps": 12, "checkpoint_every": 5}


def test_several_averages_are_kept_and_one_is_judged(noisy_advection, fit, tmp_path) -> None:
    first = fit(noisy_advection, tmp_path / "first", **SEVERAL)
    other = fit(noisy_advection, tmp_path / "other", judged="swa", **SEVERAL)
    none = fit(noisy_advection, tmp_path / "none", judged="weights", keep="last", **SEVERAL)
    state = load_file(tmp_path / "first" / "state.safetensors")
    files = {path.name for path in first.parent.glob("*.safetensors")}
    assert files == {
        "checkpoint.safetensors",
        "checkpoint-ema-0.9.safetensors",
        "checkpoint-swa.safetensors",
        "state.safetensors",
    }
    for name in ("ema-0.9", "swa"):
        kept = load_checkpoint(first.parent / f"checkpoint-{name}.safetensors")
        assert torch.equal(kept.weights["layer.weight"], state[f"average:{name}/layer.weight"])
        assert kept.header["training"]["average"] == name
    losses = {
        path.parent.name: load_checkpoint(path).header["training"]["validation_loss"] for path in (first, other, none)
    }
    assert len(set(losses.values())) == 3
    assert torch.equal(load_checkpoint(none).weights["layer.weight"], state["weights/layer.weight"])
    mean = load_file(tmp_path / "other" / "state.safetensors")["average/layer.weight"]
    assert torch.equal(mean, state["average:swa/layer.weight"])


def test_several_averages_resume_bit_by_bit(noisy_advection, fit, interrupted, tmp_path) -> None:
    whole = fit(noisy_advection, tmp_path / "whole", **SEVERAL)
    interrupted(noisy_advection, tmp_path / "broken", **SEVERAL)
    resumed = fit(noisy_advection, tmp_path / "broken", resume=True, **SEVERAL)
    for path in whole.parent.glob("checkpoint*.safetensors"):
        assert (resumed.parent / path.name).read_bytes() == path.read_bytes()


@pytest.mark.carries_out("write one of these, or set `ema` or `swa`")
def test_an_average_that_is_not_there_is_named(advection, fit, tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"no average 'swa' of the weights; known: weights, ema-0\.9"):
        fit(advection, tmp_path / "run", ema=0.9, judged="swa", max_steps=1)
    fit(advection, tmp_path / "one", ema=0.9, judged="ema-0.9", max_steps=1)
    fit(advection, tmp_path / "two", ema=0.9, swa={}, judged="swa", max_steps=1)
