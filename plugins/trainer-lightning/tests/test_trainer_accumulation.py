"""A step in pieces is the step of all samples at once."""

import math
import os
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.data.sample_batch import ReadingCost
from wxml.errors import DataError
from wxml.plugins.create import parse_options
from wxml.testing import TravellingWaves
from wxml_trainer_lightning.accumulation import pieces_of
from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.trainer import LightningTrainer

LOSSES = {
    "squared": {"plugin": "squared"},
    "rmse": {"plugin": "rmse"},
    "two": [{"plugin": "squared", "share": 0.3}, {"plugin": "huber", "variables": ["q"]}],
    "wrapped": {"plugin": "time-aggregate", "loss": {"plugin": "rmse"}},
}

LONG = pytest.mark.skipif(not os.environ.get("WXML_RANKS"), reason="nox -s ranks")


def with_gaps(monkeypatch) -> None:
    """Leaves values of `q` out of the truth, more of them at some times than at others."""
    read = TravellingWaves._read

    def gappy(self, time_indices, variable_indices, out) -> None:
        read(self, time_indices, variable_indices, out)
        for row, time in enumerate(time_indices):
            if 1 in variable_indices:
                out[row, ..., list(variable_indices).index(1), : (5 * time) % 40] = np.nan

    monkeypatch.setattr(TravellingWaves, "_read", gappy)


def imputed(experiment):
    from dataclasses import replace

    from wxml.data.transforms.impute import Impute

    space = experiment.preprocessing
    chain = (Impute(experiment.statistics), *space.transforms)
    return replace(experiment, preprocessing=replace(space, transforms=chain))


def weights_and_losses(path) -> tuple[dict[str, torch.Tensor], list[float]]:
    rows = (path.parent / "history.csv").read_text().splitlines()[1:]
    return load_checkpoint(path).weights, [float(row.split(",")[1]) for row in rows]


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_pieces_make_the_step_of_all_their_samples(unvalidated_advection, fit, tmp_path, monkeypatch, loss) -> None:
    """Also where a loss is no sum over samples, and where samples have more or less truth."""
    with_gaps(monkeypatch)
    experiment = imputed(unvalidated_advection)
    options = {"loss": loss, "rollout": {"start": 2, "maximum": 2}, "optimizer": {"plugin": "sgd", "momentum": 0.0}}
    options |= {"learning_rate": 0.01, "max_steps": 6, "schedule": "constant", "gradient_clip": None}
    whole, losses = weights_and_losses(fit(experiment, tmp_path / "whole", batch_size=6, **options))
    pieces, same = weights_and_losses(fit(experiment, tmp_path / "pieces", batch_size=2, accumulate=3, **options))
    start = experiment.new_model().state_dict()
    assert same == pytest.approx(losses, rel=1e-6)
    for name, weight in whole.items():
        assert not torch.equal(weight, start[name])
        torch.testing.assert_close(pieces[name], weight, rtol=1e-6, atol=1e-7)


def test_the_loss_of_a_step_is_not_the_mean_of_those_of_its_pieces(
    unvalidated_advection, fit, tmp_path, monkeypatch
) -> None:
    """What the test above would not see if all samples had as much truth: three steps of two samples are one of six."""
    with_gaps(monkeypatch)
    experiment, options = imputed(unvalidated_advection), {"learning_rate": 1e-30}
    _, (whole,) = weights_and_losses(fit(experiment, tmp_path / "whole", batch_size=6, max_steps=1, **options))
    _, each = weights_and_losses(fit(experiment, tmp_path / "each", batch_size=2, max_steps=3, **options))
    assert abs(np.mean(each) / whole - 1) > 1e-3


def test_random_numbers_are_those_of_the_step(noisy_advection, fit, interrupted, tmp_path) -> None:
    """A root needs two forecasts of each piece, with the same random numbers; and it resumes bit by bit."""
    for name in ("squared", "rmse"):
        options = {"loss": LOSSES[name], "batch_size": 2, "accumulate": 2, "max_steps": 12, "checkpoint_every": 5}
        whole = fit(noisy_advection, tmp_path / name, **options)
        interrupted(noisy_advection, tmp_path / f"{name}-broken", **options)
        resumed = fit(noisy_advection, tmp_path / f"{name}-broken", resume=True, **options)
        assert resumed.read_bytes() == whole.read_bytes()


def test_pieces_in_bfloat16_are_near_to_the_whole(unvalidated_advection, fit, tmp_path) -> None:
    options = {"precision": "bf16-mixed", "learning_rate": 0.01, "optimizer": "sgd"}
    whole, losses = weights_and_losses(fit(unvalidated_advection, tmp_path / "whole", batch_size=6, **options))
    options |= {"batch_size": 2, "accumulate": 3}
    pieces, same = weights_and_losses(fit(unvalidated_advection, tmp_path / "pieces", **options))
    assert same == pytest.approx(losses, rel=1e-2)
    assert {weight.dtype for weight in pieces.values()} == {torch.float32}
    for name, weight in whole.items():
        torch.testing.assert_close(pieces[name], weight, rtol=1e-2, atol=1e-3)


