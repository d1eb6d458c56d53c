"""StateFilter: what happens to a state before, between and after the steps of a forecast."""

__all__ = ["FilterSpace", "StateFilter"]

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.variables import Variable
from wxml.errors import ContractError

Place = Literal["input", "step", "output"]
AnyFloat = TypeVar("AnyFloat", np.float32, np.float64)
ZERO = np.timedelta64(0, "s")


@dataclass(frozen=True, slots=True, eq=False)
class FilterSpace:
    """What a filter gets."""

    grid: Grid
    variables: tuple[Variable, ...]
    """The variables of the states, in order, with units."""
    timestep: np.timedelta64
    """The time step of the model, `timedelta64[s]`."""


class StateFilter(ABC):
    """Changes states in physical units. The keyword-only parameters are its options.

    Core makes one and copies it (`copy.copy`) for each initial time. A copy sees the steps of its forecast in the order
    of their lead times, so it may keep what it needs of earlier ones in attributes, which it sets anew and never
    changes in place. In the place `input` a copy sees one state alone.
    """

    places: ClassVar[tuple[Place, ...]] = ("input", "step", "output")
    """Where it may stand: on the states that are read, on what is fed back, on what comes out."""
    variables: tuple[Variable, ...]
    """What comes out of it, in order; the constructor sets it. In the place `step` it is what comes in."""
    grid: Grid
    """The nodes of what comes out; the constructor sets it. In the place `step` they are those that come in."""

    def __init__(self, space: FilterSpace) -> None:
        self.space = space
        self.variables, self.grid = space.variables, space.grid

    @property
    def deviations(self) -> Mapping[str, str]:
        """The variables whose standard deviation follows that of one that comes in: its name now → its name before.

        Where a model has a spread, core sends the state one deviation above and the one below through copies of the
        filter, and half of their distance is the deviation of what comes out. A filter leaves out those of which that
        is not true, such as sums over steps or of several variables. Default: what keeps its name.
        """
        before = {one.name for one in self.space.variables}
        return {one.name: one.name for one in self.variables if one.name in before}

    def moved(self, fields: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Fields `[..., node]` of the space on the nodes of `grid`; NaN is missing. One with another grid fills it."""
        return fields

    @final
    def apply(
        self, values: NDArray[AnyFloat], valid_time: np.datetime64, lead_time: np.timedelta64 = ZERO
    ) -> NDArray[AnyFloat]:
        """Change one state; return values of the shape `[member, variable, node]` of `variables`.

        Args:
            values: of the variables of the space, shape `[member, variable, node]`; NaN is missing. They are not
                changed. What comes out has their type.
            valid_time: when the state is, `datetime64[s]`.
            lead_time: how long after the initial time that is.

        Raises:
            ContractError: the plugin gives another shape or type.
        """
        given = values.view()
        given.flags.writeable = False
        found = np.asarray(self._apply(given, valid_time, lead_time))
        expected = (values.shape[0], len(self.variables), len(self.grid))
        if found.shape != expected or found.dtype.kind != "f":
            raise ContractError(
                f"state filter {type(self).__name__} gave {found.dtype} of shape {list(found.shape)}, and must give "
                f"floating-point numbers of shape [member, variable, node] = {list(expected)}",
                fix="this is a fault of the plugin: tell its authors",
            )
        return found.astype(values.dtype, copy=False)

    @abstractmethod
    def _apply(
        self, values: NDArray[Any], valid_time: np.datetime64, lead_time: np.timedelta64
    ) -> NDArray[np.floating[Any]]:
        """Return the state with what the filter changes, shape `[member, variable, node]`; `values` is read-only."""
