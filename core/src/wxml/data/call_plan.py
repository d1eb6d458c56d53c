"""CallPlan: where in a sample the calls of a model read, and which of its outputs are wanted."""

__all__ = ["CallPlan", "PlannedCall", "is_even", "plan_calls", "steps_until"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml.data.read_request import Positions, run
from wxml.data.task import NOTHING, Call, Task
from wxml.data.times import format_duration
from wxml.data.window import Window
from wxml.errors import ConfigError, DataError, Fault


@dataclass(frozen=True, slots=True, eq=False)
class PlannedCall:
    """One call of a model."""

    states: Positions
    """The positions of what it reads among the known states and, behind them, all outputs of the calls before."""
    forcings: Positions
    """The positions of the times at which it reads forcings among those of the sample."""
    outputs: int
    """The number of its outputs that are wanted, the first ones."""
    marks: tuple[float, ...]
    """Further numbers that it reads."""


@dataclass(frozen=True, slots=True, eq=False)
class CallPlan:
    """The calls that make some forecast steps, and the window of the sample that they need."""

    window: Window
    calls: tuple[PlannedCall, ...] | None = None
    """None: the states of a call are the latest ones, and it reads forcings at their times (`wxml.unroll`)."""
    weights: NDArray[np.float64] | None = None
    """The weights of the known states that make the baseline, shape `[step, known state]`; None: the last one is it."""

    @property
    def feeds_back(self) -> bool:
        """Whether a call reads an output of another one."""
        known = self.window.input_steps
        return self.calls is None or any(np.max(_listed(call.states), initial=-1) >= known for call in self.calls)

    def baseline(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        """What needs no model: `[batch, known state, node, variable]` to `[batch, step or 1, node, variable]`."""
        if self.weights is None:
            return states[:, -1:]
        line: NDArray[np.float32] = np.einsum("sk,bknv->bsnv", self.weights, states).astype(np.float32)
        return line


def plan_calls(task: Task, steps: int) -> CallPlan:
    """Plan the calls that make `steps` forecast steps; none at all need the known states alone.

    Raises:
        ConfigError: the task has fewer steps.
    """
    most = task.steps
    if most is not None and steps > most:
        problem = f"this task has {most} step{'s' * (most > 1)}, and its outputs are not fed back, got {steps}"
        raise ConfigError([Fault("data.task", problem)], fix=f"ask for {most} at most, or choose the task `forecast`")
    if is_even(task):
        return CallPlan(Window(len(task.calls[0].states), steps, task.times.timestep))
    return _Planner(task, steps).plan()


def steps_until(task: Task, lead_time: np.timedelta64) -> int:
    """The number of forecast steps up to a lead time, of a task that repeats its calls.

    Raises:
        DataError: no output is valid at `lead_time`; the error names the times around it.
    """
    shift = task.shift
    if shift is None:
        raise ValueError("the task does not repeat its calls")
    outputs = [time for call in task.calls for time in call.outputs]
    count = sum(int((lead_time - time) // shift) + 1 for time in outputs if time <= lead_time)
    if any(time <= lead_time and (lead_time - time) % shift == NOTHING for time in outputs):
        return count
    earlier, later = (outputs[n % len(outputs)] + n // len(outputs) * shift for n in (max(count - 1, 0), count))
    near = " or ".join(dict.fromkeys(format_duration(time) for time in (earlier, later)))
    if is_even(task):
        step = f"a multiple of the time step of {format_duration(task.times.timestep)}"
    else:
        step = "a time at which an output is valid"
    raise DataError(f"`lead_time` must be {step}, got {format_duration(lead_time)!r}", fix=f"choose {near}")


def is_even(task: Task) -> bool:
    """Whether a task is to feed the latest states to a model, all one time step apart."""
    calls, step = task.calls, task.times.timestep
    if len(calls) > 1 or not calls[0].states:
        return False
    inputs, outputs = len(calls[0].states), len(calls[0].outputs)
    back, ahead = (tuple(np.arange(*ends) * step) for ends in ((1 - inputs, 1), (1, outputs + 1)))
    return task.shift == outputs * step and calls[0] == Call(back, back, ahead)


class _Planner:
    """Finds the times of a sample, and where each call reads."""

    def __init__(self, task: Task, steps: int) -> None:
        self.steps = steps
        self.calls: list[Call] = []
        self.given: list[np.timedelta64] = []
        known: set[np.timedelta64] = set()
        for call in task.all_calls():
            is_wanted = not self.calls or len(self.given) < steps
            own = {time for time in call.states if time not in self.given}
            if not is_wanted and task.shift is not None and not own:
                break  # from here on all states are outputs
            known |= own
            if is_wanted:
                self.calls.append(call)
            self.given += call.outputs
        self.known = sorted(known)
        self.baseline = task.baseline
        self.timestep = task.times.timestep

    def plan(self) -> CallPlan:
        """The plan of the calls that were found."""
        valid = self.given[: self.steps]
        read = {time for call in self.calls for time in call.forcings}
        others = sorted(read - {*self.known, *valid})
        times = (*self.known, *valid, *others)
        place = {time: number for number, time in reversed(list(enumerate(times)))}
        state_place = {time: number for number, time in enumerate((*self.known, *self.given))}
        planned, left = [], self.steps
        for call in self.calls:
            outputs = min(left, len(call.outputs))
            left -= outputs
            states, forcings = _positions(call.states, state_place), _positions(call.forcings, place)
            planned.append(PlannedCall(states, forcings, outputs, call.marks))
        positions = tuple(sorted(place[time] for time in read))
        window = Window(len(self.known), self.steps, self.timestep, times, positions)
        return CallPlan(window, tuple(planned), self._weights())

    def _weights(self) -> NDArray[np.float64] | None:
        """The weights of the known states that make the baseline of each step."""
        if self.baseline != "interpolation":
            return None
        rows = []
        for call in self.calls:
            row = [dict(zip(call.states, call.weights, strict=True)).get(time, 0.0) for time in self.known]
            rows += [row] * len(call.outputs)
        return np.array(rows[: self.steps], np.float64)


def _positions(times: Sequence[np.timedelta64], place: dict[np.timedelta64, int]) -> Positions:
    return run(np.array([place[time] for time in times], np.intp))


def _listed(positions: Positions) -> NDArray[np.intp]:
    return np.arange(positions.start, positions.stop) if isinstance(positions, slice) else positions