def test_limits_and_skipped_steps_see_the_whole_gradient(unvalidated_advection, fit, tmp_path) -> None:
    options = {"max_steps": 8, "gradient_clip": 1e-3, "spikes": {"window": 3, "factor": 1.5}, "learning_rate": 0.1}
    options |= {"optimizer": "sgd"}
    whole, _ = weights_and_losses(fit(unvalidated_advection, tmp_path / "whole", batch_size=6, **options))
    pieces, _ = weights_and_losses(
        fit(unvalidated_advection, tmp_path / "pieces", batch_size=3, accumulate=2, **options)
    )
    for name, weight in whole.items():
        torch.testing.assert_close(pieces[name], weight, rtol=1e-6, atol=1e-7)


class Infinite(nn.Module):
    """Makes the value of node 3, variable `q`, infinite in its 9th call, on its second sample."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.calls = nn.Linear(2, 2), 0

    def forward(self, states, forcings):
        self.calls += 1
        output = self.layer(states[:, -1])
        spoilt = torch.zeros_like(output)
        spoilt[1, 3, 1] = math.inf if self.calls >= 9 else 0.0
        return (output + spoilt)[:, None]


def test_a_loss_that_is_not_finite_names_the_sample_of_its_piece(
    unvalidated_advection, fit, tmp_path, monkeypatch
) -> None:
    """Step 3 makes calls 7 to 9; when it is made again, each piece is infinite, and the first one is named."""
    monkeypatch.setattr(type(unvalidated_advection), "new_model", lambda _self: Infinite())
    with pytest.raises(DataError, match=r"the training loss is inf at step 3 .*variable `q`, sample .*, node 3"):
        fit(unvalidated_advection, tmp_path, batch_size=2, accumulate=3)


def test_a_batch_is_cut_in_runs_of_samples() -> None:
    values = torch.arange(7.0)[:, None, None, None]
    batch = Batch(values, torch.zeros(7, 1, 1, dtype=torch.bool), ReadingCost(), tuple(range(7)))
    pieces = pieces_of(batch, 3)
    assert [piece.samples for piece in pieces] == [(0, 1), (2, 3), (4, 5, 6)]
    assert [piece.values.flatten().tolist() for piece in pieces] == [[0, 1], [2, 3], [4, 5, 6]]
    assert [len(piece.imputed) for piece in pieces] == [2, 2, 3]
    assert len(pieces_of(batch, 10)) == 7


@pytest.mark.parametrize(("how", "expected"), [(None, 0.1), ("samples", 1.2), ("root", 0.1 * math.sqrt(12))])
def test_the_learning_rate_may_be_that_of_a_sample(how, expected) -> None:
    options = {"batch_size": 4, "accumulate": 3, "learning_rate": 0.1, "scale_learning_rate": how}
    trainer = LightningTrainer(**parse_options(LightningTrainer, options, "training"))
    assert trainer.peak_learning_rate == pytest.approx(expected)


def test_a_scaled_learning_rate_is_that_of_the_history(advection, fit, tmp_path) -> None:
    fit(advection, tmp_path, batch_size=2, learning_rate=0.01, scale_learning_rate="samples", schedule="constant")
    rows = (tmp_path / "history.csv").read_text().splitlines()
    assert float(rows[-1].split(",")[3]) == pytest.approx(0.02)


def test_the_plan_counts_the_samples_of_all_pieces_and_the_activations_of_one() -> None:
    one, several = (LightningTrainer(accelerator="cpu", batch_size=4, accumulate=count).memory() for count in (1, 3))
    assert several.batch_size == one.batch_size == 4
    assert 1 + several.batches_held == 3 * (1 + one.batches_held)


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "loss"), [("ddp", "rmse"), pytest.param("fsdp", "two", marks=LONG)])
def test_pieces_in_several_processes_make_the_step_of_one(monkeypatch, tmp_path, strategy, loss) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    world = import_module("ranks_world")
    options = {"loss": LOSSES[loss], "optimizer": "sgd", "learning_rate": 0.01, "validation_every": 50, "max_steps": 6}
    options |= {"spikes": {"window": 3, "factor": 1.2}}
    made = world.experiment(world.Gappy)
    whole, losses = weights_and_losses(world.fit(made, tmp_path / "one", batch_size=6, **options))
    split = {"batch_size": 2, "accumulate": 3, "devices": 2, "strategy": strategy}
    pieces, same = weights_and_losses(world.fit(made, tmp_path / "several", **split, **options))
    assert same == pytest.approx(losses, rel=1e-6)
    for name, weight in whole.items():
        torch.testing.assert_close(pieces[name], weight, rtol=1e-6, atol=1e-7)
