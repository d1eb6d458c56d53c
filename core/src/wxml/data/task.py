"""Task: what a model is trained for, as the times that it reads and gives."""

__all__ = ["Baseline", "Call", "StepTimes", "Task"]

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal, final

import numpy as np

from wxml.data.times import format_offset
from wxml.errors import ContractError

Baseline = Literal["persistence", "interpolation", "climatology"]
"""What a model must beat: the last state, the states before and after on a straight line in time, or the mean."""
NOTHING = np.timedelta64(0, "s")


@dataclass(frozen=True, slots=True)
class StepTimes:
    """What the section `data` of a config says about times; a task may take its own from it."""

    timestep: np.timedelta64
    """`data.timestep`: the statistics of changes are over this time."""
    input_steps: int = 2
    """`data.input_steps`."""
    output_steps: int = 1
    """`data.output_steps`."""


@dataclass(frozen=True, slots=True)
class Call:
    """The times of one call of the model relative to the initial time, each list in order of time."""

    states: tuple[np.timedelta64, ...]
    """When the model reads the prognostic variables."""
    forcings: tuple[np.timedelta64, ...]
    """When it reads the forcings."""
    outputs: tuple[np.timedelta64, ...]
    """When its outputs are valid; one time at least."""
    marks: tuple[float, ...] = ()
    """Further numbers of order one that it reads, the same at each node, such as a share of time."""
    weights: tuple[float, ...] = ()
    """The weights of `states` whose sum is the baseline `interpolation` of the output; no other baseline has any."""

    def later(self, shift: np.timedelta64) -> "Call":
        """The same call some time later."""
        states, forcings, outputs = (
            tuple(time + shift for time in times) for times in (self.states, self.forcings, self.outputs)
        )
        return Call(states, forcings, outputs, self.marks, self.weights)

    def as_json(self) -> dict[str, Any]:
        """The call as JSON values, times in seconds."""
        names = ("states", "forcings", "outputs")
        seconds = {name: [int(time / np.timedelta64(1, "s")) for time in getattr(self, name)] for name in names}
        return {**seconds, "marks": list(self.marks)}


class Task(ABC):
    """Says at which times a model reads and gives what. The keyword-only parameters are its options.

    Core reads the samples at these times, feeds the model with its own outputs if the task says so, and knows from them
    the lead times of forecasts, losses and scores. All calls of a task have equally many states, forcings, outputs and
    marks.
    """

    baseline: ClassVar[Baseline] = "persistence"
    """What the residual `persistence` of a model adds its increments to, and what its scores are compared with."""
    has_states: ClassVar[bool] = True
    """Whether there are prognostic variables; without, the model reads forcings and gives diagnostic variables."""

    def __init__(self, times: StepTimes) -> None:
        self.times = times

    @property
    @abstractmethod
    def calls(self) -> tuple[Call, ...]:
        """The calls of the model, whose outputs are valid one after the other."""

    @property
    @abstractmethod
    def shift(self) -> np.timedelta64 | None:
        """How much later the same calls follow again, with states that earlier calls gave; None: never."""

    @property
    def spacing(self) -> np.timedelta64 | None:
        """The time between two initial times of `wxml forecast` unless the user says else; None: each of the source."""
        return self.times.timestep

    @property
    def outputs(self) -> int:
        """The number of output times of one call."""
        return len(self.calls[0].outputs)

    @property
    def steps(self) -> int | None:
        """The number of output times of all calls; None: as many as anybody wants."""
        return None if self.shift is not None else sum(len(call.outputs) for call in self.calls)

    @final
    def all_calls(self) -> Iterator[Call]:
        """Yield one call after the other; without end if the task has a shift."""
        calls, shift, number = self.calls, self.shift, 0
        while shift is not None or not number:
            for call in calls:
                yield call.later(number * shift) if number and shift is not None else call
            number += 1

    @final
    def as_json(self) -> dict[str, Any]:
        """The times as JSON values, in seconds, as a checkpoint records them; and from where later calls take states.

        `advance` has an entry for each state of the call that follows: how many calls before gave it, and which of its
        outputs it was.
        """
        found: dict[str, Any] = {"baseline": self.baseline, "calls": [call.as_json() for call in self.calls]}
        if self.shift is None:
            return found
        return found | {"shift": int(self.shift / np.timedelta64(1, "s")), "advance": self.advance()}

    @final
    def advance(self) -> list[list[int]]:
        """From where each state of a call comes, once all are the model's own: calls back, and number of the output.

        Raises:
            ContractError: the task repeats its calls, and one of their states is no output of an earlier call.
        """
        calls, shift = self.calls, self.shift
        if shift is None:
            return []
        given = [(number, place, time) for number, call in enumerate(calls) for place, time in enumerate(call.outputs)]
        found = []
        for number, call in enumerate(calls):
            for wanted in call.states:
                from_given = (
                    (number - other + len(calls) * int((time - wanted) / shift), place)
                    for other, place, time in given
                    if (time - wanted) % shift == NOTHING
                )
                back = min((one for one in from_given if one[0] > 0), default=None)
                if back is None:
                    name = type(self).__name__
                    raise ContractError(
                        f"task {name} reads a state at {format_offset(wanted)} that no earlier call gives",
                        fix="this is a fault of the plugin: tell its authors",
                    )
                found.append(list(back))
        return found


def check_rising(name: str, times: Sequence[np.timedelta64]) -> str:
    """What is wrong with a list of times that must rise; empty if nothing is."""
    if all(earlier < later for earlier, later in pairwise(times)):
        return ""
    return f"`{name}` must rise, got {', '.join(map(format_offset, times))}"
