"""Tasks from a config to a file, and what is said where an option is of another task. All weights are zero."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wxml import ArtefactError, ConfigError, DataError, VariableRoles
from wxml.artefacts.checkpoint import load_checkpoint, save_checkpoint
from wxml.artefacts.source_changes import read_changes
from wxml.experiment.assembling import assemble
from wxml.experiment.restoring import restore
from wxml.forecasting.job import ForecastRequest, forecast
from wxml.testing import TravellingWaves

carries_out = pytest.mark.carries_out
HOUR = np.timedelta64(3600, "s")
USUAL: dict[str, Any] = {"forecast": {}}
DIAGNOSE = {**USUAL, "data.task": {"plugin": "diagnose"}, "data.variables": {"diagnostic": ["q"]}}
INTERPOLATE = {**USUAL, "data.task": {"plugin": "interpolate", "inputs": ["0h", "18h"], "targets": ["6h", "12h"]}}
OFFSETS = {**USUAL, "data.task": {"plugin": "forecast", "input_offsets": ["-18h", "0h"], "output_offsets": ["6h"]}}


def made(checkpoint: Path, tmp_path: Path, **request: Any) -> dict[str, Any]:
    path = forecast(ForecastRequest(checkpoint, tmp_path / "f.npz", **request))
    with np.load(path) as file:
        return dict(file)


def test_a_diagnosis_is_made_at_each_time_of_the_source(checkpoint, tmp_path) -> None:
    path = checkpoint(DIAGNOSE)
    experiment, _ = restore(path)
    assert experiment.roles == VariableRoles((), ("t",), ("q",))
    found = made(path, tmp_path, start="2000-01-03", end="2000-01-04")
    assert found["prediction_timedelta"].astype("timedelta64[s]").tolist() == [(0 * HOUR).item()]
    assert len(found["time"]) == 5
    mean = experiment.statistics.mean[experiment.statistics.variables.index("q")]
    np.testing.assert_allclose(found["q"], np.full_like(found["q"], mean), rtol=1e-5)
    assert "t" not in found


def test_an_interpolation_with_nothing_learned_is_the_straight_line(checkpoint, tmp_path) -> None:
    found = made(checkpoint(INTERPOLATE), tmp_path, start="2000-01-03", end="2000-01-04")
    assert (found["prediction_timedelta"] / HOUR).tolist() == [6, 12]
    assert [str(time)[5:13] for time in found["time"]] == ["01-03T00", "01-03T18"]  # one after the other
    waves = TravellingWaves()
    for case, start in enumerate((8, 11)):
        first, last = waves.read(waves.header.times[[start, start + 3]], ("t",))[:, 0, 0].astype(float)
        for lead, share in enumerate((1 / 3, 2 / 3)):
            expected = (1 - share) * first + share * last
            np.testing.assert_allclose(found["t"][case, lead, 0], expected, rtol=1e-6)


def test_offsets_go_on_with_what_was_forecast(checkpoint, tmp_path) -> None:
    path = checkpoint(OFFSETS)
    header = load_checkpoint(path).header
    assert header["task"]["shift"] == 6 * 3600
    assert header["task"]["advance"] == [[4, 0], [1, 0]]
    found = made(path, tmp_path, start="2000-01-03", lead_time="30h")
    assert (found["prediction_timedelta"] / HOUR).tolist() == [6, 12, 18, 24, 30]
    start = TravellingWaves().read([np.datetime64("2000-01-03")], ("t",))[0, 0, 0]
    np.testing.assert_allclose(found["t"][0, :, 0], [start] * 5, rtol=1e-6)


def test_a_plugin_with_other_times_than_in_the_training_is_refused(checkpoint) -> None:
    path = checkpoint(OFFSETS)
    stored = load_checkpoint(path)
    stored.header["task"]["calls"][0]["outputs"] = [3600]
    save_checkpoint(path, stored, overwrite=True)
    with pytest.raises(ArtefactError, match=r"the task of .* has other times than in its training"):
        restore(path)


def test_a_checkpoint_without_a_task_is_a_forecast(checkpoint) -> None:
    path = checkpoint(USUAL)
    stored = load_checkpoint(path)
    del stored.header["task"]
    del stored.header["config"]["data"]["task"]
    save_checkpoint(path, stored, overwrite=True)
    assert restore(path)[0].task.as_json()["shift"] == 6 * 3600


@carries_out("leave --lead-time and `forecast.lead_time` out")
def test_a_diagnosis_has_no_lead_time(checkpoint, tmp_path) -> None:
    path = checkpoint(DIAGNOSE)
    with pytest.raises(ConfigError, match=r"task '.*diagnose' has its own times"):
        made(path, tmp_path, start="2000-01-03", lead_time="6h")
    changed = read_changes(path, ["forecast.lead_time=6h"], ("data.source", "forecast"))
    with pytest.raises(ConfigError, match="so it has no `lead_time`"):
        made(path, tmp_path, start="2000-01-03", changed=changed)
    made(path, tmp_path, start="2000-01-03")


@carries_out("leave it out, or choose the task `forecast`")
def test_a_config_of_a_diagnosis_has_none_either(checkpoint) -> None:
    with pytest.raises(ConfigError, match="feeds nothing back, got '12h'"):
        checkpoint({**DIAGNOSE, "forecast": {"lead_time": "12h"}})
    checkpoint(DIAGNOSE)


@carries_out("leave it out, and write the times in `data.task`")
def test_input_steps_are_of_even_times(tiny) -> None:
    with pytest.raises(ConfigError, match=r"`data\.input_steps` is for evenly spaced times"):
        assemble(tiny({**INTERPOLATE, "data.input_steps": 3}))
    assemble(tiny(INTERPOLATE))


@carries_out("write each time once, the earliest first")
@carries_out("change `targets` or `inputs`")
@carries_out("write it like '-24h', '0h' or '30min'")
def test_times_of_an_interpolation_are_corrected(tiny) -> None:
    for wrong in (["12h", "6h"], ["18h"], ["noon"]):
        with pytest.raises(ConfigError):
            assemble(tiny({**INTERPOLATE, "data.task": {**INTERPOLATE["data.task"], "targets": wrong}}))
    assemble(tiny(INTERPOLATE))


@carries_out("{}, with which nothing is fed back")
def test_a_shift_that_does_not_fit_is_corrected(tiny) -> None:
    task = {"plugin": "forecast", "input_offsets": ["-18h", "0h"], "output_offsets": ["6h"]}
    with pytest.raises(ConfigError, match="no call gives the state that a later one reads at -18h") as caught:
        assemble(tiny({**USUAL, "data.task": {**task, "shift": "36h"}}))
    assert caught.value.fix.startswith("choose 6h, or 0h")
    assemble(tiny({**USUAL, "data.task": {**task, "shift": "6h"}}))


@carries_out("ask for {} at most, or choose the task `forecast`")
def test_more_steps_than_a_task_has(tiny) -> None:
    experiment = assemble(tiny(INTERPOLATE))
    with pytest.raises(ConfigError, match="this task has 2 steps, and its outputs are not fed back, got 3"):
        experiment.samples("training", 3)
    experiment.samples("training", 2)


@carries_out("leave `data.variables.prognostic` out; what the model reads is `forcing`")
@carries_out("name what it is to give in `data.variables.diagnostic`")
def test_roles_of_a_diagnosis_are_corrected(tiny) -> None:
    for wrong in ({"prognostic": ["t"], "diagnostic": ["q"]}, {"forcing": ["t"]}):
        with pytest.raises(DataError):
            assemble(tiny({**DIAGNOSE, "data.variables": wrong}))
    assemble(tiny({**DIAGNOSE, "data.variables": {"forcing": ["t"], "diagnostic": ["q"]}}))


@carries_out("leave at least one variable out of `forcing` and `diagnostic`, or choose the task `diagnose`")
def test_a_forecast_without_states_is_a_diagnosis(tiny) -> None:
    with pytest.raises(DataError, match="no variable is prognostic, so there is no state to carry forward"):
        assemble(tiny({"data.variables": {"forcing": ["t"], "diagnostic": ["q"]}}))
    assemble(tiny(DIAGNOSE))


@carries_out("choose persistence, which stands for it, or none")
def test_a_truncated_state_is_of_forecasts(tiny) -> None:
    with pytest.raises(ConfigError, match="the baseline of this task is interpolation"):
        assemble(tiny({**INTERPOLATE, "model.residual": "truncated"})).new_model()
    assemble(tiny({**INTERPOLATE, "model.residual": "none"})).new_model()


@carries_out("train without `training.from`, or with forecasts step by step")
def test_weights_of_uneven_times_are_not_carried_over(checkpoint, tiny_files) -> None:
    path = checkpoint(OFFSETS)
    begun = {"plugin": "still", "from": {"checkpoint": str(path)}}
    with pytest.raises(
        ConfigError, match="the checkpoint has the task 'forecast' with times that are not one time step"
    ):
        assemble(tiny_files({**OFFSETS, "training": begun}))
    assemble(tiny_files(OFFSETS))
