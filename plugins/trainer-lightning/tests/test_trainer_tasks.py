"""Trainings of the tasks `diagnose`, `interpolate` and `forecast` with offsets: the best weights are known."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from wxml import ConfigError, SourceHeader, Variable
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.artefacts.provenance import Provenance
from wxml.config.schema import ExperimentConfig
from wxml.data.preprocessing import Preprocessing
from wxml.data.statistics import compute_statistics
from wxml.data.transforms.normalise import Normalise
from wxml.data.variables import VariableRoles
from wxml.experiment.parts import Experiment
from wxml.forecasting.rollout import rollout
from wxml.testing import TravellingWaves, tiny_graph

HOUR = np.timedelta64(3600, "s")
EXACT = {"learning_rate": 0.05, "weight_decay": 0.0, "gradient_clip": None, "max_steps": 150, "metrics": "rmse"}


class WithSum(TravellingWaves):
    """The waves t and q, and y = 2 t − 3 q + 1."""

    def __init__(self) -> None:
        super().__init__()
        header = self.header
        self.header = SourceHeader(header.grid, (*header.variables, Variable("y", units="K")), header.times)

    def wave(self, variable: str, hours: float, member: int) -> Any:
        if variable != "y":
            return super().wave(variable, hours, member)
        t, q = (super(WithSum, self).wave(name, hours, member) for name in ("t", "q"))
        return 2 * t - 3 * q + 1


class Diagnosed(nn.Module):
    """A linear map of the forcings at a node."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        assert states.shape[1:] == (0, 48, 0)
        return self.layer(forcings)


class Between(nn.Module):
    """A weight for each state of each variable, on top of nothing."""

    def __init__(self, states: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(states, 2))

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        return (self.weights[:, None] * states).sum(dim=1, keepdim=True)


class Tasked(Experiment):
    def new_model(self) -> Any:
        torch.manual_seed(0)
        return Between(len(self.task.calls[0].states)) if self.task.has_states else Diagnosed()


def make(task: dict[str, Any]) -> Tasked:
    data = {
        "source": {"plugin": "waves"},
        "task": task,
        "split": {"training": ["2000-01-01", "2000-01-15"], "validation": ["2000-01-16", "2000-01-20"]},
    }
    parts = {name: {"plugin": "tiny"} for name in ("encoder", "processor", "decoder")}
    values = {"data": data, "graph": {"plugin": "tiny"}, "model": parts, "training": {"plugin": "lightning"}}
    config, source = ExperimentConfig.model_validate(values), WithSum()
    is_diagnosis = task["plugin"] == "diagnose"
    roles = VariableRoles((), ("t", "q"), ("y",)) if is_diagnosis else VariableRoles(("t", "q"))
    names = roles.output + roles.forcing
    statistics = compute_statistics(source, names, source.header.times[:60], 6 * HOUR)
    normalise = Normalise(statistics)
    preprocessing = Preprocessing(source, roles, (normalise,), normalise.statistics_after())
    graph = tiny_graph(source.header.grid)
    record = Provenance("checkpoint", config.model_dump(mode="json"), graph=graph.identity, data=source.provenance())
    outputs = tuple(variable for variable in source.header.variables if variable.name in roles.output)
    return Tasked(config, preprocessing, graph, statistics, record, outputs)


def last_scores(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if row["step"] == rows[-1]["step"]]


