"""The task `diagnose`: variables that follow from others at the same time."""

__all__ = ["Diagnose"]

from typing import Annotated

import numpy as np
from pydantic import Field

from wxml.data.task import Call, StepTimes, Task
from wxml.data.tasks.offsets import Offset, Offsets, check_order, check_own_times, offsets


class Diagnose(Task):
    """Gives variables that the model does not read, from others; no state is carried forward.

    All variables are forcings or diagnostic. The model gives the diagnostic ones themselves, in their own standard
    deviations, and `wxml forecast` applies it at each time of a source.
    """

    baseline = "climatology"
    has_states = False

    def __init__(
        self,
        times: StepTimes,
        *,
        inputs: Annotated[
            Offsets | None, Field(description="when forcings are read, from the time of a case on; null: at it")
        ] = None,
        target: Annotated[Offset, Field(description="when the outputs are valid, from the time of a case on")] = "0h",
    ) -> None:
        super().__init__(times)
        check_own_times("diagnose", times, ("input_steps", "output_steps"))
        self.inputs, self.target = offsets(["0h"] if inputs is None else inputs), offsets([target])
        check_order({"inputs": self.inputs})

    @property
    def calls(self) -> tuple[Call, ...]:
        """One call."""
        return (Call((), self.inputs, self.target),)

    @property
    def shift(self) -> np.timedelta64 | None:
        """None: nothing is fed back."""
        return None

    @property
    def spacing(self) -> np.timedelta64 | None:
        """None: each time of a source is a case."""
        return None
