"""What forecasts read: their initial states, and forcings when a step needs them."""

__all__ = ["check_inputs", "forcings_reader", "read_states"]

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wxml.data.batch_reader import check_finite
from wxml.data.call_plan import CallPlan
from wxml.experiment.parts import Experiment

if TYPE_CHECKING:
    from torch import Tensor


def check_inputs(experiment: Experiment, times: NDArray[np.datetime64], plan: CallPlan) -> None:
    """Read all that forecasts from some initial times read, one time of the forcings after the other.

    Raises:
        DataError: something is lacking, or is not finite where the model needs a value.
    """
    *_, told = read_states(experiment, times, plan)
    read = forcings_reader(experiment, times, plan, told)
    for position in plan.window.forcing_positions:
        read([int(position)])


def read_states(
    experiment: Experiment, times: NDArray[np.datetime64], plan: CallPlan
) -> tuple["Tensor", "Tensor", list[NDArray[np.bool_]]]:
    """The known states, the mask of what no forecast has (`absent`), and where each known state is imputed.

    The batch axis is initial time × member; the last are one for each initial time, `[state, member, prognostic, node]`
    and behind the known states one for all times after them.
    """
    from torch import from_numpy

    from wxml.model.tensors import to_tensor

    preprocessing, window = experiment.preprocessing, plan.window
    known, decisive = window.input_steps, slice(-1 if plan.weights is None else 0, None)
    states, absent, told = [], [], []
    for time in times:
        at = time + window.offsets[:known]
        read, missing = preprocessing.states(at)
        imputed = np.asarray(missing[decisive].any(axis=0))
        lost = preprocessing.absent(time + window.offsets[max(known - 1, 0)], imputed)
        told.append(np.concatenate([missing, lost[None, :, : missing.shape[2]]]))
        absent.append(np.swapaxes(lost, -1, -2))
        states.append(np.swapaxes(read, 0, 1))
        _check(states[-1], experiment.roles.prognostic, at)
    return to_tensor(np.concatenate(states)), from_numpy(np.concatenate(absent)), told


def forcings_reader(
    experiment: Experiment, times: NDArray[np.datetime64], plan: CallPlan, told: list[NDArray[np.bool_]]
) -> Callable[[Sequence[int]], "Tensor"]:
    """What reads the forcings at positions among the times of a sample; those that never change are read once.

    Raises:
        DataError: the source lacks a time at which one is read.
    """
    from wxml.model.tensors import to_tensor

    preprocessing, window, roles = experiment.preprocessing, plan.window, experiment.roles
    first = window.offsets[window.forcing_positions[:1]]
    for time in times:
        preprocessing.require_forcings(time + window.offsets[window.forcing_positions])
    constants = [preprocessing.constant_forcings(time) for time in (times[:, None] + first)[:, 0]]

    def read(positions: Sequence[int]) -> "Tensor":
        offsets, masks = window.offsets[list(positions)], np.minimum(positions, window.input_steps)
        fields = []
        for time, constant, missing in zip(times, constants, told, strict=True):
            values = preprocessing.forcings(time + offsets, missing[masks], constant)
            fields.append(np.swapaxes(values, 0, 1))
            _check(fields[-1], roles.forcing, time + offsets)
        return to_tensor(np.concatenate(fields))

    return read


def _check(values: NDArray[np.float32], names: tuple[str, ...], times: NDArray[np.datetime64]) -> None:
    """Refuse what is not finite in fields `[member, time, variable, node]`."""
    for member in values:
        check_finite(member, np.zeros(member.shape, bool), names, times)
