"""Models that forecast several steps at once, and models that draw noise in every forward pass."""

import csv

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from wxml.artefacts.checkpoint import load_checkpoint
from wxml_trainer_lightning.batches import sample_indices
from wxml_trainer_lightning.rollout import Rollout


class Growth(nn.Module):
    """Two steps at once: the last state times a, and times b; with a noise of deviation `noise`."""

    def __init__(self, noise: float) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(0.5)), nn.Parameter(torch.tensor(-2.0))
        self.noise = noise

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        last = states[:, -1]
        return torch.stack([self.a * last, self.b * last], dim=1) + self.noise * torch.randn(len(states), 2, 1, 1)


@pytest.fixture
def grow(advection, monkeypatch):
    """Makes an experiment of waves whose model is `Growth`."""

    def grow(noise: float = 0.0):
        monkeypatch.setattr(type(advection), "new_model", lambda _self: Growth(noise))
        data = advection.config.data.model_copy(update={"output_steps": 2})
        config = advection.config.model_copy(update={"data": data})
        monkeypatch.setattr(type(advection), "config", config)
        return advection

    return grow


def column(run_dir, name: str) -> list[str]:
    with (run_dir / "history.csv").open() as file:
        return [row[name] for row in csv.DictReader(file)]


def test_a_rollout_covers_all_steps_of_a_model() -> None:
    assert Rollout(start=1, maximum=1).at_least(3) == Rollout(start=3, maximum=3)
    assert Rollout(start=1, maximum=5, begin=0.2).at_least(2) == Rollout(start=2, maximum=5, begin=0.2)
    assert Rollout(start=4, maximum=5).at_least(2) == Rollout(start=4, maximum=5)


def test_the_loss_is_taken_over_both_steps_and_over_those_that_follow(grow, fit, tmp_path) -> None:
    """From x₀ the model makes a x₀ and b x₀; from the last of these a b x₀, and one more that has no truth."""
    experiment = grow()
    area, scale = (
        experiment.source.header.grid.area_weights,
        experiment.tendency_scale,
    )
    for steps, factors in ((1, [0.5, -2.0]), (2, [0.5, -2.0]), (3, [0.5, -2.0, -1.0])):
        run_dir = tmp_path / str(steps)
        fit(experiment, run_dir, max_steps=1, rollout={"start": steps, "maximum": steps}, batch_size=2)
        samples = experiment.samples("training", len(factors))
        errors = []
        for index in sample_indices(0, 0, 2, len(samples)):
            states = np.swapaxes(samples[index], 1, 2)[:, :, :2]
            for number, factor in enumerate(factors):
                error = (factor * states[1] - states[2 + number]) / scale
                errors.append((area[:, None] * error**2).sum() / 2)
        assert float(column(run_dir, "training_loss")[0]) == pytest.approx(np.mean(errors), rel=1e-5)
        assert column(run_dir, "rollout") == [str(len(factors))]


def test_both_steps_are_learned(grow, fit, tmp_path) -> None:
    """The best factors are ⟨x₀ x_n⟩ / ⟨x₀²⟩: for a wave the cosine of how far it travels."""
    path = fit(
        grow(),
        tmp_path / "run",
        max_steps=200,
        learning_rate=0.1,
        weight_decay=0,
        loss_weights={"by-variable": {"weights": {"q": 0}}},
    )
    weights = load_checkpoint(path).weights
    turn = 2 * np.pi * 6 / 48
    assert weights["a"].item() == pytest.approx(np.cos(turn), abs=0.02)
    assert weights["b"].item() == pytest.approx(np.cos(2 * turn), abs=0.02)


def test_validation_draws_the_same_noise_every_time(grow, fit, tmp_path) -> None:
    options = {"validation_every": 1, "max_steps": 4, "learning_rate": 1e-30, "weight_decay": 0}
    fit(grow(noise=0.3), tmp_path / "run", **options)
    assert len(set(column(tmp_path / "run", "validation_loss"))) == 1
    assert len(set(column(tmp_path / "run", "training_loss"))) == 4


def test_trainings_with_noise_give_the_same_file(grow, fit, tmp_path) -> None:
    paths = []
    for number in (1, 2):
        torch.manual_seed(number)
        paths.append(fit(grow(noise=0.3), tmp_path / str(number), validation_every=5, rollout={"maximum": 3}))
    assert paths[0].read_bytes() == paths[1].read_bytes()
