"""Muon for matrices of linear layers, AdamW for the rest, as one optimizer."""

import math

import pytest
import torch
from torch import nn
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.errors import ConfigError
from wxml_trainer_lightning.optimizers import make_optimizer


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 20), nn.LayerNorm(20), nn.Linear(20, 3))


def step(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    inputs = torch.randn(64, 12, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    model(inputs).square().sum().backward()
    optimizer.step()


def test_muon_moves_matrices_along_all_their_directions_alike() -> None:
    """Newton–Schulz brings all singular values of the step near one: 0.7 to 1.2 for the published coefficients.

    The factor 0.2 √max(rows, columns) makes the root mean square of the step that of AdamW, about 0.2 of the rate.
    """
    model = network()
    before = model[0].weight.detach().clone()
    optimizer = make_optimizer(model, "muon", weight_decay=0.0)
    for group in optimizer.param_groups:
        group["lr"] = 1e-2
    step(model, optimizer, seed=1)
    moved = torch.linalg.svdvals(before - model[0].weight.detach()) / (1e-2 * 0.2 * math.sqrt(20))
    assert float(moved.min()) > 0.5
    assert float(moved.max()) < 1.3


def test_the_rest_moves_as_with_adamw() -> None:
    models, names = (network(), network()), ("adamw", "muon")
    for model, name in zip(models, names, strict=True):
        optimizer = make_optimizer(model, name, weight_decay=0.1)
        for group in optimizer.param_groups:
            group["lr"] = 1e-2
        step(model, optimizer, seed=1)
    for by_adamw, by_muon in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(by_adamw, by_muon) == (by_adamw.ndim == 1)


def test_every_weight_belongs_to_one_part() -> None:
    class Tied(nn.Module):
        """Two layers of one matrix, and a table of features that is no layer."""

        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.zeros(5, 4))
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
            self.second.weight = self.first.weight

    model = Tied()
    groups = make_optimizer(model, "muon", weight_decay=0.1).param_groups
    held = [weight for group in groups for weight in group["params"]]
    assert sorted(map(id, held)) == sorted(map(id, model.parameters()))
    assert [tuple(weight.shape) for weight in groups[0]["params"]] == [(4, 4)]


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_saved_state_goes_on_as_if_nothing_had_happened(name) -> None:
    unbroken, broken = network(), network()
    straight = make_optimizer(unbroken, name, weight_decay=0.1)
    for seed in range(6):
        step(unbroken, straight, seed)
    first = make_optimizer(broken, name, weight_decay=0.1)
    for seed in range(3):
        step(broken, first, seed)
    second = make_optimizer(broken, name, weight_decay=0.1)
    second.load_state_dict(first.state_dict())
    for seed in range(3, 6):
        step(broken, second, seed)
    assert all(map(torch.equal, unbroken.parameters(), broken.parameters()))


def test_a_training_with_muon_learns_and_resumes_bit_by_bit(noisy_advection, fit, tmp_path) -> None:
    options = {"optimizer": "muon", "max_steps": 12, "checkpoint_every": 5, "validation_every": 4}
    whole = fit(noisy_advection, tmp_path / "whole", **options)
    with pytest.raises(KeyboardInterrupt):
        _interrupted(fit, noisy_advection, tmp_path / "broken", options)
    resumed = fit(noisy_advection, tmp_path / "broken", resume=True, **options)
    assert resumed.read_bytes() == whole.read_bytes()
    start = noisy_advection.new_model().layer.weight
    assert not torch.allclose(load_checkpoint(whole).weights["layer.weight"], start)


def _interrupted(fit, experiment, run_dir, options) -> None:
    """Stops a training by the keyboard while the batch of its eighth step is read, or one near it."""
    from wxml.testing import TravellingWaves

    read, calls = TravellingWaves._read, []

    def read_or_stop(self, *args):
        calls.append(None)
        if len(calls) == 11:
            raise KeyboardInterrupt
        return read(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TravellingWaves, "_read", read_or_stop)
        fit(experiment, run_dir, **options)


@pytest.mark.carries_out("choose adamw, or install a newer torch")
def test_a_torch_without_muon_is_named(monkeypatch) -> None:
    with monkeypatch.context() as older:
        older.delattr(torch.optim, "Muon")
        with pytest.raises(ConfigError, match=r"needs torch 2\.9"):
            make_optimizer(network(), "muon", weight_decay=0.1)
        make_optimizer(network(), "adamw", weight_decay=0.1)
    make_optimizer(network(), "muon", weight_decay=0.1)
