"""Tasks: the times of hand-worked cases, refusals, and samples against a reading of every value by itself."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from wxml import ConfigError, DataError
from wxml.config.data_schema import DataConfig
from wxml.config.task_choice import task_of
from wxml.data.call_plan import plan_calls, steps_until
from wxml.data.preprocessing import Preprocessing
from wxml.data.samples import SampleSet
from wxml.data.statistics import compute_statistics
from wxml.data.task import Task
from wxml.data.variables import VariableRoles, assign_roles
from wxml.data.window import Window
from wxml.testing import TravellingWaves

HOUR = np.timedelta64(3600, "s")
SOURCE = {"plugin": "travelling-waves"}


def data(task: dict[str, Any] | None = None, **changes: Any) -> DataConfig:
    values = {"source": SOURCE, "split": {"training": ["2000-01-01", "2000-01-12"]}} | changes
    return DataConfig.model_validate(values | ({} if task is None else {"task": task}))


def made(plugin: str, **options: Any) -> Task:
    return task_of(data({"plugin": plugin, **options}))


def hours(times: Any) -> list[float]:
    return [float(time / HOUR) for time in times]


def read(positions: Any) -> list[int]:
    return list(range(positions.start, positions.stop)) if isinstance(positions, slice) else positions.tolist()


def test_without_a_task_the_latest_states_are_read_and_nothing_changes() -> None:
    task = task_of(data(input_steps=3, output_steps=2))
    plan = plan_calls(task, 5)
    assert plan.calls is None
    assert plan.weights is None
    assert plan.window == Window(3, 5, 6 * HOUR)
    (call,) = task.calls
    assert (hours(call.states), hours(call.forcings), hours(call.outputs)) == ([-12, -6, 0], [-12, -6, 0], [6, 12])
    assert task.shift == 12 * HOUR
    assert task.steps is None


def test_even_offsets_are_the_same_as_steps() -> None:
    written = made("forecast", input_offsets=["-12h", "-6h", "0h"], output_offsets=["6h", "12h"])
    by_steps = task_of(data(input_steps=3, output_steps=2))
    assert plan_calls(written, 4).window == plan_calls(by_steps, 4).window
    assert plan_calls(written, 4).calls is None
    assert written.as_json() == by_steps.as_json()


def test_uneven_offsets_worked_out_by_hand() -> None:
    """Call 0 reads -24, -6, 0; call 1 reads -12, 6, 12; call 2 reads 0, 18, 24, of which 0 is known."""
    task = made(
        "forecast", input_offsets=["-24h", "-6h", "0h"], output_offsets=["6h", "12h"], forcing_offsets=["0h", "3h"]
    )
    plan = plan_calls(task, 5)
    assert hours(plan.window.offsets) == [-24, -12, -6, 0, 6, 12, 18, 24, 30, 3, 15, 27]
    assert (plan.window.input_steps, plan.window.steps) == (4, 5)
    assert hours(plan.window.lead_times) == [6, 12, 18, 24, 30]
    assert plan.calls is not None
    assert plan.feeds_back
    assert [read(call.states) for call in plan.calls] == [[0, 2, 3], [1, 4, 5], [3, 6, 7]]
    assert [read(call.forcings) for call in plan.calls] == [[3, 9], [5, 10], [7, 11]]
    assert [call.outputs for call in plan.calls] == [2, 2, 1]
    assert task.advance() == [[3, 1], [1, 0], [1, 1]]
    assert task.as_json()["shift"] == 12 * 3600


def test_the_known_states_are_those_of_any_number_of_steps() -> None:
    task = made("forecast", input_offsets=["-24h", "-6h", "0h"], output_offsets=["6h", "12h"])
    known = {tuple(hours(plan_calls(task, steps).window.offsets[:4])) for steps in range(9)}
    assert known == {(-24, -12, -6, 0)}


def test_interpolation_worked_out_by_hand() -> None:
    task = made("interpolate", inputs=["-6h", "0h", "6h"], targets=["2h", "3h"])
    plan = plan_calls(task, 2)
    assert hours(plan.window.offsets) == [-6, 0, 6, 2, 3]
    assert plan.window.input_steps == 3
    assert plan.calls is not None
    assert not plan.feeds_back
    assert [read(call.states) for call in plan.calls] == [[0, 1, 2]] * 2
    assert [read(call.forcings) for call in plan.calls] == [[0, 1, 3, 2], [0, 1, 4, 2]]
    assert [call.marks for call in plan.calls] == [pytest.approx((8 / 12,)), pytest.approx((9 / 12,))]
    np.testing.assert_allclose(plan.weights, [[0, 2 / 3, 1 / 3], [0, 1 / 2, 1 / 2]])
    assert (task.steps, task.shift, task.spacing) == (2, None, 6 * HOUR)
    states = np.array([5.0, 1.0, 4.0], np.float32)[None, :, None, None]
    np.testing.assert_allclose(plan.baseline(states)[0, :, 0, 0], [2.0, 2.5])


def test_a_diagnosis_has_no_states() -> None:
    task = made("diagnose", inputs=["-6h", "0h"], target="3h")
    plan = plan_calls(task, 1)
    assert hours(plan.window.offsets) == [3, -6, 0]
    assert plan.window.input_steps == 0
    assert plan.window.forcing_positions.tolist() == [1, 2]
    assert (task.steps, task.spacing, task.has_states) == (1, None, False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plugin": "forecast", "input_offsets": ["0h", "-6h"]}, "`input_offsets` must rise, got 0h, -6h"),
        ({"plugin": "forecast", "input_offsets": ["0h", "6h"]}, "a state must be known, got 6h"),
        ({"plugin": "forecast", "output_offsets": ["0h", "6h"]}, "an output must be later than 0h, got 0h"),
        ({"plugin": "forecast", "output_offsets": ["6h", "12h"], "shift": "6h"}, "`shift` must exceed 6h"),
        ({"plugin": "forecast", "input_offsets": ["-24h", "0h"], "output_offsets": ["18h"]}, "no call gives the state"),
        (
            {"plugin": "forecast", "input_offsets": ["1 day"]},
            "an offset must be a whole number and a unit, got '1 day'",
        ),
        ({"plugin": "interpolate", "targets": ["6h"]}, "a target must lie between inputs .0h, 6h. and be none of them"),
        ({"plugin": "interpolate", "targets": ["-1h"]}, "a target must lie between inputs"),
        ({"plugin": "interpolate", "targets": ["2h", "2h"]}, "`targets` must rise"),
        ({"plugin": "interpolate"}, "`targets` is missing"),
        ({"plugin": "diagnose", "inputs": []}, "inputs"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        task_of(data(options))


@pytest.mark.parametrize("task", [{"plugin": "diagnose"}, {"plugin": "interpolate", "targets": ["1h"]}])
@pytest.mark.parametrize("name", ["input_steps", "output_steps"])
def test_steps_are_of_even_times(task: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=f"`data.{name}` is for evenly spaced times, and task"):
        task_of(data(task, **{name: 3}))


def test_a_task_with_times_of_its_own_has_no_more_steps() -> None:
    with pytest.raises(ConfigError, match="this task has 1 step, and its outputs are not fed back, got 2"):
        plan_calls(made("interpolate", targets=["1h"]), 2)
    assert made("forecast", output_offsets=["6h", "24h"], shift="0h").steps == 2


def test_a_lead_time_is_that_of_an_output() -> None:
    task = made("forecast", input_offsets=["-12h", "0h"], output_offsets=["6h", "12h", "24h"], shift="24h")
    leads = plan_calls(task, 12).window.lead_times
    assert [steps_until(task, lead) for lead in leads] == list(range(1, 13))
    with pytest.raises(DataError, match="a time at which an output is valid, got '19h'") as caught:
        steps_until(task, 19 * HOUR)
    assert caught.value.fix == "choose 12h or 24h"


def test_roles_of_a_diagnosis() -> None:
    roles = assign_roles(
        ["t", "q", "rain"], prognostic=None, forcing=["insolation"], diagnostic=["rain"], has_states=False
    )
    assert roles == VariableRoles((), ("t", "q", "insolation"), ("rain",))
    with pytest.raises(DataError, match=r"no variable is prognostic, got \['t'\]"):
        assign_roles(["t", "rain"], prognostic=["t"], forcing=[], diagnostic=["rain"], has_states=False)
    with pytest.raises(DataError, match="no variable is diagnostic"):
        assign_roles(["t"], prognostic=None, forcing=[], diagnostic=[], has_states=False)
    with pytest.raises(DataError, match="no variable is prognostic"):
        assign_roles(["t"], prognostic=[], forcing=[], diagnostic=["t"])


offsets = st.lists(st.integers(-4, 4), min_size=1, max_size=3, unique=True).map(sorted)


@given(offsets, offsets, offsets, st.integers(1, 4), st.data())
@settings(max_examples=80, deadline=None)
def test_samples_hold_what_a_reading_of_each_value_gives(
    inputs: list[int], outputs: list[int], forcings: list[int], steps: int, drawn: st.DataObject
) -> None:
    """t is prognostic, q a forcing; an offset counts six hours."""
    source, written = TravellingWaves(days=6), lambda times: [f"{6 * time}h" for time in times]
    inputs, outputs = [-abs(time) for time in inputs], [1 + abs(time) for time in outputs]
    options = {"input_offsets": written(sorted({*inputs})), "output_offsets": written(sorted({*outputs}))}
    shift = drawn.draw(st.sampled_from([f"{6 * time}h" for time in range(9)]))
    try:
        task = made("forecast", **options, forcing_offsets=written(forcings), shift=shift)
        plan = plan_calls(task, steps)
    except ConfigError:
        assume(False)
    preprocessing = Preprocessing(
        source, VariableRoles(("t",), ("q",)), (), compute_statistics(source, ("t", "q"), source.header.times, 6 * HOUR)
    )
    window, times = plan.window, source.header.times
    whole = [time for time in np.concatenate([times - 60 * HOUR, times]) if np.isin(time + window.offsets, times).all()]
    assume(whole)
    samples = SampleSet(preprocessing, window, (times[0], times[-1]))
    assert samples.initial_times.tolist() == sorted({time.item() for time in whole})
    sample, start = samples[0], samples.initial_times[0]
    for place, offset in enumerate(window.offsets):
        t, q = source.read([start + offset], ("t", "q"))[0, 0]
        is_state = place < window.input_steps + window.steps
        np.testing.assert_array_equal(sample[place, 0], t if is_state else np.nan)
        np.testing.assert_array_equal(sample[place, 1], q if place in window.forcing_positions else np.nan)
