"""Which times make a sample, and the samples themselves."""

__all__ = ["ModelSpace", "SampleSet", "Window", "check_finite"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.data.forcings import compute_forcings
from wxml.data.source import DataSource
from wxml.data.times import format_duration, format_time
from wxml.data.transform import Transform
from wxml.data.variables import VariableRoles
from wxml.errors import DataError


@dataclass(frozen=True, slots=True)
class Window:
    """The times around an initial time that a forecast of some steps needs."""

    input_steps: int
    """How many states the model reads, the last of them at the initial time."""
    steps: int
    """How many states it forecasts."""
    timestep: np.timedelta64

    @property
    def offsets(self) -> NDArray[np.timedelta64]:
        """From the initial time, shape `[input_steps + steps]`; the initial time is number `input_steps − 1`."""
        return np.arange(1 - self.input_steps, self.steps + 1) * self.timestep

    def initial_times(
        self, times: NDArray[np.datetime64], period: tuple[np.datetime64, np.datetime64] | None = None
    ) -> NDArray[np.datetime64]:
        """The initial times whose whole window is among `times` and within `period` (both ends included)."""
        if period is not None:
            times = times[(times >= period[0]) & (times <= period[1])]
        complete = [np.isin(times + offset, times) for offset in self.offsets]
        return times[np.all(complete, axis=0)]


@dataclass(frozen=True, slots=True, eq=False)
class ModelSpace:
    """From the physical values of a source to what a model reads, and back.

    The variable axis holds prognostic, then diagnostic, then forcing variables; forcings that the source does not have
    are computed.
    """

    source: DataSource
    roles: VariableRoles
    transforms: Sequence[Transform]
    constants: frozenset[str] = frozenset()
    """Variables that do not change with time, such as orography; a forecast may go beyond the last time they have."""

    @property
    def variables(self) -> tuple[str, ...]:
        """The names along the variable axis."""
        return self.roles.output + self.roles.forcing

    def states(self, times: ArrayLike) -> NDArray[np.float32]:
        """Only the prognostic variables, shape `[time, member, prognostic, node]`; NaN where one is missing."""
        return self.forward(self.source.read(times, self.roles.prognostic), self.roles.prognostic)

    def read(self, times: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Model values, shape `[time, member, variable, node]`, and where the source had none (same shape)."""
        read, computed = self._split(self.variables)
        physical = self.source.read(times, read)
        extra = self._computed(computed, times)
        values = np.concatenate([self.forward(physical, read), extra], axis=2)
        missing = np.concatenate([np.isnan(physical), np.zeros(extra.shape, bool)], axis=2)
        order = [(read + computed).index(name) for name in self.variables]
        return values[:, :, order], missing[:, :, order]

    def forcings(self, times: ArrayLike) -> NDArray[np.float32]:
        """Only the forcings, shape `[time, member, forcing, node]`; NaN where one is missing and not imputed.

        Constants are read at the first time alone.
        """
        read, computed = self._split(self.roles.forcing)
        changing, constant = (tuple(v for v in read if (v in self.constants) is wanted) for wanted in (False, True))
        instants = np.asarray(times, "datetime64[s]").reshape(-1)
        parts = [
            self.forward(self.source.read(instants[:1], constant), constant).repeat(len(instants), axis=0),
            self._computed(computed, instants),
        ]
        if changing:
            parts.insert(0, self.forward(self.source.read(instants, changing), changing))
        order = changing + constant + computed
        return np.concatenate(parts, axis=2)[:, :, [order.index(name) for name in self.roles.forcing]]

    def forward(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """Physical to model values, shape `[..., variable, node]`."""
        for transform in self.transforms:
            values = transform.forward(values, variables)
        return values

    def inverse(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """Model to physical values, shape `[..., variable, node]`."""
        for transform in reversed(self.transforms):
            values = transform.inverse(values, variables)
        return values

    def _split(self, variables: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Those that the source has, and those that are computed."""
        has = self.source.header.names
        return tuple(v for v in variables if v in has), tuple(v for v in variables if v not in has)

    def _computed(self, variables: tuple[str, ...], times: ArrayLike) -> NDArray[np.float32]:
        values = compute_forcings(variables, self.source.header.grid, times)[:, None]
        return np.repeat(values, self.source.header.members, axis=1)


class SampleSet(Sequence[NDArray[np.float32]]):
    """The samples of a period: one per initial time and member, each a window of model values.

    A sample has shape `[time, variable, node]` with the variables of `ModelSpace.variables`; values are NaN only where
    the truth to be forecast is missing, and a loss must leave these out.
    """

    def __init__(self, space: ModelSpace, window: Window, period: tuple[np.datetime64, np.datetime64]) -> None:
        self.space = space
        self.window = window
        self.initial_times = window.initial_times(space.source.header.times, period)
        if not len(self.initial_times):
            first, last = map(format_time, period)
            raise DataError(
                f"no sample fits between {first} and {last}: one needs {len(window.offsets)} states, "
                f"{format_duration(window.timestep)} apart",
                fix="choose a longer period (`data.split`), fewer steps, or a `data.timestep` that the source has",
            )

    def __len__(self) -> int:
        return len(self.initial_times) * self.space.source.header.members

    def __getitem__(self, index: int) -> NDArray[np.float32]:  # type: ignore[override]  # no slices
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        start, member = divmod(index % len(self), self.space.source.header.members)
        times = self.initial_times[start] + self.window.offsets
        values, missing = self.space.read(times)
        return self._checked(values[:, member], missing[:, member], times)

    def _checked(
        self, values: NDArray[np.float32], missing: NDArray[np.bool_], times: NDArray[np.datetime64]
    ) -> NDArray[np.float32]:
        """The values, NaN put back into the truth where it is missing; a NaN that the model would read is an error."""
        targets = np.zeros_like(missing)
        targets[self.window.input_steps :, : len(self.space.roles.output)] = True
        values = np.where(missing & targets, np.float32(np.nan), values)
        check_finite(values, targets, self.space.variables, times)
        return values


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
