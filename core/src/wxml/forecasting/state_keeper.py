"""What gathers the state of running forecasts every so many steps, and puts it back."""

__all__ = ["SavingCalls", "StateKeeper"]

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wxml.data.state_filter import StateFilter
from wxml.forecasting.saved_state import Moment, SavedState, StateFile

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger("wxml")

Copies = Sequence[StateFilter]


class StateKeeper:
    """Has what the rollout and the filters of a batch of initial times remember between two steps.

    All of its methods are called in the thread of the rollout.
    """

    def __init__(self, every: int, file: StateFile, begun: SavedState | None = None) -> None:
        """Gather anew.

        Args:
            every: so many steps lie between two states.
            file: where they go.
            begun: the state from which the first batch goes on.
        """
        self.file, self.begun = file, begun
        self._every = every
        self._send: Callable[[SavedState], None] = _to_nobody
        self._next, self._current = begun, begun
        self._times: tuple[np.datetime64, ...] = ()
        self._lead_times: NDArray[np.timedelta64] = np.array([], "m8[s]")
        self._watched: dict[str, tuple[Copies, Copies]] = {}
        self._last = 0

    def send_to(self, send: Callable[[SavedState], None]) -> None:
        """Name what takes each state."""
        self._send = send

    def begin(self, times: NDArray[np.datetime64], lead_times: NDArray[np.timedelta64]) -> SavedState | None:
        """Begin a batch of initial times; return the state from which it goes on, if there is one."""
        self._times, self._lead_times, self._watched = tuple(times), lead_times, {}
        self._current, self._next = self._next, None
        self._last = self._current.steps if self._current else 0
        return self._current

    def watch(self, name: str, copies: Copies, made: Copies) -> None:
        """Take filters of an initial time, and let them remember what they did in the state.

        Args:
            name: which they are.
            copies: the filters.
            made: those of which they are copies.
        """
        self._watched[name] = copies, made
        for place, one in enumerate(copies):
            for attribute, array in _of_filter(self._current, f"{name}/{place}/"):
                if _can_be_set(one, attribute):
                    setattr(one, attribute, array if array.ndim else array.item())

    def reach(self, calls: int, steps: int, states: "Tensor") -> None:
        """Say that so many calls of the model have made so many steps, and what the next one gets."""
        if not self._every or steps // self._every == self._last // self._every:
            return
        from wxml.model.tensors import to_array

        self._last = steps
        # Copies: what is written in another thread may meanwhile be changed in place here.
        arrays: dict[str, NDArray[Any]] = {"states": to_array(states).copy()}
        for name, (copies, made) in self._watched.items():
            for place, (one, template) in enumerate(zip(copies, made, strict=True)):
                found = _remembered(one, template)
                if found is None:
                    logger.warning("no state is saved: filter `%s` remembers what is no number", type(one).__name__)
                    self._every = 0
                    return
                arrays |= {f"{name}/{place}/{attribute}": array for attribute, array in found.items()}
        self._send(SavedState(Moment(self._times, self._lead_times[steps - 1]), calls, steps, arrays))


class SavingCalls:
    """Calls a model, and tells a keeper before each call what it gets."""

    def __init__(self, calls: "Callable[..., Tensor]", keeper: StateKeeper, begun: SavedState | None) -> None:
        self._model, self._keeper = calls, keeper
        self._calls, self._steps = (begun.calls, begun.steps) if begun else (0, 0)

    def __call__(self, states: "Tensor", forcings: "Tensor", *noise: "Tensor") -> "Tensor":
        """Call the model; see `ModelCalls`."""
        self._keeper.reach(self._calls, self._steps, states)
        outputs = self._model(states, forcings, *noise)
        self._calls, self._steps = self._calls + 1, self._steps + outputs.shape[1]
        return outputs


def _to_nobody(state: SavedState) -> None:
    pass


def _of_filter(state: SavedState | None, prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """The attributes of a filter in a state."""
    arrays = state.arrays if state else {}
    yield from ((name.removeprefix(prefix), array) for name, array in arrays.items() if name.startswith(prefix))


def _remembered(one: StateFilter, template: StateFilter) -> dict[str, NDArray[Any]] | None:
    """What a filter has learnt since it was copied, single numbers without axes; None: it is something else, too."""
    before, now = vars(template), vars(one)
    changed = {name: value for name, value in now.items() if name not in before or value is not before[name]}
    able = all(_is_number(value) or (isinstance(value, np.ndarray) and value.ndim > 0) for value in changed.values())
    if not able or before.keys() - now.keys() or not all(_can_be_set(one, name) for name in changed):
        return None
    arrays = {name: np.array(value) for name, value in changed.items()}
    return arrays if all(array.dtype.kind in "biuf" for array in arrays.values()) else None


def _can_be_set(one: StateFilter, attribute: str) -> bool:
    """Whether an attribute is one of the filter itself, and hides neither a method nor a property of its class."""
    return attribute in vars(one) or isinstance(getattr(type(one), attribute, None), bool | int | float | None)


def _is_number(value: Any) -> bool:
    """Whether a value is a number of Python, which an array without axes brings back as it was."""
    return type(value) in (bool, int, float)
