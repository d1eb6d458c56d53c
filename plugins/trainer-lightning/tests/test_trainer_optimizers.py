"""Each optimizer against its formula or torch, in float64; parts of a model with options of their own."""

import math
import os
from importlib import import_module
from pathlib import Path

import pytest
import torch
from torch import nn
from wxml import create
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.errors import ArtefactError, ConfigError
from wxml_trainer_lightning.optimisation import FACTOR, Optimisation, freeze, make_optimizer, moments_of
from wxml_trainer_lightning.optimizers.ademamix_rule import Mixture
from wxml_trainer_lightning.optimizers.muon import Muon
from wxml_trainer_lightning.options import Part

RATE, STEPS = 1e-2, 40


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(12, 20), nn.LayerNorm(20), nn.Linear(20, 3))


def made(model: nn.Module, name: str, weight_decay: float = 0.1, **options: object) -> torch.optim.Optimizer:
    optimizer = make_optimizer(model, Optimisation(create("optimizer", name, options), weight_decay, STEPS))
    for group in optimizer.param_groups:
        group["lr"] = RATE
    return optimizer


def step(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
    inputs = torch.randn(64, 12, generator=torch.Generator().manual_seed(seed)).to(model[0].weight.dtype)
    optimizer.zero_grad()
    model(inputs).square().mean().backward()
    optimizer.step()


# Each rule, for one number whose gradient is its own sine


def path_of(name: str, decay: float, **options: object) -> list[float]:
    """The values of one weight with the gradient sin(3 θ) + 0.2, step by step."""
    weight = nn.Parameter(torch.tensor([[1.5]], dtype=torch.float64))
    model = nn.Module()
    model.register_parameter("weight", weight)
    optimizer = made(model, name, decay, **options)
    values = []
    for _ in range(STEPS):
        weight.grad = torch.sin(3 * weight.detach()) + 0.2
        optimizer.step()
        values.append(weight.item())
    return values


def gradient(value: float) -> float:
    return math.sin(3 * value) + 0.2


def adamw(decay: float, beta1: float = 0.9, beta2: float = 0.95) -> list[float]:
    value, mean, square, values = 1.5, 0.0, 0.0, []
    for t in range(1, STEPS + 1):
        g = gradient(value)
        mean, square = beta1 * mean + (1 - beta1) * g, beta2 * square + (1 - beta2) * g * g
        update = mean / (1 - beta1**t) / (math.sqrt(square / (1 - beta2**t)) + 1e-8)
        value -= RATE * (update + decay * value)
        values.append(value)
    return values


def ademamix(decay: float, alpha: float = 8.0, warmup: int = STEPS) -> list[float]:
    """Algorithm 1 and equation 3 of Pagliardini et al. 2024, word for word."""
    beta1, beta2, beta3 = 0.9, 0.999, 0.9999
    value, m1, m2, nu, values = 1.5, 0.0, 0.0, 0.0, []
    for t in range(1, STEPS + 1):
        alpha_t, beta3_t = alpha, beta3
        if warmup:
            alpha_t = min(t * alpha / warmup, alpha)
            share = t / warmup
            product = math.log(beta1) * math.log(beta3)
            beta3_t = min(math.exp(product / ((1 - share) * math.log(beta3) + share * math.log(beta1))), beta3)
        g = gradient(value)
        m1, m2 = beta1 * m1 + (1 - beta1) * g, beta3_t * m2 + (1 - beta3_t) * g
        nu = beta2 * nu + (1 - beta2) * g * g
        update = (m1 / (1 - beta1**t) + alpha_t * m2) / (math.sqrt(nu / (1 - beta2**t)) + 1e-8)
        value -= RATE * (update + decay * value)
        values.append(value)
    return values


def lion(decay: float) -> list[float]:
    value, mean, values = 1.5, 0.0, []
    for _ in range(STEPS):
        g = gradient(value)
        value -= RATE * (math.copysign(1.0, 0.9 * mean + 0.1 * g) + decay * value)
        mean = 0.99 * mean + 0.01 * g
        values.append(value)
    return values


def sgd(decay: float, momentum: float, *, nesterov: bool) -> list[float]:
    value, velocity, values = 1.5, 0.0, []
    for t in range(STEPS):
        g = gradient(value) + decay * value
        velocity = momentum * velocity + g if t else g
        value -= RATE * (g + momentum * velocity if nesterov else velocity)
        values.append(value)
    return values


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("adamw", {}, adamw),
        ("adamw", {"betas": [0.5, 0.999]}, lambda decay: adamw(decay, 0.5, 0.999)),
        ("ademamix", {}, ademamix),
        ("ademamix", {"alpha": 3.0, "warmup": 0.5}, lambda decay: ademamix(decay, 3.0, STEPS // 2)),
        ("ademamix", {"warmup": 0.0}, lambda decay: ademamix(decay, 8.0, 0)),
        ("lion", {}, lion),
        ("sgd", {}, lambda decay: sgd(decay, 0.9, nesterov=False)),
        ("sgd", {"momentum": 0.0}, lambda decay: sgd(decay, 0.0, nesterov=False)),
        ("sgd", {"nesterov": True}, lambda decay: sgd(decay, 0.9, nesterov=True)),
    ],
)
def test_every_rule_follows_its_recursion(name, options, expected, decay) -> None:
    assert path_of(name, decay, **options) == pytest.approx(expected(decay), rel=1e-12)


def test_ademamix_without_a_slow_mean_is_adamw() -> None:
    assert path_of("ademamix", 0.1, alpha=0.0) == pytest.approx(adamw(0.1, 0.9, 0.999), rel=1e-12)


def test_the_slow_mean_has_a_half_life_that_rises_linearly() -> None:
    """The half-life of β is ln ½ / ln β steps: that of 0.9 at first, that of 0.9999 at the end."""
    mixture = Mixture((0.9, 0.999, 0.9999), 8.0, 1000, 1e-8)

    def half_life(step: int) -> float:
        return math.log(0.5) / math.log(mixture.slow_beta_at(step))

    first, last = math.log(0.5) / math.log(0.9), math.log(0.5) / math.log(0.9999)
    for t in (1, 250, 500, 999, 1000, 2000):
        assert half_life(t) == pytest.approx(first + min(1, t / 1000) * (last - first))
    assert mixture.alpha_at(250) == 2.0
    assert mixture.alpha_at(5000) == 8.0


# Muon


def test_muon_moves_matrices_along_all_their_directions_alike() -> None:
    """Newton–Schulz brings all singular values of the step near one: 0.7 to 1.2 for the published coefficients.

    The factor 0.2 √max(rows, columns) makes the root mean square of the step that of AdamW, about 0.2 of the rate.
    """
    model = network()
    before = model[0].weight.detach().clone()
    step(model, made(model, "muon", 0.0), seed=1)
    moved = torch.linalg.svdvals(before - model[0].weight.detach()) / (RATE * 0.2 * math.sqrt(20))
    assert float(moved.min()) > 0.5
    assert float(moved.max()) < 1.3


def test_the_rest_moves_as_with_adamw() -> None:
    models, names = (network(), network()), ("adamw", "muon")
    for model, name in zip(models, names, strict=True):
        step(model, made(model, name), seed=1)
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
    groups = made(model, "muon").param_groups
    held = [weight for group in groups for weight in group["params"]]
    assert sorted(map(id, held)) == sorted(map(id, model.parameters()))
    assert [tuple(weight.shape) for weight in groups[0]["params"]] == [(4, 4)]


@pytest.mark.parametrize("options", [{}, {"nesterov": False}, {"momentum": 0.5}])
def test_a_torch_without_muon_has_the_same_steps_to_the_bit(monkeypatch, options: dict[str, object]) -> None:
    models = [network(), network()]
    for model in models:
        model.load_state_dict(models[0].state_dict())
    by_torch = made(models[0], "muon", 0.1, **options)
    with monkeypatch.context() as older:
        older.delattr(torch.optim, "Muon")
        by_us = made(models[1], "muon", 0.1, **options)
    for seed in range(3):
        step(models[0], by_torch, seed=seed)
        step(models[1], by_us, seed=seed)
    for theirs, ours in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(theirs, ours)
    assert [{*state} for state in by_us.state.values()] == [{*state} for state in by_torch.state.values()]


@pytest.mark.carries_out("set `momentum`, or leave `nesterov` out")
def test_nesterov_needs_a_momentum() -> None:
    with pytest.raises(ConfigError, match="needs a `momentum` above 0, got 0"):
        made(network(), "sgd", momentum=0.0, nesterov=True)
    made(network(), "sgd", momentum=0.5, nesterov=True)
    made(network(), "sgd", momentum=0.0)


# States


@pytest.mark.parametrize("name", ["adamw", "muon", "ademamix", "lion", "sgd"])
def test_a_saved_state_goes_on_as_if_nothing_had_happened(name) -> None:
    unbroken, broken = network(), network()
    straight = made(unbroken, name)
    for seed in range(6):
        step(unbroken, straight, seed)
    first = made(broken, name)
    for seed in range(3):
        step(broken, first, seed)
    optimisation = Optimisation(create("optimizer", name, {}), 0.1, STEPS)
    second = make_optimizer(broken, optimisation, moments_of(broken, first))
    for group in second.param_groups:
        group["lr"] = RATE
    for seed in range(3, 6):
        step(broken, second, seed)
    assert all(map(torch.equal, unbroken.parameters(), broken.parameters()))


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_state_with_numbers_is_that_of_an_earlier_version(name) -> None:
    """It numbered Muon's matrices first, then other weights with two axes or more, then the rest."""
    model = nn.Sequential(nn.LayerNorm(12), nn.Linear(12, 20), nn.LayerNorm(20), nn.Linear(20, 3))
    model.register_parameter("table", nn.Parameter(torch.ones(2, 2)))
    optimizer = made(model, name)
    inputs = torch.randn(64, 12, generator=torch.Generator().manual_seed(1))
    (model(inputs).square().sum() * model.table.sum()).backward()
    optimizer.step()
    names = [name for name, _ in model.named_parameters()]
    matrices = ["1.weight", "3.weight"]
    vectors = [name for name in names if name not in ("table", *matrices)]
    assert names[0] == "table"
    former = ["table", *matrices, *vectors] if name == "adamw" else [*matrices, "table", *vectors]
    now = moments_of(model, optimizer)
    numbered = {f"{former.index(key.rpartition('/')[0])}/{key.rpartition('/')[2]}": now[key] for key in now}
    assert len(numbered) == len(now)
    optimisation = Optimisation(create("optimizer", name, {}), 0.1, STEPS)
    again = moments_of(model, make_optimizer(model, optimisation, numbered))
    assert again.keys() == now.keys()
    assert all(torch.equal(again[key], now[key]) for key in now)


@pytest.mark.parametrize("name", ["muon", "ademamix", "lion", "sgd"])
def test_a_training_learns_and_resumes_bit_by_bit(noisy_advection, fit, interrupted, tmp_path, name) -> None:
    options = {"optimizer": name, "max_steps": 12, "checkpoint_every": 5, "validation_every": 4}
    whole = fit(noisy_advection, tmp_path / "whole", **options)
    interrupted(noisy_advection, tmp_path / "broken", **options)
    resumed = fit(noisy_advection, tmp_path / "broken", resume=True, **options)
    assert resumed.read_bytes() == whole.read_bytes()
    start = noisy_advection.new_model().layer.weight
    assert not torch.allclose(load_checkpoint(whole).weights["layer.weight"], start)


def test_another_optimizer_does_not_resume_it(noisy_advection, fit, interrupted, tmp_path) -> None:
    options = {"max_steps": 12, "checkpoint_every": 5}
    interrupted(noisy_advection, tmp_path / "run", **options)
    with pytest.raises(ArtefactError, match=r"training\.optimizer\.plugin: was \"wxml-trainer-lightning:adamw\""):
        fit(noisy_advection, tmp_path / "run", resume=True, optimizer="lion", **options)


# Parts


class Parts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
        self.processor, self.decoder = nn.Linear(4, 4), nn.Linear(4, 4)


def in_parts(**parts: Part) -> Optimisation:
    return Optimisation(Muon(), 0.1, STEPS, parts)


def test_parts_have_rates_and_decays_of_their_own_and_the_smallest_counts() -> None:
    model = Parts()
    parts = {
        "encoder": Part(learning_rate_factor=0.1, weight_decay=0.0),
        "encoder.1": Part(learning_rate_factor=2.0),
        "decoder": Part(frozen=True),
    }
    optimisation = Optimisation(Muon(), 0.1, STEPS, parts)
    freeze(model, optimisation)
    optimizer = make_optimizer(model, optimisation)
    names = {id(weight): name for name, weight in model.named_parameters()}
    found = {
        names[id(weight)]: (group[FACTOR], group["weight_decay"])
        for group in optimizer.param_groups
        for weight in group["params"]
    }
    assert found == {
        "encoder.0.weight": (0.1, 0.0),
        "encoder.0.bias": (0.1, 0.0),
        "encoder.1.weight": (2.0, 0.1),
        "encoder.1.bias": (2.0, 0.0),
        "processor.weight": (1.0, 0.1),
        "processor.bias": (1.0, 0.0),
    }


@pytest.mark.carries_out("leave `frozen` out of a part")
def test_a_model_that_is_frozen_as_a_whole_is_refused() -> None:
    model = nn.Module()
    model.encoder = nn.Linear(2, 2)
    optimisation = in_parts(encoder=Part(frozen=True))
    freeze(model, optimisation)
    with pytest.raises(ConfigError, match="there is nothing to train"):
        make_optimizer(model, optimisation)
    make_optimizer(Parts(), in_parts(encoder=Part()))


@pytest.mark.carries_out("write parts of the model ({}), or parts of these")
def test_a_part_that_the_model_lacks_is_named() -> None:
    with pytest.raises(ConfigError, match="the model has no part 'encodr'; did you mean 'encoder'") as caught:
        freeze(Parts(), in_parts(encodr=Part()))
    assert "(encoder, processor, decoder)" in str(caught.value)
    freeze(Parts(), in_parts(encoder=Part()))


def test_a_frozen_part_stays_in_a_training_and_the_rest_resumes(noisy_advection, fit, interrupted, tmp_path) -> None:
    options = {"parts": {"layer.bias": {"frozen": True}}, "max_steps": 12, "checkpoint_every": 5}
    whole = fit(noisy_advection, tmp_path / "whole", **options)
    interrupted(noisy_advection, tmp_path / "broken", **options)
    assert fit(noisy_advection, tmp_path / "broken", resume=True, **options).read_bytes() == whole.read_bytes()
    weights, start = load_checkpoint(whole).weights, noisy_advection.new_model()
    assert torch.equal(weights["layer.bias"], start.layer.bias)
    assert not torch.equal(weights["layer.weight"], start.layer.weight)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("WXML_RANKS"), reason="nox -s ranks")
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
@pytest.mark.parametrize("name", ["muon", "ademamix", "lion", "sgd"])
def test_several_processes_move_weights_as_one(monkeypatch, tmp_path, name, strategy) -> None:
    """Muon adds in bfloat16, and in another order where matrices are divided: a hundredth of the way may differ."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    world = import_module("ranks_world")
    made = world.experiment(world.Plain)
    options = {"optimizer": name, "max_steps": 6, "learning_rate": 0.01, "swa": {"start": 2}, "validation_every": 2}
    options |= {"schedule": {"plugin": "plateau", "patience": 0}}
    one = load_checkpoint(world.fit(made, tmp_path / "one", **options)).weights
    several = load_checkpoint(world.fit(made, tmp_path / "two", devices=2, strategy=strategy, **options)).weights
    start = made.new_model().state_dict()
    close = 1e-2 if (name, strategy) == ("muon", "fsdp") else 1e-4
    for key, weight in one.items():
        assert (several[key] - weight).norm() <= close * (weight - start[key]).norm(), key
