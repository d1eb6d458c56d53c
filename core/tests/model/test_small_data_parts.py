"""Parts of models of few data: a residual that forgets, and a network that reads changes alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from wxml.data.statistics import Statistics
from wxml.experiment.assembling import assemble
from wxml.model.residual import OrnsteinUhlenbeck

Configure = Callable[..., Any]


def statistics(mean: list[float], std: list[float], change: list[float]) -> Statistics:
    """Of variables a, b, …; the extremes do not matter."""
    zero = np.zeros(len(mean))
    names = tuple("abcdef"[: len(mean)])
    return Statistics(names, np.array(mean), np.array(std), zero, zero, np.array(change))


def test_a_state_is_drawn_to_the_mean_by_hand() -> None:
    """σ = 2 and s = 2: ρ = 1 − 4 / 8 = 0.5, so 5 is 3 + 2, then 3 + 1, then 3 + 0.5."""
    residual = OrnsteinUhlenbeck(statistics([3.0], [2.0], [2.0]), [1, 2, 3], 0)
    states = torch.tensor([[[[9.0]], [[7.0]]]])
    assert residual(states)[0, :, 0, 0].tolist() == [5.0, 4.0, 3.5]


def test_what_never_changes_persists_and_what_jumps_is_the_mean() -> None:
    """A diagnostic variable, which is no input, has 0."""
    residual = OrnsteinUhlenbeck(statistics([1.0, 1.0, 1.0], [0.0, 2.0, 1.0], [0.0, 0.0, 1.9]), [1, 2], 1)
    forecast = residual(torch.full((1, 1, 1, 3), 4.0))
    assert forecast[0, :, 0].tolist() == [[4.0, 4.0, 1.0, 0.0]] * 2


def test_it_is_the_best_damping_of_a_process_that_forgets() -> None:
    """A series with correlation 0.9: no other factor has a smaller error after one step and after five."""
    draw = np.random.default_rng(0)
    series = np.zeros(200_000)
    for t, shock in enumerate(draw.standard_normal(len(series) - 1)):
        series[t + 1] = 0.9 * series[t] + shock
    known = statistics([series.mean()], [series.std()], [np.sqrt(np.mean(np.diff(series) ** 2))])
    kept = OrnsteinUhlenbeck(known, range(1, 6), 0).kept[:, 0, 0].numpy()
    for step in (1, 5):
        best = np.polyfit(series[:-step], series[step:], 1)[0]
        assert kept[step - 1] == pytest.approx(best, abs=5e-3)


def test_a_model_begins_from_it(tiny: Configure) -> None:
    """The rollout of a model whose decoder gives nothing is that of the residual, across calls of several steps."""
    experiment = assemble(tiny({"model.residual": "ornstein", "data.output_steps": 2}))
    model = experiment.new_model()
    states = torch.randn(1, 2, len(experiment.source.header.grid), 2)
    assert model.residual(states).shape == (1, 2, states.shape[2], 2)
    forcings = torch.zeros(1, 2, states.shape[2], len(experiment.roles.forcing))
    assert model(states, forcings).shape == (1, 2, states.shape[2], 2)
    twice = model.residual(model.residual(states))[:, 0]
    kept = model.residual.get_buffer("kept")
    torch.testing.assert_close(twice, kept[0] * kept[1] * states[:, -1])


def test_without_the_last_state_a_level_changes_nothing(tiny: Configure) -> None:
    """The same changes from 5 higher give the same increments; with the last state they do not."""
    for reads, means, equal in ((False, False, True), (False, True, True), (True, False, False)):
        experiment = assemble(tiny({"model.input_last_state": reads, "model.input_means": means}))
        features = experiment.new_model().grid_features
        states = torch.randn(1, 2, len(experiment.source.header.grid), 2)
        forcings = torch.zeros(1, 2, states.shape[2], len(experiment.roles.forcing))
        same = torch.allclose(features(states, forcings), features(states + 5, forcings), atol=1e-4)
        assert same is equal


@pytest.mark.carries_out("set `data.input_steps` to 2 or more, or leave `input_last_state` out")
def test_one_state_has_no_change(tiny: Configure) -> None:
    with pytest.raises(ValidationError, match="leaves the changes between the input states, and there is one"):
        assemble(tiny({"model.input_last_state": False, "data.input_steps": 1}))
    assemble(tiny({"model.input_last_state": False, "data.input_steps": 2})).new_model()
    assemble(tiny({"data.input_steps": 1})).new_model()


@pytest.mark.carries_out("leave one of the two out")
def test_values_without_the_last_one_are_refused(tiny: Configure) -> None:
    wrong = {"model.input_last_state": False, "model.input_tendencies": False}
    with pytest.raises(ValidationError, match="got `input_tendencies: false` as well"):
        assemble(tiny(wrong))
    assemble(tiny({"model.input_last_state": False})).new_model()
    assemble(tiny({"model.input_tendencies": False})).new_model()


@pytest.mark.carries_out("leave one of the two out")
def test_means_of_what_are_no_changes_are_refused(tiny: Configure) -> None:
    wrong = {"model.input_means": True, "model.input_tendencies": False}
    with pytest.raises(ValidationError, match="reads the means of changes, got `input_tendencies: false`"):
        assemble(tiny(wrong))
    assemble(tiny({"model.input_means": True})).new_model()
