"""Values that are missing stay missing: NaN in forecasts, held in every step, left out of the truth of a training."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from wxml import ConfigError
from wxml.data.absent import MissingWhere, missing_rules
from wxml.data.variables import VariableRoles
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.experiment.restoring import restore
from wxml.forecasting.rollout import rollout
from wxml.model.unroll import unroll

CHAIN = [{"plugin": "impute"}, {"plugin": "normalise"}]
HOLE = np.isin(np.arange(48), (5, 6))


class Grows(nn.Module):
    """Both variables grow, as far as there are two, and it keeps what it reads."""

    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.outputs, self.read = outputs, []

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        self.read.append(states[:, -1].clone())
        return (states[:, -1:] + 1).repeat(1, 1, 1, self.outputs // states.shape[-1])


def setting(variables: dict) -> dict:
    return {"data.source": {"plugin": "gap"}, "data.transforms": CHAIN, "data.variables": variables}


def forecast(experiment: Experiment, model: nn.Module, first: int) -> list:
    return [fields for _, fields in rollout(experiment, model, experiment.source.header.times[[first]], 3)]


def sample(experiment: Experiment, first: int) -> tuple[np.ndarray, np.ndarray]:
    samples = experiment.samples("training", 3)
    (number,) = np.flatnonzero(samples.initial_times == experiment.source.header.times[first])
    return samples.with_imputed(int(number))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_what_is_at_imputed_nodes_never_reaches_the_others(seed: int) -> None:
    """Beside a loop by hand, for any mask: the model reads the filled-in value, whatever it says there."""
    random = np.random.default_rng(seed)
    mask = torch.from_numpy(random.random((2, 6, 2)) < random.random())
    states, forcings = torch.from_numpy(random.normal(size=(2, 2, 6, 2))), torch.zeros(2, 5, 6, 1)
    mixing = torch.from_numpy(random.normal(size=(6, 6)))

    def outcomes(said: float) -> list[Tensor]:
        def model(states: Tensor, forcings: Tensor) -> Tensor:
            return torch.where(mask, said, torch.einsum("mn,bnv->bmv", mixing, states.sum(1)))[:, None]

        return list(unroll(model, states, forcings, imputed=mask))

    for one, other in zip(outcomes(1.0), outcomes(1e9), strict=True):
        assert torch.equal(one[~mask], other[~mask])
    window = [states[:, 0], states[:, 1]]
    for found in outcomes(7.0):
        by_hand = torch.einsum("mn,bnv->bmv", mixing, window[0] + window[1])
        torch.testing.assert_close(found[~mask], by_hand[~mask])
        window = [window[1], torch.where(mask, states[:, 1], by_hand)]


@pytest.mark.parametrize(("first", "is_lost"), [(2, False), (3, True), (4, False)])
def test_the_truth_of_a_training_lacks_what_a_forecast_lacks(tiny, first: int, is_lost: bool) -> None:
    """t lacks two nodes at time 3 alone: the pattern changes, and the last input state decides."""
    experiment = assemble(tiny(setting({})))
    values, held = sample(experiment, first)
    fields = forecast(experiment, Grows(), first)
    for step, field in enumerate(fields):
        np.testing.assert_array_equal(np.isnan(field["t"][0]), HOLE & is_lost)
        own = HOLE & (first + step + 1 == 3)
        np.testing.assert_array_equal(np.isnan(values[2 + step, 0]), (HOLE & is_lost) | own)
        assert np.isfinite(values[2 + step, 1]).all()
    np.testing.assert_array_equal(held, [HOLE & is_lost, HOLE & False])


def test_a_diagnostic_variable_is_missing_where_another_one_is(tiny, tmp_path) -> None:
    variables = {"diagnostic": ["q"], "missing": {"q": {"where": "t"}}}
    experiment = assemble(tiny(setting(variables)))
    experiment.save(tmp_path / "c.safetensors", experiment.new_model().state_dict(), {})
    for one in (experiment, restore(tmp_path / "c.safetensors")[0]):
        for first in (3, 4):
            values, _ = sample(one, first)
            for step, field in enumerate(forecast(one, Grows(), first)):
                np.testing.assert_array_equal(np.isnan(field["q"][0]), HOLE & (first == 3))
                np.testing.assert_array_equal(np.isnan(values[2 + step, 1]), HOLE & (first == 3))


@pytest.mark.parametrize("role", ["forcing", "prognostic"])
def test_a_mask_takes_the_place_of_the_last_input_state(tiny, role: str) -> None:
    """t is missing where q is above 5: not at its hole, which is filled once, and then forecast."""
    names = {"forcing": ["q"]} if role == "forcing" else {}
    rule = {"t": {"where": "q", "above": 5.0}}
    experiment = assemble(tiny(setting({**names, "missing": rule})))
    source, model = experiment.source, Grows(1 if role == "forcing" else 2)
    mask = source.read(source.header.times[3:4], ["q"])[0, 0, 0] > 5
    assert 0 < mask.sum() < 48
    values, held = sample(experiment, 3)
    np.testing.assert_array_equal(held[0], mask)
    for step, field in enumerate(forecast(experiment, model, 3)):
        np.testing.assert_array_equal(np.isnan(field["t"][0]), mask)
        np.testing.assert_array_equal(np.isnan(values[2 + step, 0]), mask)
        moved = (model.read[step] - model.read[0])[0, :, 0].numpy()
        np.testing.assert_allclose(moved, np.where(mask, 0, step), atol=1e-4)


def test_the_mask_that_the_model_reads_is_where_values_are_held(tiny) -> None:
    """At an input time it says what was filled in, later what is held: the same in training and in forecasts."""
    variables = {"forcing": ["cos_latitude"], "imputed": ["t"], "missing": {"t": {"where": "q", "above": 5.0}}}
    experiment = assemble(tiny(setting(variables)))
    source, heard = experiment.source, []

    class Hears(Grows):
        def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
            heard.append(forcings[0, :, :, 1].numpy())
            return super().forward(states, forcings)

    forecast(experiment, Hears(), 3)
    values, _ = sample(experiment, 3)
    mask = source.read(source.header.times[3:4], ["q"])[0, 0, 0] > 5
    np.testing.assert_array_equal(values[:4, 3], [HOLE & False, HOLE, mask, mask])
    for step, read in enumerate(heard):
        np.testing.assert_array_equal(read, values[step : step + 2, 3])


ROLES = VariableRoles(("t", "q"), ("land", "insolation"))


@pytest.mark.parametrize(
    ("rules", "problem", "hint"),
    [
        ({"z": MissingWhere("t")}, "'z' is neither prognostic nor diagnostic", "t"),
        ({"land": MissingWhere("t")}, "'land' is neither prognostic nor diagnostic", "t"),
        ({"t": MissingWhere("lands")}, "'lands' is neither prognostic nor a forcing", "did you mean 'land'"),
        ({"t": MissingWhere("insolation")}, "'insolation' is neither prognostic nor a forcing", "land"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(rules: dict, problem: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        missing_rules(rules, ROLES, ["t", "q", "land"])
    assert hint in caught.value.fix
    assert missing_rules({"t": MissingWhere("land", above=0.5)}, ROLES, ["t", "q", "land"])


@pytest.mark.carries_out("leave `data.variables.missing` out")
def test_a_task_without_states_has_no_rules() -> None:
    roles = VariableRoles((), ("t",), ("q",))
    with pytest.raises(ConfigError, match="this task has no states"):
        missing_rules({"q": MissingWhere("t")}, roles, ["t", "q"])
    assert missing_rules({}, roles, ["t", "q"]) == {}


@pytest.mark.parametrize(("limits", "found"), [({"above": 1}, [0, 0, 1, 0]), ({"below": 1}, [1, 0, 0, 0])])
def test_limits_by_hand(limits: dict, found: list) -> None:
    assert MissingWhere("x", **limits).of(np.array([0, 1, 2, np.nan], "f4")).tolist() == found
    assert MissingWhere("x").of(np.array([0, 1, 2, np.nan], "f4")).tolist() == [0, 0, 0, 1]
    assert MissingWhere("x", above=1, below=1).of(np.array([0, 1, 2, np.nan], "f4")).tolist() == [1, 0, 1, 0]
