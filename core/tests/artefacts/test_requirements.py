"""What a checkpoint must be fed with: the roles, times and grid of the header, against what a forecast reads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import ArtefactError, Variable
from wxml.artefacts.checkpoint import load_checkpoint, save_checkpoint
from wxml.artefacts.requirements import Requirements, requirement_lines, requirements, requirements_of
from wxml.cli.inspect import command
from wxml.config.schema import DataConfig
from wxml.config.task_choice import task_of
from wxml.data.call_plan import plan_calls
from wxml.errors import ConfigError
from wxml.experiment.assembling import assemble
from wxml.forecasting.rollout import rollout
from wxml.testing import tiny_grid

HOUR = np.timedelta64(3600, "s")


def hours(times: Any) -> list[float]:
    return [float(time / HOUR) for time in times]


def header_of(data: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A header as a checkpoint with `t` forecast and `q`, `insolation` read has it."""
    config = {
        "data": {"source": {"plugin": "waves"}, "split": {"training": ["2000-01-01", "2000-01-12"]}} | data,
        "graph": {"plugin": "tiny"},
        "training": {"plugin": "tiny"},
        "model": {name: {"plugin": "tiny"} for name in ("encoder", "processor", "decoder")},
    }
    header = {
        "config": config,
        "roles": {"prognostic": ["t"], "forcing": ["q", "insolation"], "diagnostic": []},
        "variables": [{"name": "t", "units": "K"}],
        "forcings": [{"name": "q", "units": "kg kg**-1"}],
        "statistics": ["t", "q"],
        "training": {},
    }
    return header | changes


def needed(data: dict[str, Any] | None = None, **changes: Any) -> Requirements:
    return requirements_of(header_of(data or {}, **changes), tiny_grid(), "model.safetensors")


def test_a_checkpoint_says_what_a_forecast_of_it_reads(checkpoint, tmp_path: Path) -> None:
    """What the source is asked for by a rollout of three steps is what stands in the requirements, and no more."""
    changes = {"data.variables": {"forcing": ["q", "insolation"]}, "data.input_steps": 3}
    path = checkpoint(changes)
    found = requirements(path)
    assert [(one.variable.name, one.role) for one in found.variables] == [
        ("t", "prognostic"),
        ("q", "forcing"),
        ("insolation", "computed"),
    ]
    assert [one.variable.units for one in found.variables] == ["K", "g kg-1", ""]
    assert hours(found.states) == hours(found.forcings) == [-12, -6, 0]
    assert found.grid.identity == tiny_grid().identity


def test_the_times_are_those_that_a_rollout_reads(checkpoint, tiny_files, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"data.variables": {"forcing": ["q"]}, "data.input_steps": 3}
    found = requirements(checkpoint(changes))
    experiment = assemble(tiny_files(changes))
    read: dict[str, set[float]] = {}
    start, original = np.datetime64("2000-01-05", "s"), type(experiment.source).read

    def noted(self, times, variables, **rest):
        for name in variables:
            read.setdefault(name, set()).update(hours(np.asarray(times, "datetime64[s]").ravel() - start))
        return original(self, times, variables, **rest)

    monkeypatch.setattr(type(experiment.source), "read", noted)
    list(rollout(experiment, experiment.new_model(), np.array([start]), 3))
    assert read["t"] == set(hours(found.states))
    later = [time + number * found.shift for number in range(3) for time in found.forcings]
    assert read["q"] == set(hours(later))


TIMES = st.lists(st.integers(-6, 0), min_size=1, max_size=3, unique=True).map(sorted)


@settings(max_examples=60, deadline=None)
@given(TIMES, st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True).map(sorted), st.integers(0, 4))
def test_the_times_of_any_task_are_those_of_its_plan(inputs: list[int], outputs: list[int], shift: int) -> None:
    options = {"input_offsets": [f"{6 * n}h" for n in inputs], "output_offsets": [f"{6 * n}h" for n in outputs]}
    data = {"task": {"plugin": "forecast", "shift": f"{6 * shift}h", **options}}
    config = DataConfig.model_validate({**header_of(data)["config"]["data"]})
    try:
        task = task_of(config)
    except ConfigError:
        return
    window = plan_calls(task, len(outputs)).window
    found = needed(data, task=task.as_json())
    assert hours(found.states) == hours(window.offsets[: window.input_steps])
    assert found.shift == task.shift


