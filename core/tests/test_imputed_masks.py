"""Where a transform filled in a value of the state: a forcing, the same in training, rollout and forecast."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from wxml import DataError
from wxml.artefacts.checkpoint import read_header
from wxml.data.imputed import held_masks, mask_names
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml.experiment.restoring import restore
from wxml.forecasting.rollout import rollout

GAP = {
    "data.source": {"plugin": "gap"},  # no t on nodes 5 and 6 at time 3
    "data.transforms": [{"plugin": "impute"}, {"plugin": "normalise"}],
    "data.variables": {"imputed": ["t"], "forcing": ["insolation"]},
}
HOLE = np.isin(np.arange(48), (5, 6)).astype(np.float32)
NONE = np.zeros(48, np.float32)


class Hears(nn.Module):
    """A wave that grows, and keeps what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[Tensor] = []
        self.forcings: list[Tensor] = []

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        self.states.append(states.clone())
        self.forcings.append(forcings.clone())
        return states[:, -1:] * 1.5 + 1


def hear(experiment: Experiment, first: int, steps: int) -> Hears:
    model = Hears()
    list(rollout(experiment, model, experiment.source.header.times[[first]], steps))
    return model


def sample_from(experiment: Experiment, first: int, steps: int) -> np.ndarray:
    samples = experiment.samples("training", steps)
    (number,) = np.flatnonzero(samples.initial_times == experiment.source.header.times[first])
    return samples[int(number)]


def test_masks_by_hand() -> None:
    missing = np.zeros((2, 1, 3, 4), bool)
    missing[0, 0, 2, 1] = missing[1, 0, 0, 3] = True
    found = held_masks(missing, [2, 0], 5)
    assert found.shape == (5, 1, 2, 4)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(
        np.argwhere(found)[:, [0, 2, 3]], [[0, 0, 1], [1, 1, 3], [2, 1, 3], [3, 1, 3], [4, 1, 3]]
    )


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (2, [NONE, NONE, NONE, NONE, NONE]),  # missing in the truth alone: the model's own state has no hole
        (3, [NONE, HOLE, HOLE, HOLE, HOLE]),  # missing in the analysis: held, as the filled-in value is
        (4, [HOLE, NONE, NONE, NONE, NONE]),  # missing in the state before
    ],
)
def test_training_rollout_and_forecast_read_the_same_mask(tiny, tmp_path: Path, first: int, expected: list) -> None:
    experiment = assemble(tiny(GAP))
    assert experiment.preprocessing.variables == ("t", "q", "insolation", "imputed_t")
    sample = sample_from(experiment, first, 3)
    np.testing.assert_array_equal(sample[:, 3], expected)
    experiment.save(tmp_path / "c.safetensors", experiment.new_model().state_dict(), {})
    restored, _ = restore(tmp_path / "c.safetensors")
    for again in (experiment, restored):
        model = hear(again, first, 3)
        for step, forcings in enumerate(model.forcings):
            np.testing.assert_array_equal(forcings[0].transpose(-1, -2).numpy(), sample[step : step + 2, 2:])


def test_the_mask_says_where_the_state_is_held(tiny) -> None:
    """Where it is 1 the model reads the filled-in value at every step, and its own output anywhere else."""
    model = hear(assemble(tiny(GAP)), 3, 4)
    analysis = model.states[0][0, -1, :, 0]
    for states, forcings in zip(model.states[1:], model.forcings[1:], strict=True):
        filled = forcings[0, -1, :, 1] == 1
        assert filled.sum() == 2
        assert torch.equal(states[0, -1, filled, 0], analysis[filled])
        assert (states[0, -1, ~filled, 0] != analysis[~filled]).all()


def test_a_forecast_goes_beyond_the_data(tiny) -> None:
    experiment = assemble(tiny(GAP))
    last = len(experiment.source.header.times) - 1
    assert all((forcings[..., 1] == 0).all() for forcings in hear(experiment, last, 5).forcings)


def test_masks_stand_behind_the_other_forcings_and_in_the_checkpoint(tiny, tmp_path: Path) -> None:
    variables = {"imputed": ["q", "t"], "forcing": ["cos_latitude"]}
    experiment = assemble(tiny({**GAP, "data.variables": variables}))
    experiment.save(tmp_path / "c.safetensors", experiment.new_model().state_dict(), {})
    header = read_header(tmp_path / "c.safetensors")
    assert header["roles"]["forcing"] == ["cos_latitude", "imputed_q", "imputed_t"]
    sample = sample_from(experiment, 3, 1)
    np.testing.assert_array_equal(sample[:2, 3:], [[NONE, NONE], [NONE, HOLE]])


@pytest.mark.parametrize(("name", "hint"), [("insolation", "known: q, t"), ("tt", "did you mean 't'")])
def test_only_prognostic_variables_have_a_mask(tiny, name: str, hint: str) -> None:
    with pytest.raises(DataError, match=rf"unknown variable '{name}' \(data\.variables\.imputed\)") as caught:
        assemble(tiny({**GAP, "data.variables": {"imputed": [name], "forcing": ["insolation"]}}))
    assert hint in caught.value.fix


@pytest.mark.carries_out("take {} out of `data.variables.imputed`, or give the other variable another name")
def test_a_mask_with_the_name_of_a_variable_is_refused() -> None:
    with pytest.raises(DataError, match="names 't', whose mask 'imputed_t' has the name of another variable"):
        mask_names(["t", "q"], ["t", "q", "imputed_t"])
    assert mask_names(["q"], ["t", "q", "imputed_t"]) == {"imputed_q": "q"}
    assert mask_names(["t", "q"], ["t", "q", "land"]) == {"imputed_t": "t", "imputed_q": "q"}
