"""Noise: how it enters the model, and members that it makes differ, always in the same way."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from wxml import ConfigError, DataError
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.forecasting.ensemble import Ensemble
from wxml.forecasting.rollout import rollout
from wxml.model.noise import Noise, seeded_noise

NOISY = {"model.noise": {"channels": 3, "how": "inject"}}
CONDITIONED = {"model.noise": {"channels": 3}, "model.processor": {"plugin": "conditioned"}}


def inputs(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, 2, 48, 2, generator=generator), torch.zeros(batch, 2, 48, 0)


def stirred(experiment: Experiment) -> torch.nn.Module:
    """A model whose weights are no longer those at which noise has no effect."""
    model, generator = experiment.new_model(), torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=generator))
    return model


def test_the_embedding_by_hand() -> None:
    noise = Noise(channels=2, hidden=3, standard_deviation=0.5).double()
    normal, mesh = torch.randn(1, 4, 2, dtype=torch.float64), torch.randn(1, 4, 5, dtype=torch.float64)
    first, _, second, _ = noise.network
    hidden = 0.5 * normal @ first.weight.T + first.bias
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / np.sqrt(2)))
    embedded = hidden @ second.weight.T + second.bias
    mean, variance = embedded.mean(-1, keepdim=True), embedded.var(-1, unbiased=False, keepdim=True)
    state, condition = noise(mesh, normal)
    assert state is mesh
    torch.testing.assert_close(condition, (embedded - mean) / torch.sqrt(variance + 1e-5))


def test_injected_noise_starts_as_the_identity_and_learns() -> None:
    noise, mesh = Noise(channels=2, hidden=3, standard_deviation=1.0, inject_into=5), torch.randn(2, 4, 5)
    state, condition = noise(mesh)
    assert condition is None
    torch.testing.assert_close(state, mesh)
    state.sum().backward()
    assert noise.projection.weight.grad[:, 5:].abs().min() > 0


def test_injected_noise_is_a_linear_map_of_state_and_noise() -> None:
    noise, mesh = Noise(channels=2, hidden=3, standard_deviation=1.0, inject_into=5), torch.randn(2, 4, 5)
    with torch.no_grad():
        noise.projection.weight[:, 5:] = 1
    normal = torch.randn(2, 4, 2)
    embedded = noise.network(normal)
    torch.testing.assert_close(noise(mesh, normal)[0], mesh + embedded.sum(-1, keepdim=True))


@pytest.mark.parametrize("changes", [NOISY, CONDITIONED], ids=["inject", "condition"])
def test_a_fresh_model_ignores_its_noise_and_a_trained_one_does_not(tiny, changes) -> None:
    experiment = assemble(tiny(changes))
    for model, differs in ((experiment.new_model(), False), (stirred(experiment), True)):
        one, two = (model(*inputs()) for _ in range(2))
        assert torch.allclose(one, two, atol=1e-5) is not differs


@pytest.mark.parametrize("changes", [NOISY, CONDITIONED], ids=["inject", "condition"])
def test_noise_that_is_given_decides_the_forecast(tiny, changes) -> None:
    model = stirred(assemble(tiny(changes)))
    normal = torch.randn(2, 12, 3)
    one = model(*inputs(), normal)
    torch.manual_seed(77)
    assert torch.equal(model(*inputs(), normal), one)
    other = model(*inputs(), normal * torch.tensor([1.0, -1.0])[:, None, None])
    torch.testing.assert_close(other[0], one[0])
    assert not torch.allclose(other[1], one[1], atol=1e-3)


def test_drawn_noise_is_that_of_torchs_seed(tiny) -> None:
    model = stirred(assemble(tiny(NOISY)))
    outputs = []
    for seed in (4, 4, 5):
        torch.manual_seed(seed)
        outputs.append(model(*inputs()))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2], atol=1e-3)


def test_noise_of_an_item_depends_on_its_own_seed_alone() -> None:
    together = list(itertools.islice(seeded_noise([7, 8, 9], 40, 30), 3))
    alone = list(itertools.islice(seeded_noise([8], 40, 30), 3))
    for both, one in zip(together, alone, strict=True):
        assert torch.equal(both[1], one[0])
    values = torch.stack(together).double()
    assert values.mean().item() == pytest.approx(0, abs=0.03)
    assert values.std().item() == pytest.approx(1, abs=0.03)
    flat = torch.stack(together).transpose(0, 1).flatten(1)
    assert torch.corrcoef(torch.cat([flat, flat.roll(1200, dims=1)])).triu(1).abs().max() < 0.1


@given(st.floats(0, 1))
def test_numbers_of_later_calls_correlate_as_a_power_of_the_correlation(correlation: float) -> None:
    calls = torch.stack(list(itertools.islice(seeded_noise([3, 4], 200, 10, correlation), 4))).double().flatten(1)
    assert calls.std(1).tolist() == pytest.approx([1] * 4, abs=0.06)
    found = torch.corrcoef(calls)[0].tolist()
    assert found == pytest.approx([1, correlation, correlation**2, correlation**3], abs=0.08)


def test_numbers_with_the_correlation_one_stay() -> None:
    first, second = itertools.islice(seeded_noise([5], 3, 4, 1.0), 2)
    assert torch.equal(first, second)


# Forecasts


def members(
    experiment: Experiment, indices: list[int], steps: int = 3, *, members: int, batch_size: int = 8, **choice: object
) -> dict[tuple, np.ndarray]:
    times, ensemble = experiment.source.header.times[indices], Ensemble(members, experiment.source.header.members)
    options = {"batch_size": batch_size, "ensemble": replace(ensemble, **choice)}
    fields = rollout(experiment, stirred(experiment), times, steps, **options)
    return {(str(field.valid_time - lead), str(lead)): field.values for lead, field in fields}


@pytest.mark.parametrize("changes", [NOISY, CONDITIONED], ids=["inject", "condition"])
def test_members_differ_and_are_the_same_again(tiny, changes) -> None:
    experiment = assemble(tiny(changes))
    one = members(experiment, [3, 9], members=3)
    torch.manual_seed(99)
    again = members(experiment, [3, 9], members=3)
    for key, values in one.items():
        assert values.shape == (3, 2, 48)
        np.testing.assert_array_equal(again[key], values)
        assert len(np.unique(values[:, 0, 0])) == 3
    other = members(assemble(tiny({**changes, "seed": 8})), [3], members=3)
    assert all(not np.allclose(values, one[key], rtol=1e-5) for key, values in other.items())


def test_noise_depends_neither_on_the_batch_nor_on_the_number_of_members(tiny) -> None:
    experiment = assemble(tiny({**NOISY, "data.source": {"plugin": "waves", "members": 2}}))
    many = members(experiment, [3, 9, 11], members=3, batch_size=8)
    few = members(experiment, [9, 11], members=2, batch_size=1)
    for key, values in few.items():
        assert values.shape == (4, 2, 48)  # the first member of the state comes first
        np.testing.assert_array_equal(values, many[key][[0, 1, 3, 4]])


def test_members_without_noise_are_refused(tiny) -> None:
    experiment = assemble(tiny())
    with pytest.raises(DataError, match="`members` must be 1 for a model without noise"):
        next(rollout(experiment, experiment.new_model(), experiment.source.header.times[[3]], 1, ensemble=Ensemble(2)))
    with pytest.raises(ValueError, match=r"`members` must be 1 for a model without noise.*\n.*model.noise"):
        tiny({"forecast": {"members": 2}})
    assert tiny({**NOISY, "forecast": {"members": 2}}).config.forecast.members == 2


# What a config chooses


def test_a_processor_that_takes_no_condition_is_refused_with_those_that_do(tiny) -> None:
    with pytest.raises(
        ConfigError, match=r"'mixing' takes no noise .* that do: conditioned \(model.noise.how\)"
    ) as raised:
        assemble(tiny({"model.noise": {}})).new_model()
    assert "how: inject" in raised.value.fix


def test_a_processor_that_takes_a_condition_works_without_noise(tiny) -> None:
    model = assemble(tiny({"model.processor": {"plugin": "conditioned"}})).new_model()
    assert torch.equal(model(*inputs()), model(*inputs()))
    assert not any("noise" in name or "shift" in name for name in model.state_dict())


def test_the_sizes_are_the_configured_ones(tiny) -> None:
    noise = {"channels": 5, "hidden": 7, "standard_deviation": 2.5}
    model = assemble(tiny({**CONDITIONED, "model.noise": noise})).new_model()
    assert model.noise.network[0].weight.shape == (7, 5)
    assert model.noise.standard_deviation == 2.5
    assert model.processor.norm.shift.weight.shape == (8, 5)
