"""The options, as a config gives them."""

import pytest
from wxml.errors import ConfigError
from wxml.plugins.create import parse_options
from wxml.plugins.options.model import describe_options
from wxml_trainer_lightning.device import Device
from wxml_trainer_lightning.option_values import FREE
from wxml_trainer_lightning.trainer import LightningTrainer


def trainer(**options) -> LightningTrainer:
    return LightningTrainer(**parse_options(LightningTrainer, options, "training"))


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"max_steps": 0}, "training.max_steps"),
        ({"max_steps": 10**13}, "training.max_steps"),
        ({"workers": 257}, "training.workers"),
        ({"threads": 1025}, "training.threads"),
        ({"learning_rate": -1}, "training.learning_rate"),
        ({"learning_rate": float("nan")}, "training.learning_rate"),
        ({"learning_rate": 1e31}, "training.learning_rate"),
        ({"schedule": {"plugin": "cosine", "warmup": 1.5}}, "training.schedule.warmup"),
        ({"schedule": "cosin"}, "training.schedule.plugin"),
        ({"optimizer": {"plugin": "adamw", "beta": 1}}, "training.optimizer.beta"),
        ({"gradient_clip": {"norm": 1, "value": 1}}, "training.gradient_clip"),
        ({"spikes": {"factor": 1}}, "training.spikes.factor"),
        ({"parts": {"encoder": {"learning_rate_factor": 0}}}, "training.parts.encoder"),
        ({"ema": 1.0}, "training.ema"),
        ({"ema": [0.9, 0.9]}, "training.ema.decay"),
        ({"ema": {"start": 1.5}}, "training.ema.start"),
        ({"swa": {"every": 0}}, "training.swa.every"),
        ({"gradient_clip": 0}, "training.gradient_clip"),
        ({"keep": "first"}, "training.keep"),
        ({"precision": "64-true"}, "training.precision"),
        ({"loss_weights": {"by-variable": {"weights": {"t": -1}}}}, "training.loss_weights.by-variable.weights.t"),
        ({"loss": {"plugin": "squared", "share": 0}}, "training.loss.share"),
        ({"loss": []}, "training.loss"),
        ({"max_time": "soon"}, "training.max_time"),
        ({"rollout": {"start": 3, "maximum": 2}}, "training.rollout"),
        ({"rollout": {"begin": 1.5}}, "training.rollout"),
        ({"rollout": {"every": 10}}, "training.rollout"),
        ({"rollout": {"schedule": []}}, "training.rollout.schedule"),
        ({"input_noise": -1}, "training.input_noise"),
        ({"members": 0}, "training.members"),
        ({"max_stepz": 10}, "max_steps"),
    ],
)
def test_wrong_options_are_refused_by_name(options, fault) -> None:
    with pytest.raises(ConfigError, match=fault):
        parse_options(LightningTrainer, options, "training")


@pytest.mark.carries_out("exchange the two")
def test_a_rollout_grows() -> None:
    with pytest.raises(ConfigError, match="`start` must not exceed `maximum`, got 3 and 2; exchange the two"):
        trainer(rollout={"start": 3, "maximum": 2})
    assert trainer(rollout={"start": 2, "maximum": 3}).rollout.stages == [2, 3]


def test_every_option_has_a_description() -> None:
    rows = describe_options(LightningTrainer)
    assert {"max_steps", "rollout.maximum", "tracking_uri"} <= {row.name for row in rows}
    assert [row.name for row in rows if not row.description] == []


def test_a_time_is_read_as_a_duration() -> None:
    assert trainer(max_time="10min").max_seconds == 600
    assert trainer().max_seconds is None


def test_the_identity_has_every_option_that_the_result_depends_on() -> None:
    identity = trainer(rollout={"maximum": 4}).identity()
    assert identity["rollout"].items() >= {"start": 1, "maximum": 4, "begin": 0.5, "loss_over": "mean"}.items()
    assert "recompute_steps" not in identity["rollout"]
    former = {"warmup", "final_learning_rate_ratio"}  # they are in `schedule`
    assert set(identity) | set(FREE) | former == set(parse_options(LightningTrainer, {}))
    assert not set(identity) & set(FREE)


def test_a_device_that_is_not_there_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"no 'cuda' device on this machine \(training.accelerator\)"):
        Device("cuda", "32-true", None).resolve()
    assert Device("auto", "32-true", None).resolve() == "cpu"


def test_the_fastest_device_is_taken_automatically(monkeypatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert Device("auto", "16-mixed", None).resolve() == "cuda"
