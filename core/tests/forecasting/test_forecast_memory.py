"""The memory of forecasts: planned without making them, and kept within a limit."""

import logging

import numpy as np
import pytest
import torch
from wxml import ConfigError
from wxml.artefacts.source_changes import read_changes
from wxml.experiment.restoring import restore
from wxml.forecasting.ensemble import Ensemble
from wxml.forecasting.execution import Execution
from wxml.forecasting.job import ForecastRequest, forecast
from wxml.forecasting.memory import forecast_memory
from wxml.model.call_memory import call_memory
from wxml.model.memory_trace import GAPS, MemoryTrace


def test_a_planned_call_takes_what_a_call_takes(checkpoint) -> None:
    experiment, model = restore(checkpoint())
    model.eval()
    nodes, roles = len(experiment.source.header.grid), experiment.roles
    shapes = [(1, experiment.window(1).input_steps, nodes, len(names)) for names in (roles.prognostic, roles.forcing)]
    planned = call_memory(fresh := experiment.new_model().eval(), fresh, shapes, "cpu")
    with torch.no_grad():
        model(*map(torch.zeros, shapes))  # what it makes once
        with MemoryTrace() as trace:
            model(*map(torch.zeros, shapes))
    taken = trace.at_peak.total() * (1 + GAPS["cpu"])
    assert taken <= planned.coming_and_going <= 2 * taken  # tensors that are no buffers of the model are counted, too
    assert planned.lasting >= sum(weight.nbytes for weight in [*model.parameters(), *model.buffers()])


def test_what_grows_with_initial_times_and_members(checkpoint) -> None:
    experiment, _ = restore(checkpoint())
    one, three = (forecast_memory(experiment, Ensemble(members), Execution()) for members in (1, 3))
    together = forecast_memory(experiment, Ensemble(3), Execution(together=True))
    copies = forecast_memory(experiment, Ensemble(3), Execution(others=("cpu", "cpu", "cuda:1")))
    assert (copies.weights, copies.call, copies.each) == (3 * three.weights, 3 * three.call, three.each)
    assert (one.weights, one.call) == (three.weights, three.call)
    assert one.each < three.each < 3 * one.each < together.each
    assert [three.times(three.of(count)) for count in (1, 2, 7)] == [1, 2, 7]
    assert three.times(three.of(1) - 1) == 0


def test_a_limit_lowers_the_batch_and_leaves_the_forecasts_as_they_are(checkpoint, tmp_path, caplog) -> None:
    path = checkpoint()
    experiment, _ = restore(path)
    limit = forecast_memory(experiment, Ensemble(), Execution()).of(2)
    changed = read_changes(path, [f"forecast.memory_limit={limit}B"], ("data.source", "forecast"))
    times = {"start": "2000-01-11", "end": "2000-01-12"}
    forecast(ForecastRequest(path, tmp_path / "all.npz", **times))
    with caplog.at_level(logging.INFO, "wxml"):
        forecast(ForecastRequest(path, tmp_path / "two.npz", **times, changed=changed))
    assert "for 2 initial times at once" in caplog.text
    with np.load(tmp_path / "all.npz") as whole, np.load(tmp_path / "two.npz") as limited:
        for name in ("t", "q"):
            np.testing.assert_array_equal(whole[name], limited[name])


@pytest.mark.carries_out("raise the limit; members of an ensemble may be made one after the other, with --member")
def test_a_limit_below_one_forecast_is_refused_and_the_fix_works(checkpoint, tmp_path) -> None:
    path = checkpoint()
    changed = read_changes(path, ["forecast.memory_limit=1KiB"], ("data.source", "forecast"))
    with pytest.raises(ConfigError, match=r"1 of them, take .* got a limit of 1KiB"):
        forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-11", changed=changed))
    raised = read_changes(path, ["forecast.memory_limit=1GiB"], ("data.source", "forecast"))
    assert forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-11", changed=raised)).exists()