def test_a_diagnosis_finds_a_linear_map(fit, tmp_path: Path) -> None:
    experiment = make({"plugin": "diagnose"})
    checkpoint = load_checkpoint(fit(experiment, tmp_path / "run", **EXACT))
    t, q, y = (experiment.statistics.std[experiment.statistics.variables.index(name)] for name in "tqy")
    np.testing.assert_allclose(checkpoint.weights["layer.weight"], [[2 * t / y, -3 * q / y]], rtol=2e-3)
    assert checkpoint.header["task"]["calls"] == [{"states": [], "forcings": [0], "outputs": [0], "marks": []}]
    (score,) = last_scores(tmp_path / "run")
    assert (score["variable"], score["lead"]) == ("y", "0h")
    assert float(score["value"]) < 0.01 * float(score["climatology"])
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Scores beside climatology" in page
    model = experiment.new_model()
    model.load_state_dict(checkpoint.weights)
    times = experiment.source.header.times[[0, 70]]
    for (lead_time, fields), time in zip(rollout(experiment, model, times, 1), times, strict=True):
        assert (lead_time, fields.valid_time, fields.variables) == (0 * HOUR, time, ("y",))
        np.testing.assert_allclose(fields.values[0, 0], experiment.source.read([time], ("y",))[0, 0, 0], atol=0.2)


def test_an_interpolation_finds_the_weights_of_waves_and_beats_the_straight_line(fit, tmp_path: Path) -> None:
    """cos a = (cos(a − θ) + cos(a + θ)) / 2 cos θ, where θ is the turn of a wave in six hours."""
    experiment = make({"plugin": "interpolate", "inputs": ["0h", "12h"], "targets": ["6h"]})
    checkpoint = load_checkpoint(fit(experiment, tmp_path / "run", **EXACT))
    expected = [1 / (2 * np.cos(2 * np.pi * 6 / period)) for period in (48, 96)]
    np.testing.assert_allclose(checkpoint.weights["weights"], [expected, expected], rtol=1e-3)
    for score, period, amplitude in zip(last_scores(tmp_path / "run"), (48, 96), (10, 2), strict=True):
        grid = experiment.source.header.grid
        deviation = amplitude * np.sqrt(np.sum(grid.area_weights * np.cos(np.radians(grid.latitudes)) ** 2) / 2)
        assert score["lead"] == "6h"
        assert float(score["interpolation"]) == pytest.approx(
            deviation * (1 - np.cos(2 * np.pi * 6 / period)), rel=1e-3
        )
        assert float(score["value"]) < 0.02 * float(score["interpolation"])


def test_a_forecast_with_offsets_finds_the_weights_of_waves_and_goes_on(fit, tmp_path: Path) -> None:
    """x(12) = Σ w x(t) over t = −18 h and 0 h: sin θ₁₂ / sin θ₁₈ with a minus, and sin θ₃₀ / sin θ₁₈."""
    experiment = make({"plugin": "forecast", "input_offsets": ["-18h", "0h"], "output_offsets": ["12h"], "shift": "6h"})
    checkpoint = load_checkpoint(fit(experiment, tmp_path / "run", **EXACT | {"max_steps": 300}))
    turns = [[2 * np.pi * hours / period for hours in (12, 18, 30)] for period in (48, 96)]
    expected = [[-np.sin(a) / np.sin(b), np.sin(c) / np.sin(b)] for a, b, c in turns]
    np.testing.assert_allclose(checkpoint.weights["weights"], np.transpose(expected), rtol=2e-2)


@pytest.mark.carries_out("leave these out, or choose the task `forecast`")
@pytest.mark.parametrize("task", [{"plugin": "diagnose"}, {"plugin": "interpolate", "targets": ["3h"]}])
@pytest.mark.parametrize(
    ("rollout", "name"),
    [({"maximum": 2}, "maximum"), ({"loss_over": "last"}, "loss_over"), ({"validation_steps": 2}, "validation_steps")],
)
def test_options_of_the_rollout_are_of_tasks_that_feed_back(fit, tmp_path, task, rollout, name) -> None:
    with pytest.raises(ConfigError, match=f"feeds no output back, so it has no rollout .training.rollout.{name}"):
        fit(make(task), tmp_path / "run", rollout=rollout)


def test_noise_on_states_needs_states(fit, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="task 'diagnose' has no states to which noise could be added"):
        fit(make({"plugin": "diagnose"}), tmp_path / "run", input_noise=0.1)
