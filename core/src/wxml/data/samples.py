"""Samples: windows of time, and the model values in them."""

__all__ = ["SampleSet", "Window", "check_finite"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml.data.preprocessing import Preprocessing
from wxml.data.times import format_duration, format_time
from wxml.errors import DataError


@dataclass(frozen=True, slots=True)
class Window:
    """The times around an initial time that a forecast of some steps needs."""

    input_steps: int
    """The number of states that the model reads; the last one is at the initial time."""
    steps: int
    """The number of states that the model forecasts."""
    timestep: np.timedelta64

    @property
    def offsets(self) -> NDArray[np.timedelta64]:
        """The times relative to the initial time, shape `[input_steps + steps]`; number `input_steps − 1` is 0."""
        return np.arange(1 - self.input_steps, self.steps + 1) * self.timestep

    def __len__(self) -> int:
        """The number of times, without a list of them."""
        return self.input_steps + self.steps

    def initial_times(
        self, times: NDArray[np.datetime64], period: tuple[np.datetime64, np.datetime64] | None = None
    ) -> NDArray[np.datetime64]:
        """Return the initial times whose whole window is in `times` and within `period` (both ends included)."""
        if period is not None:
            times = times[(times >= period[0]) & (times <= period[1])]
        if len(self) > len(times):
            return times[:0]
        complete = [np.isin(times + offset, times) for offset in self.offsets]
        return times[np.all(complete, axis=0)]


class SampleSet(Sequence[NDArray[np.float32]]):
    """The samples of a period: one per initial time and member, each a window of model values.

    A sample has shape `[time, variable, node]` with the variables of `Preprocessing.variables`. A missing value is NaN
    in the truth, where a loss must leave it out, and where nothing reads it: a diagnostic variable at an input time, a
    forcing at the last time.
    """

    def __init__(
        self, preprocessing: Preprocessing, window: Window, period: tuple[np.datetime64, np.datetime64]
    ) -> None:
        self.preprocessing = preprocessing
        self.window = window
        self.initial_times = window.initial_times(preprocessing.source.header.times, period)
        if not len(self.initial_times):
            first, last = map(format_time, period)
            raise DataError(
                f"no sample fits between {first} and {last}: one needs {len(window)} states, "
                f"{format_duration(window.timestep)} apart",
                fix="choose a longer period (`data.split`), fewer steps, or a `data.timestep` that the source has",
            )

    @property
    def sample_size(self) -> int:
        """The bytes of one sample."""
        values = len(self.window) * len(self.preprocessing.variables) * len(self.preprocessing.source.header.grid)
        return values * np.dtype(np.float32).itemsize

    def __len__(self) -> int:
        return len(self.initial_times) * self.preprocessing.source.header.members

    def __getitem__(self, index: int) -> NDArray[np.float32]:  # type: ignore[override]  # no slices
        return self.with_imputed(index)[0]

    def with_imputed(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Read a sample, and whether a transform filled in each value of its last input state.

        A rollout does not feed such values back: see `imputed` of `wxml.model.unroll`.

        Returns:
            The sample, shape `[time, variable, node]`, and the mask, shape `[prognostic, node]`.

        Raises:
            IndexError: there is no such sample.
            DataError: a value that the model reads is missing.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        start, member = divmod(index % len(self), self.preprocessing.source.header.members)
        times = self.initial_times[start] + self.window.offsets
        every_member, missing = self.preprocessing.read(times, self.window.input_steps)
        targets = np.zeros_like(missing[:, member])
        targets[self.window.input_steps :, : len(self.preprocessing.roles.output)] = True
        # a transform may have filled what is missing; the loss must see that the truth is missing there
        values = np.where(missing[:, member] & targets, np.float32(np.nan), every_member[:, member])
        check_finite(values, targets | self._unread(), self.preprocessing.variables, times)
        prognostic = len(self.preprocessing.roles.prognostic)
        return values, missing[self.window.input_steps - 1, member, :prognostic]

    def _unread(self) -> NDArray[np.bool_]:
        """Whether neither a model nor a loss reads a value of a sample, shape `[time, variable, 1]`."""
        roles = self.preprocessing.roles
        unread = np.zeros((len(self.window.offsets), len(self.preprocessing.variables), 1), bool)
        unread[: self.window.input_steps, len(roles.prognostic) : len(roles.output)] = True
        if self.window.steps:
            unread[-1, len(roles.output) :] = True
        return unread


def check_finite(
    values: NDArray[np.float32],
    allowed: NDArray[np.bool_],
    variables: tuple[str, ...],
    times: NDArray[np.datetime64],
) -> None:
    """Refuse values `[time, variable, node]` that are not finite where a model reads them.

    Raises:
        DataError: names the variable, the time and how many nodes are missing.
    """
    bad = ~np.isfinite(values) & ~allowed
    if bad.any():
        time, variable, _ = np.argwhere(bad)[0]
        raise DataError(
            f"variable {variables[variable]!r} is missing at {format_time(times[time])} on "
            f"{int(bad[time, variable].sum())} of {values.shape[-1]} nodes, and the model needs it there",
            fix="add {plugin: impute} before normalise in `data.transforms`, drop the variable, or choose other times",
        )
