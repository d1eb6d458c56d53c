"""The contract of tasks, as tests."""

__all__ = ["TaskContract"]

import json
from itertools import islice, pairwise
from typing import Any, ClassVar, get_args

import numpy as np

from wxml.data.call_plan import plan_calls
from wxml.data.task import NOTHING, Baseline, Call, StepTimes, Task, check_rising
from wxml.data.times import format_offset
from wxml.testing.contract import Contract, require

MOST = 12
"""So many calls are looked at of a task that repeats them."""
LARGEST = 10.0
CLOSE = 1e-6


class TaskContract(Contract):
    """Checks of a Task, with a time step of six hours, two input steps and one output step."""

    interface: ClassVar[type[Any]] = Task

    def sample(self) -> Any:
        """Make a task of six-hourly steps."""
        return self.make(StepTimes(np.timedelta64(6 * 3600, "s")))

    def rehearse(self) -> None:
        """Plan as many steps as the task has, or three."""
        task = self.sample()
        plan_calls(task, task.steps or 3)

    def test_there_are_calls_that_are_alike(self) -> None:
        """There is a call at least, and all read and give equally many states, forcings, outputs and marks."""
        calls = self.sample().calls
        require(
            bool(calls) and all(isinstance(call, Call) for call in calls), "`calls` must hold wxml.Call, at least one"
        )
        sizes = {(len(one.states), len(one.forcings), len(one.outputs), len(one.marks)) for one in calls}
        require(
            len(sizes) == 1, f"calls differ in their numbers of states, forcings, outputs and marks: {sorted(sizes)}"
        )
        require(bool(calls[0].outputs), "a call has no output")
        require(bool(calls[0].states or calls[0].forcings), "a call reads nothing")

    def test_times_rise(self) -> None:
        """The times of a call rise, and each output is later than all before, from call to call too."""
        calls = list(islice(self.sample().all_calls(), MOST))
        for call in calls:
            for name in ("states", "forcings", "outputs"):
                problem = check_rising(name, getattr(call, name))
                require(not problem, problem)
        outputs = [time for call in calls for time in call.outputs]
        late = [later for earlier, later in pairwise(outputs) if later <= earlier]
        require(not late, f"the output at {format_offset(late[0]) if late else ''} is not later than the one before")

    def test_states_are_known_or_given(self) -> None:
        """A task that repeats its calls reads states up to the initial time, and outputs of earlier calls."""
        task = self.sample()
        if task.shift is None:
            return
        require(task.shift > NOTHING, f"`shift` must be positive or None, got {format_offset(task.shift)}")
        task.advance()
        plan = plan_calls(task, MOST)
        future = [time for time in plan.window.offsets[: plan.window.input_steps] if time > NOTHING]
        require(not future, f"the state at {format_offset(future[0]) if future else ''} is neither known nor an output")

    def test_states_are_there_where_it_says_so(self) -> None:
        """With `has_states` each call reads states; without it reads none, and feeds nothing back."""
        task = self.sample()
        reads = bool(task.calls[0].states)
        require(
            reads == task.has_states, f"`has_states` is {task.has_states}, and a call reads {len(task.calls[0].states)}"
        )
        require(
            task.has_states or task.shift is None, "a task without states cannot repeat its calls: `shift` must be None"
        )

    def test_the_baseline_can_be_made(self) -> None:
        """`baseline` is a known one; `interpolation` has weights whose sum is 1, others have none."""
        task = self.sample()
        require(
            task.baseline in get_args(Baseline),
            f"`baseline` must be one of {get_args(Baseline)}, got {task.baseline!r}",
        )
        require(task.has_states or task.baseline == "climatology", "without states the baseline must be climatology")
        is_line = task.baseline == "interpolation"
        for call in task.calls:
            require(not is_line or len(call.outputs) == 1, "with the baseline `interpolation` a call has one output")
            require(
                not is_line or bool(call.marks), "with the baseline `interpolation` the last mark is the share of time"
            )
            wanted = len(call.states) if is_line else 0
            require(len(call.weights) == wanted, f"a call must have {wanted} `weights`, got {len(call.weights)}")
            require(
                not is_line or abs(sum(call.weights) - 1) < CLOSE, f"`weights` add up to {sum(call.weights)}, not to 1"
            )

    def test_marks_are_of_order_one(self) -> None:
        """Each mark is a finite number within 10: the model reads it as it is."""
        marks = [mark for call in self.sample().calls for mark in call.marks]
        wrong = [mark for mark in marks if not abs(mark) <= LARGEST]
        require(not wrong, f"a mark must be within {LARGEST:g}, got {wrong[0] if wrong else ''}")

    def test_fewer_steps_are_the_first_ones(self) -> None:
        """The lead times of fewer steps are the first of those of more, and the known states are the same."""
        task = self.sample()
        most = task.steps or MOST
        whole = plan_calls(task, most).window
        for steps in range(1, most):
            window = plan_calls(task, steps).window
            require(np.array_equal(window.lead_times, whole.lead_times[:steps]), f"{steps} steps have other lead times")
            known = window.offsets[: window.input_steps], whole.offsets[: whole.input_steps]
            require(np.array_equal(*known), f"{steps} steps need other known states")

    def test_the_options_decide(self) -> None:
        """Two tasks with the same options have the same times, which a checkpoint can hold as JSON."""
        first, other = (self.sample().as_json() for _ in range(2))
        require(first == other, "two tasks with the same options have other times")
        require(json.loads(json.dumps(first)) == first, "the times are no JSON values")

    def test_initial_times_have_a_spacing(self) -> None:
        """`spacing` is positive, or None."""
        spacing = self.sample().spacing
        require(spacing is None or spacing > NOTHING, f"`spacing` must be positive or None, got {spacing}")
