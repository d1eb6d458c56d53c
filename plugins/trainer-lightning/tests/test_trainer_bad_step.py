"""A loss that is not finite ends the training, and the first module, variable and sample are named."""

import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from wxml.errors import DataError
from wxml.testing import TravellingWaves
from wxml_trainer_lightning.batches import sample_indices

STEP = 6
"""The step that goes wrong, counted from 1."""
INNER_FIRST = "the output of `second.1` is the first that is not finite, in call 1 of the model"


class Inner(nn.Module):
    """Makes one value of its output infinite, in its call number `when`: that of sample 2, node 5, variable `q`."""

    def __init__(self, when: int, value: float) -> None:
        super().__init__()
        self.when, self.value, self.calls = when, value, 0

    def forward(self, states):
        self.calls += 1
        if self.calls < self.when:
            return states
        spoilt = torch.zeros_like(states)
        spoilt[2, 5, 1] = self.value
        return states + spoilt


class Layered(nn.Module):
    def __init__(self, when: int, value: float) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.second = nn.Sequential(nn.Identity(), Inner(when, value))

    def forward(self, states, forcings):
        return self.second(self.first(states[:, -1]))[:, None]


def fail(fit, experiment, run_dir, **options) -> str:
    with pytest.raises(DataError) as caught:
        fit(experiment, run_dir, batch_size=4, validation_every=100, **options)
    return caught.value.message


def initial_time(experiment, step: int, place: int) -> str:
    samples = experiment.samples("training", 1)
    index = sample_indices(experiment.config.seed, step - 1, 4, len(samples))[place]
    return str(samples.initial_times[index].astype("datetime64[h]"))


@pytest.mark.parametrize(("value", "loss"), [(float("nan"), "nan"), (float("inf"), "inf")])
def test_the_first_module_variable_and_sample_are_named(
    unvalidated_advection, fit, tmp_path, monkeypatch, value, loss
) -> None:
    monkeypatch.setattr(type(unvalidated_advection), "new_model", lambda _self: Layered(STEP, value))
    message = fail(fit, unvalidated_advection, tmp_path / "run", checkpoint_every=5)
    assert message.startswith(f"the training loss is {loss} at step {STEP} (learning rate ")
    assert (
        "1 forecast steps): the output of `second.1` is the first that is not finite, in call 1 of the model" in message
    )
    time = initial_time(unvalidated_advection, STEP, 2)
    assert re.search(rf"in the forecast, variable `q`, sample {time}[:0-9]*, node 5$", message), message


def test_the_call_of_a_rollout_is_named(unvalidated_advection, fit, tmp_path, monkeypatch) -> None:
    """Step 2 makes calls 4 to 6 of the inner module, and is made once more from call 7 on, which is the first then."""
    monkeypatch.setattr(type(unvalidated_advection), "new_model", lambda _self: Layered(6, float("inf")))
    message = fail(fit, unvalidated_advection, tmp_path / "run", rollout={"start": 3, "maximum": 3})
    assert "at step 2 (" in message
    assert (
        "3 forecast steps): the output of `second.1` is the first that is not finite, in call 1 of the model" in message
    )


def test_weights_and_state_are_those_before_the_step(unvalidated_advection, fit, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(type(unvalidated_advection), "new_model", lambda _self: Layered(STEP, float("nan")))
    fail(fit, unvalidated_advection, tmp_path / "run", checkpoint_every=1)
    state = load_file(tmp_path / "run" / "state.safetensors")
    assert all(bool(torch.isfinite(tensor).all()) for tensor in state.values())
    assert float(state["optimizer/first.weight/step"]) == STEP - 1
    rows = (tmp_path / "run" / "history.csv").read_text().splitlines()
    assert len(rows) == STEP  # the header, and the steps before


class Unlucky(nn.Module):
    """Divides by a random number that is zero once in fifty."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.dice = nn.Linear(2, 2), nn.Identity()

    def forward(self, states, forcings):
        thrown = torch.randint(50, (len(states), 1, 1)) if self.training else torch.ones(())
        return self.dice(self.layer(states[:, -1]) / thrown)[:, None]


def test_the_step_is_made_again_with_the_same_random_numbers(unvalidated_advection, fit, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(type(unvalidated_advection), "new_model", lambda _self: Unlucky())
    for seed in range(3):
        config = unvalidated_advection.config.model_copy(update={"seed": seed})
        object.__setattr__(unvalidated_advection, "config", config)
        message = fail(fit, unvalidated_advection, tmp_path / str(seed), max_steps=200)
        assert "the output of `dice` is the first that is not finite" in message
        assert re.search(r"variable `t`, sample .*, node 0$", message), message


def test_an_infinite_truth_is_named(unvalidated_advection, fit, tmp_path, monkeypatch) -> None:
    read = TravellingWaves._read

    def spoilt(self, time_indices, variable_indices, out) -> None:
        read(self, time_indices, variable_indices, out)
        for row, time in enumerate(time_indices):
            if time == 30:
                out[row, ..., list(variable_indices).index(1), 7] = np.inf

    monkeypatch.setattr(TravellingWaves, "_read", spoilt)
    message = fail(fit, unvalidated_advection, tmp_path / "run", max_steps=100)
    assert re.search(
        r"(the truth is infinite|the first states are not finite): variable `q`, sample .*, node 7$", message
    )


def test_a_sum_that_is_too_large_is_told(unvalidated_advection, fit, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(type(unvalidated_advection), "new_model", lambda _self: Layered(STEP, 1e30))
    message = fail(fit, unvalidated_advection, tmp_path / "run")
    assert "every value is finite, but too large for a sum of errors: the forecast has 1e+30, variable `q`" in message
    assert message.endswith("node 5")