def test_version_0_1_recorded_no_times_and_no_units_of_forcings() -> None:
    found = needed({"input_steps": 2, "timestep": "12h"}, forcings=[])
    assert hours(found.states) == [-12, 0]
    assert [(one.variable.name, one.variable.units, one.role) for one in found.read] == [
        ("t", "K", "prognostic"),
        ("q", "", "forcing"),
    ]


def test_constants_are_read_once_and_what_is_given_alone_never() -> None:
    data = {"variables": {"forcing": ["q"], "constant": ["q"], "diagnostic": ["tp"]}}
    roles = {"prognostic": ["t"], "forcing": ["q"], "diagnostic": ["tp"]}
    rain = {"name": "tp", "units": "m", "step_type": "accum", "period": "6h"}
    found = needed(data, roles=roles, variables=[{"name": "t"}, rain], statistics=["t", "q", "tp"])
    constant, given = found.of_role("constant", "diagnostic")[::-1]
    assert (constant.variable.name, hours(constant.offsets)) == ("q", [-6])
    assert (given.variable, given.offsets) == (Variable(**rain), ())
    assert given not in found.read
    text = " ".join(" ".join(requirement_lines(found)).split())
    assert "tp diagnostic m accum over 6h" in text
    assert "constants once" in text


@pytest.mark.parametrize(
    ("noted", "scores"),
    [
        ({"validation_loss": 2.0, "weights_validation_loss": 1.5}, {"validation_loss": 1.5}),
        ({"validation_loss": 2.0, "weights_validation_loss": 0.0}, {"validation_loss": 0.0}),
        ({"weights_validation_loss": None, "weights_metric": {"validation/rmse/t/6h": 2}}, {"validation/rmse/t/6h": 2}),
        ({"metrics": {"validation/acc/t/6h": 0.5, "learning_rate": 1.0}}, {"validation/acc/t/6h": 0.5}),
        ({"training_loss": 3.0, "steps": 4}, {}),
    ],
)  # fmt: skip
def test_the_scores_are_those_of_the_weights_in_the_file(noted: dict[str, Any], scores: dict[str, float]) -> None:
    assert needed(training=noted).scores == scores


def test_of_very_many_scores_the_first_are_printed() -> None:
    metrics = {f"validation/rmse/v{n}/6h": float(n) for n in range(100)}
    lines = requirement_lines(needed(training={"metrics": metrics, "weights_of_step": 7}))
    assert lines[-1].strip() == "and 60 more, see --json"
    assert any(line == "  scores    of the validation of these weights at step 7" for line in lines)


@pytest.mark.parametrize(
    "task",
    [
        {"calls": []},
        {"calls": [{"states": [0], "forcings": [], "outputs": [5]}], "shift": 0},
        {"calls": [{"states": [0], "forcings": [], "outputs": [5]}], "shift": 7},  # 0 is no output: looked for for ever
        {"calls": [{"states": ["a"], "forcings": [], "outputs": [5]}]},
        {},
    ],
)
def test_times_that_no_task_has_are_damage(task: dict[str, Any]) -> None:
    with pytest.raises(ArtefactError, match=r"the task of `model\.safetensors` is damaged"):
        needed(task=task)


def test_inspect_says_it_without_the_data_and_the_plugins(checkpoint, forget, monkeypatch: pytest.MonkeyPatch) -> None:
    path = checkpoint({"data.variables": {"forcing": ["insolation"]}})
    monkeypatch.setenv("WXML_PLUGINS", "nobody")
    forget()
    printed = CliRunner().invoke(command, [str(path)])
    assert printed.exit_code == 0, printed.output
    assert "feed it with" in printed.output
    assert "states at -6h, 0h from the initial time" in printed.output
    as_json = json.loads(CliRunner().invoke(command, [str(path), "--json"]).output)
    assert as_json["requirements"]["times"] == {
        "timestep": "6h",
        "states": ["-6h", "0h"],
        "forcings": [],
        "shift": "6h",
    }
    assert [one["name"] for one in as_json["requirements"]["variables"]] == ["t", "q", "insolation"]
    assert as_json["artefact"] == "checkpoint"


def test_a_checkpoint_that_shares_its_graph_says_it_too(checkpoint, tmp_path: Path) -> None:
    path = checkpoint()
    save_checkpoint(tmp_path / "kept.safetensors", load_checkpoint(path), shares_graph=True)
    assert requirements(tmp_path / "kept.safetensors").to_dict() == requirements(path).to_dict()
