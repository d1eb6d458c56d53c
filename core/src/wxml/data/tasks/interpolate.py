"""The task `interpolate`: states between states that are known."""

__all__ = ["Interpolate"]

from bisect import bisect_left
from typing import Annotated

import numpy as np
from pydantic import Field

from wxml.data.task import Call, StepTimes, Task
from wxml.data.tasks.offsets import PLACE, Offsets, check_order, check_own_times, offsets
from wxml.data.times import format_duration, format_offset
from wxml.errors import ConfigError, Fault


class Interpolate(Task):
    """Gives the states at times between two that are known, one target with each call of the model.

    The model reads the prognostic variables at the inputs, the forcings at the inputs and at the target, and the share
    f of the time from the first to the last input that has passed at the target. With the residual `persistence` it
    adds its output to the straight line in time between the inputs before and after.
    """

    baseline = "interpolation"

    def __init__(
        self,
        times: StepTimes,
        *,
        targets: Annotated[
            Offsets,
            Field(
                description="when states are wanted, from the initial time on",
                examples=[["1h", "2h", "3h", "4h", "5h"]],
            ),
        ],
        inputs: Annotated[
            Offsets | None,
            Field(min_length=2, description="when states are known; null: at 0h and one `data.timestep` later"),
        ] = None,
    ) -> None:
        super().__init__(times)
        check_own_times("interpolate", times, ("input_steps", "output_steps"))
        self.inputs = offsets(["0h", format_duration(times.timestep)] if inputs is None else inputs)
        self.targets = offsets(targets)
        check_order({"inputs": self.inputs, "targets": self.targets})
        outside = [time for time in self.targets if not self.inputs[0] < time < self.inputs[-1] or time in self.inputs]
        if outside:
            known = ", ".join(map(format_offset, self.inputs))
            problem = f"a target must lie between inputs ({known}) and be none of them, got {format_offset(outside[0])}"
            raise ConfigError([Fault(f"{PLACE}.targets", problem)], fix="change `targets` or `inputs`")

    @property
    def calls(self) -> tuple[Call, ...]:
        """One call for each target."""
        return tuple(map(self._call, self.targets))

    @property
    def shift(self) -> np.timedelta64 | None:
        """None: nothing is fed back."""
        return None

    @property
    def spacing(self) -> np.timedelta64 | None:
        """The time between the inputs around all targets, so that the cases make one series."""
        before = max(time for time in self.inputs if time < self.targets[0])
        return min(time for time in self.inputs if time > self.targets[-1]) - before

    def _call(self, target: np.timedelta64) -> Call:
        """The call for one target, with the weights of the inputs on the straight line."""
        first, last = self.inputs[0], self.inputs[-1]
        after = bisect_left(self.inputs, target)
        earlier, later = self.inputs[after - 1], self.inputs[after]
        share = float((target - earlier) / (later - earlier))
        weights = [0.0] * len(self.inputs)
        weights[after - 1], weights[after] = 1 - share, share
        forcings = tuple(sorted({*self.inputs, target}))
        return Call(self.inputs, forcings, (target,), (float((target - first) / (last - first)),), tuple(weights))
