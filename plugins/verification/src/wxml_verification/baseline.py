"""The baseline that is made of known states: persistence, or the straight line in time of an interpolation."""

__all__ = ["PERSISTENCE", "StateBaseline", "baseline_of"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from wxml import Task

from wxml_verification.arrays import Array
from wxml_verification.truth import Truth

Weights = Mapping[int, float]
SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True, slots=True)
class StateBaseline:
    """Sums of known states of the truth."""

    name: str
    states: Mapping[int, Weights] | None = None
    """Lead time → the weight of each state, by its time from the initial time on, all in seconds; None: the initial
    state alone."""
    note: str = ""
    """What the reader of a report must know."""

    def at(
        self, truth: Truth, initial_time: np.datetime64, lead_times: NDArray[np.timedelta64], variables: Sequence[str]
    ) -> Array:
        """The values of one case, shape `[lead_time, variable, node]`; NaN where a state is not known."""
        if self.states is None:
            start = truth.at(initial_time.reshape(1), variables)
            return np.broadcast_to(start, (len(lead_times), *start.shape[1:]))
        wanted = [self.states.get(int(lead / SECOND), {}) for lead in lead_times]
        times = sorted({time for weights in wanted for time in weights})
        known = dict(zip(times, truth.at(initial_time + np.array(times, int) * SECOND, variables), strict=True))
        out = np.full((len(lead_times), len(variables), len(truth.source.header.grid)), np.nan)
        for place, weights in enumerate(wanted):
            if weights:
                out[place] = np.sum([weight * known[time] for time, weight in weights.items()], axis=0)
        return out


PERSISTENCE = StateBaseline("persistence")


def baseline_of(task: Task | None) -> StateBaseline:
    """The baseline of the forecasts of a task; None: of forecasts that nobody knows more of."""
    if task is None or task.baseline == "persistence":
        return PERSISTENCE
    if task.baseline == "climatology":
        return StateBaseline("persistence", {}, "The forecasts begin with no state, so persistence is not scored.")
    weights = {
        int(call.outputs[0] / SECOND): {
            int(time / SECOND): weight for time, weight in zip(call.states, call.weights, strict=True) if weight
        }
        for call in task.calls
    }
    return StateBaseline("interpolation", weights)
