"""Calls that a task plans: each reads the states and the forcings of its times, whatever the offsets."""

from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from wxml import ConfigError, MemberForecast, unroll
from wxml.data.call_plan import CallPlan, PlannedCall, plan_calls
from wxml.data.task import StepTimes, Task
from wxml.data.tasks.forecast import Forecast
from wxml.data.tasks.interpolate import Interpolate
from wxml.data.window import Window
from wxml.model.features import GridFeatures
from wxml.model.planned_calls import PlannedCalls
from wxml.model.residual import StraightLine

HOUR = np.timedelta64(3600, "s")
SIX = StepTimes(6 * HOUR)


class Clock(nn.Module):
    """States and forcings hold the hours at which they are valid; so do the outputs. It notes what it reads."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        (self.call,) = task.calls
        self.read: list[tuple[list[float], list[float]]] = []

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        own, forced = states[0, :, 0, 0], forcings[0, :, 0, 0]
        self.read.append((own.tolist(), forced.tolist()))
        now = states[:, -1:] - float(self.call.states[-1] / HOUR)
        hours = torch.tensor([float(time / HOUR) for time in self.call.outputs])
        return now + hours[:, None, None]


def inputs_of(plan: CallPlan) -> tuple[Tensor, Tensor]:
    hours = torch.tensor([float(offset / HOUR) for offset in plan.window.offsets])[None, :, None, None]
    return hours[:, : plan.window.input_steps], hours


offsets = st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True).map(sorted)


@given(
    offsets, offsets, st.lists(st.integers(-5, 5), min_size=1, max_size=3, unique=True), st.integers(0, 12), st.data()
)
@settings(max_examples=150, deadline=None)
def test_each_call_reads_the_states_and_forcings_of_its_times(
    back: list[int], ahead: list[int], forced: list[int], shift: int, data: st.DataObject
) -> None:
    written = {
        "input_offsets": [f"-{3 * t}h" for t in reversed(back)],
        "output_offsets": [f"{3 + 3 * t}h" for t in ahead],
    }
    try:
        task = Forecast(SIX, **written, forcing_offsets=[f"{t}h" for t in sorted(forced)], shift=f"{3 * shift}h")
    except ConfigError:
        assume(False)
    steps = data.draw(st.integers(1, task.steps or 11))
    plan, model = plan_calls(task, steps), Clock(task)
    found = [float(output) for output in PlannedCalls(plan).run(model, *inputs_of(plan))]
    assert found == [float(lead / HOUR) for lead in plan.window.lead_times]
    expected = [[[float(t / HOUR) for t in ts] for ts in (c.states, c.forcings)] for c in islice(task.all_calls(), 20)]
    assert [list(pair) for pair in model.read] == expected[: len(model.read)]
    assert len(model.read) == -(-steps // task.outputs)


class Mixing(nn.Module):
    """Every output depends on every state and forcing, and on the noise."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.outputs, self.layer = outputs, nn.Linear(inputs * 3, outputs * 2)

    def forward(self, states: Tensor, forcings: Tensor, noise: Tensor | None = None) -> Tensor:
        flat = torch.cat([states, forcings], dim=-1).transpose(1, 2).flatten(2)
        new = torch.tanh(self.layer(flat)).unflatten(-1, (self.outputs, 2)).transpose(1, 2)
        return new if noise is None else new + 0.1 * noise[:, None]


def as_listed(plan: CallPlan, inputs: int, outputs: int, steps: int) -> CallPlan:
    """The plan of even steps with each of its calls written down."""
    calls = [
        PlannedCall(slice(done, done + inputs), slice(done, done + inputs), min(outputs, steps - done), ())
        for done in range(0, steps, outputs)
    ]
    return CallPlan(plan.window, tuple(calls))


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (2, 1), (3, 2), (1, 3)])
def test_even_calls_are_those_of_unroll_bit_by_bit_and_so_are_gradients(inputs: int, outputs: int) -> None:
    steps, generator = 7, torch.Generator().manual_seed(5)
    states, forcings = (torch.randn(2, n, 4, v, generator=generator) for n, v in ((inputs, 2), (inputs + steps, 1)))
    imputed = torch.rand(2, 4, 2, generator=generator) < 0.3
    drawn = [torch.randn(2, 4, 2, generator=generator) for _ in range(steps)]

    def given(step: int, output: Tensor) -> Tensor:
        return torch.where(torch.arange(4)[:, None] == 1, output.new_tensor(float(step)), output)

    def run(calls: Any, *more: Any) -> tuple[Tensor, Tensor]:
        model = Mixing(inputs, outputs)
        found = torch.stack(list(calls(model, states, *more, iter(drawn), imputed, given)))
        found.square().sum().backward()
        return found.detach(), model.layer.weight.grad

    even = plan_calls(Forecast(StepTimes(6 * HOUR, inputs, outputs)), steps)
    assert even.calls is None
    expected = run(lambda *given: unroll(*given, 2), forcings[:, :-1])
    for plan in (even, as_listed(even, inputs, outputs, steps)):
        found = run(PlannedCalls(plan, detach_every=2).run, forcings)
        assert torch.equal(found[0], expected[0])
        assert torch.equal(found[1], expected[1])


