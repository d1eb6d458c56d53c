"""The task `forecast`: later states from earlier ones, fed back for as long as anybody wants."""

__all__ = ["Forecast"]

from typing import Annotated

import numpy as np
from pydantic import Field

from wxml.data.task import NOTHING, Call, StepTimes, Task
from wxml.data.tasks.offsets import PLACE, Offset, Offsets, check_order, check_own_times, offsets
from wxml.data.times import format_duration, format_offset, parse_offset
from wxml.errors import ConfigError, Fault


class Forecast(Task):
    """Gives later states from earlier ones; the outputs of a call are states of the calls that follow.

    Without offsets the model reads `data.input_steps` states and gives `data.output_steps`, all one `data.timestep`
    apart. With a shift s, call k reads states at k s + `input_offsets` and gives states at k s + `output_offsets`,
    k = 0, 1, …; a state up to the initial time is that of the data, and a later one is an output of an earlier call.
    """

    def __init__(
        self,
        times: StepTimes,
        *,
        input_offsets: Annotated[
            Offsets | None,
            Field(
                description="when states are read; null: `data.input_steps` of them", examples=[["-24h", "-6h", "0h"]]
            ),
        ] = None,
        output_offsets: Annotated[
            Offsets | None,
            Field(description="when outputs are valid; null: `data.output_steps` of them", examples=[["6h", "12h"]]),
        ] = None,
        forcing_offsets: Annotated[
            Offsets | None,
            Field(description="when forcings are read; null: when states are", examples=[["0h", "6h"]]),
        ] = None,
        shift: Annotated[
            Offset | None,
            Field(description="how much later the next call is; null: by the last of the outputs; 0h: there is none"),
        ] = None,
    ) -> None:
        super().__init__(times)
        step, back, ahead = times.timestep, times.input_steps, times.output_steps
        own = {"input_steps": input_offsets, "output_steps": output_offsets}
        check_own_times("forecast", times, [name for name, given in own.items() if given is not None])
        self.inputs = tuple(np.arange(1 - back, 1) * step) if input_offsets is None else offsets(input_offsets)
        self.targets = tuple(np.arange(1, ahead + 1) * step) if output_offsets is None else offsets(output_offsets)
        self.forcings = self.inputs if forcing_offsets is None else offsets(forcing_offsets)
        lists = {"input_offsets": self.inputs, "output_offsets": self.targets, "forcing_offsets": self.forcings}
        check_order(lists)
        self._shift = self.targets[-1] if shift is None else parse_offset(shift)
        self._check_times()

    @property
    def calls(self) -> tuple[Call, ...]:
        """One call, which the shift repeats."""
        return (Call(self.inputs, self.forcings, self.targets),)

    @property
    def shift(self) -> np.timedelta64 | None:
        """How much later the next call is."""
        return self._shift if self._shift > NOTHING else None

    def _check_times(self) -> None:
        """Refuse states of the future, outputs of the past, and a shift with which outputs come twice or states never.

        Raises:
            ConfigError: names what does not fit.
        """
        faults = []
        if self.inputs[-1] > NOTHING:
            faults.append(("input_offsets", f"a state must be known, got {format_offset(self.inputs[-1])}"))
        if self.targets[0] <= NOTHING:
            faults.append(("output_offsets", f"an output must be later than 0h, got {format_offset(self.targets[0])}"))
        if faults:
            raise ConfigError([Fault(f"{PLACE}.{name}", problem) for name, problem in faults])
        problem = _shift_problem(self.inputs, self.targets, self._shift)
        if problem:
            steps = sorted({*self.targets, *(time - self.targets[0] for time in self.targets[1:])})
            fitting = [format_duration(one) for one in steps if not _shift_problem(self.inputs, self.targets, one)]
            fix = f"choose {' or '.join(fitting)}, or 0h" if fitting else "choose other offsets, or 0h"
            raise ConfigError([Fault(f"{PLACE}.shift", problem)], fix=f"{fix}, with which nothing is fed back")


def _shift_problem(
    inputs: tuple[np.timedelta64, ...], outputs: tuple[np.timedelta64, ...], shift: np.timedelta64
) -> str:
    """Why calls cannot follow each other with this shift; empty if they can, or if there is no shift."""
    if shift == NOTHING:
        return ""
    written = format_offset(shift)
    if shift < NOTHING or outputs[0] + shift <= outputs[-1]:
        least = format_offset(outputs[-1] - outputs[0])
        return f"`shift` must exceed {least}, from the first to the last output, or outputs come twice, got {written}"
    for wanted in inputs:
        if not any((given - wanted) % shift == NOTHING for given in outputs):
            return (
                f"with a `shift` of {written} no call gives the state that a later one reads at {format_offset(wanted)}"
            )
    return ""
