"""Perturbation: makes the initial states of the members of an ensemble differ."""

__all__ = ["EarlierRun", "InitialState", "Perturbation", "PerturbationSpace"]

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.data.grid import Grid
from wxml.data.times import format_time
from wxml.data.variables import Variable
from wxml.errors import ContractError


@dataclass(frozen=True, slots=True, eq=False)
class PerturbationSpace:
    """What is perturbed: the prognostic variables on the grid of a model."""

    grid: Grid
    variables: tuple[Variable, ...]
    """The prognostic variables, with their units in the training."""
    changes: NDArray[np.float64]
    """The root mean square change of each over one time step in the training period, in its units; 0 of one that never
    changed."""
    timestep: np.timedelta64
    """That of the model."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the variables."""
        return tuple(variable.name for variable in self.variables)


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """A forecast, without noise, that begins before the initial time."""

    lag: np.timedelta64
    """How long before the initial time it begins; positive."""
    duration: np.timedelta64
    """How far it goes."""


@dataclass(frozen=True, slots=True, eq=False)
class InitialState:
    """The unperturbed initial state of one member."""

    values: NDArray[np.float32]
    """Shape `[input time, variable, node]`, in physical units; NaN where one is missing. It is read-only."""
    times: NDArray[np.datetime64]
    """The input times, rising, `datetime64[s]`; the last is the initial time."""
    member: int
    """The number of the member, from 0."""
    seed: int
    """What random numbers begin with; it follows from the seed of the experiment, the initial time, the number of the
    member and the place of the perturbation in the list, and is not that of the model's noise."""
    run: Callable[[EarlierRun, NDArray[np.float64] | None], NDArray[np.float32]]
    """Makes a forecast that `Perturbation.runs` names from the state then, to which a difference is added, of the shape
    of `values` or with one input time, in physical units; None: from the state as it is. Returns the state at its end,
    of the shape of `values`: the same input times, later by its duration less its lag."""

    def from_earlier(self, lag: np.timedelta64) -> NDArray[np.float32]:
        """The state at `times` that the model forecasts, unperturbed, from an initial time that is so much earlier."""
        return self.run(EarlierRun(lag, lag), None)

    def generator(self) -> np.random.Generator:
        """Random numbers of this member."""
        return np.random.default_rng(self.seed)


class Perturbation(ABC):
    """Adds something to the initial state of a member. All options are keyword-only.

    Core adds the differences of all perturbations of the list to the unperturbed state, in the units of the training.
    Afterwards, a variable with limits in `model.bounding` is within them, one that was never negative in the training
    period is not, and what was missing is missing.
    """

    def __init__(self, space: PerturbationSpace) -> None:
        self.space = space

    def runs(self, member: int) -> Sequence[EarlierRun]:
        """The forecasts that the state of a member is asked for (`InitialState.run`).

        Core checks before the first step that their inputs are there.
        """
        return ()

    def check(self, times: NDArray[np.datetime64]) -> None:  # noqa: B027  # nothing to check is no mistake
        """Raise a DataError if data of its own lack one of the input times; core asks before the first step."""

    @final
    def difference(self, state: InitialState) -> NDArray[np.float64]:
        """What is added, shape `[input time or 1, variable, node]`; finite wherever the state has a value.

        Raises:
            ContractError: the plugin gave something else.
        """
        found = np.asarray(self._difference(state), np.float64)
        times, *others = state.values.shape
        if found.ndim == 2:
            found = found[None]
        if found.ndim != 3 or found.shape[0] not in (1, times) or list(found.shape[1:]) != others:
            raise self._fault(
                f"gave differences of shape {list(found.shape)} for [{times} or 1, {others[0]}, {others[1]}]"
            )
        bad = int((~np.isfinite(found) & ~np.isnan(state.values)).sum())
        if bad:
            raise self._fault(f"gave {bad} differences at {format_time(state.times[-1])} that are not finite numbers")
        return found

    @abstractmethod
    def _difference(self, state: InitialState) -> ArrayLike:
        """What is added to the state of a member, in physical units.

        Shape `[variable, node]`, the same for every input time, or `[input time, variable, node]`. The same member of
        the same initial time must get the same bits, whichever members were asked for before.
        """

    def _fault(self, what: str) -> ContractError:
        return ContractError(
            f"perturbation {type(self).__name__} {what}", fix="this is a fault of the plugin: tell its authors"
        )