def test_members_are_forecast_as_planned() -> None:
    task = Forecast(SIX, input_offsets=["-24h", "-6h", "0h"], output_offsets=["6h", "12h"])
    plan = plan_calls(task, 5)
    found = MemberForecast(3, at_once=2).run(Clock(task), *inputs_of(plan), plan=plan)
    assert found[0, :, :, 0, 0].tolist() == [[6, 12, 18, 24, 30]] * 3


def test_marks_are_further_forcings_and_states_are_not_fed_back() -> None:
    task, read = Interpolate(SIX, targets=["2h", "3h"]), []

    def model(states: Tensor, forcings: Tensor) -> Tensor:
        read.append((states[0, :, 0, 0].tolist(), forcings[0, :, 0].tolist()))
        return forcings[:, 1:2, :, :1]

    plan = plan_calls(task, 2)
    found = [float(output) for output in PlannedCalls(plan).run(model, *inputs_of(plan))]
    assert found == [2, 3]
    third = float(torch.tensor(1 / 3))
    assert read == [
        ([0, 6], [[0, third], [2, third], [6, third]]),
        ([0, 6], [[0, 0.5], [3, 0.5], [6, 0.5]]),
    ]


def test_the_straight_line_is_that_of_the_plan() -> None:
    """The model and the validation must mean the same by it."""
    task = Interpolate(SIX, inputs=["-6h", "0h", "2h", "6h"], targets=["-5h", "-1h", "1h", "3h", "5h"])
    times, plan = np.array(task.calls[0].states), plan_calls(task, 5)
    line = StraightLine(((times - times[0]) / (times[-1] - times[0])).tolist(), 1)
    states = torch.randn(2, 4, 5, 2, generator=torch.Generator().manual_seed(1))
    for number, call in enumerate(task.calls):
        forcings = torch.full((2, 5, 5, 1), call.marks[0])
        found = line(states, forcings)
        torch.testing.assert_close(found[:, 0, :, :2], torch.from_numpy(plan.baseline(states.numpy())[:, number]))
        assert not found[..., 2].any()


def test_features_of_other_forcing_times_come_behind_the_states() -> None:
    from wxml.testing import tiny_graph, tiny_grid

    nodes = tiny_graph(tiny_grid()).nodes["grid"]
    features = GridFeatures(nodes, 0, 2, 1, 1, None, 3)
    states, forcings = torch.ones(1, 2, 48, 1) * torch.tensor([1.0, 2.0])[:, None, None], torch.ones(1, 3, 48, 1) * 7
    assert features(states, forcings)[0, 0, :5].tolist() == [1, 2, 7, 7, 7]
    assert features(states, forcings).shape[-1] == features.channels


def test_a_window_without_steps_of_its_own_is_as_before() -> None:
    assert Window(2, 3, 6 * HOUR).forcing_positions.tolist() == [0, 1, 2, 3]
    assert Window(2, 0, 6 * HOUR).forcing_positions.tolist() == [0, 1]


def test_a_spread_behind_the_outputs_is_not_fed_back() -> None:
    """The means of calls with irregular offsets are those of a model without spread, and each spread is of its call."""
    task = Forecast(SIX, input_offsets=["-12h", "0h"], output_offsets=["6h", "18h"], shift="18h")
    plan = plan_calls(task, 6)
    model = Mixing(2, 2)

    def normal(states: Tensor, forcings: Tensor) -> Tensor:
        outputs = model(states, forcings)
        return torch.cat((outputs, outputs.square() + 1), dim=-1)

    states, forcings = torch.randn(3, plan.window.input_steps, 5, 2), torch.randn(3, len(plan.window), 5, 1)
    plain, spread = (list(PlannedCalls(plan).run(made, states, forcings)) for made in (model, normal))
    for expected, found in zip(plain, spread, strict=True):
        assert torch.equal(found[..., :2], expected)
        assert torch.equal(found[..., 2:], expected.square() + 1)
