"""What a training step holds, for the memory plan."""

import pytest
import torch
from wxml import NameOrChoice
from wxml.errors import ResourceError
from wxml.training.trainer import TrainingMemory
from wxml_trainer_lightning.optimisation import Optimisation, make_optimizer
from wxml_trainer_lightning.options import Ema, Keep
from wxml_trainer_lightning.state import run_identity
from wxml_trainer_lightning.trainer import LightningTrainer


def test_the_options_say_what_is_held() -> None:
    trainer = LightningTrainer(
        batch_size=3,
        rollout=LightningTrainer().rollout.model_copy(update={"maximum": 5}),
        precision="bf16-mixed",
        accelerator="cpu",
        ema=Ema(decay=0.9),
        keep=Keep.model_validate("best"),
    )
    assert trainer.memory() == TrainingMemory(
        batch_size=3, rollout=5, precision="bfloat16", moments=2, copies=2, device="cpu", batches_held=3
    )


@pytest.mark.parametrize(
    ("ema", "keep", "copies"), [(None, "last", 0), (0.9, "last", 1), (None, "best", 1), ([0.9, 0.99], "best", 3)]
)
def test_the_averages_and_the_best_weights_are_copies(ema: float | None, keep: str, copies: int) -> None:
    ema = None if ema is None else Ema(decay=ema)
    assert LightningTrainer(accelerator="cpu", ema=ema, keep=Keep.model_validate(keep)).memory().copies == copies


@pytest.mark.parametrize(("strategy", "shards"), [("ddp", 1), ("fsdp", 4)])
def test_the_plan_is_that_of_one_of_several_devices(strategy: str, shards: int) -> None:
    """Nine samples on four devices are three on one of them."""
    memory = LightningTrainer(accelerator="cpu", batch_size=9, devices=4, strategy=strategy).memory()
    assert (memory.batch_size, memory.shards) == (3, shards)


@pytest.mark.parametrize(("workers", "held"), [(0, 3), (1, 3), (4, 12)])
def test_batches_that_are_read_ahead_are_held(workers: int, held: int) -> None:
    """Two wait for each reader, and the values of one are there twice while it is read."""
    assert LightningTrainer(accelerator="cpu", workers=workers).memory().batches_held == held


@pytest.mark.parametrize("name", ["adamw", "ademamix", "lion", "muon", "sgd"])
def test_the_moments_are_those_of_the_optimizer(name: str) -> None:
    model = torch.nn.Linear(3, 4)
    trainer = LightningTrainer(accelerator="cpu", optimizer=NameOrChoice(plugin=name))
    optimizer = make_optimizer(model, Optimisation(trainer.new_optimizer(), 0.1, 10))
    model(torch.ones(3)).sum().backward()
    optimizer.step()
    moments = [value for value in optimizer.state[model.weight].values() if value.shape == model.weight.shape]
    assert len(moments) == trainer.memory().moments


def test_a_training_is_the_same_whatever_is_kept_for_the_backward_pass(advection) -> None:
    identity = run_identity(advection, {})
    assert "model.channels" in identity
    assert not any("checkpointing" in key or "memory_limit" in key for key in identity)


@pytest.mark.carries_out(
    "reduce `training.batch_size`, `training.accumulate`, `training.rollout` or `training.workers`"
)
def test_a_batch_that_cannot_fit_is_refused_before_it_is_read(advection, fit, tmp_path) -> None:
    with pytest.raises(
        ResourceError, match=r"2 batches of 1,000,000,000,000 samples, 1 of them read ahead, would take"
    ):
        fit(advection, tmp_path / "run", batch_size=10**12, max_steps=2)
    assert fit(advection, tmp_path / "again", batch_size=4, max_steps=2).exists()


@pytest.mark.parametrize(
    ("steps", "workers", "batches"), [(1, 0, 1), (3, 0, 3), (9, 0, 4), (99, 2, 7)], ids=["one", "few", "thread", "two"]
)
def test_the_batches_that_are_read_ahead_count(advection, fit, tmp_path, monkeypatch, steps, workers, batches) -> None:
    size = 4 * advection.samples("training", 1).sample_size
    asked: list[int] = []

    def checked(needed: int, what: str, *, fix: str) -> None:
        asked.append(needed)
        raise ResourceError(what, fix=fix)

    monkeypatch.setattr("wxml_trainer_lightning.training_run.check_memory", checked)
    with pytest.raises(ResourceError):
        fit(advection, tmp_path / "run", batch_size=4, max_steps=steps, workers=workers)
    assert asked == [batches * size]
