"""StateFilter: what happens to a state before, between and after the steps of a forecast."""

__all__ = ["FilterSpace", "StateFilter"]

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.variables import Variable
from wxml.errors import ContractError

Place = Literal["input", "step", "output"]
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

    def __init__(self, space: FilterSpace) -> None:
        self.space = space
        self.variables = space.variables

    @final
    def apply(
        self, values: NDArray[np.float32], valid_time: np.datetime64, lead_time: np.timedelta64 = ZERO
    ) -> NDArray[np.float32]:
        """Change one state; return values of the shape `[member, variable, node]` of `variables`.

        Args:
            values: of the variables of the space, shape `[member, variable, node]`; NaN is missing. It is not changed.
            valid_time: when the state is, `datetime64[s]`.
            lead_time: how long after the initial time that is.

        Raises:
            ContractError: the plugin gives another shape or type.
        """
        given = values.view()
        given.flags.writeable = False
        found = np.asarray(self._apply(given, valid_time, lead_time))
        expected = (values.shape[0], len(self.variables), values.shape[2])
        if found.shape != expected or found.dtype.kind != "f":
            raise ContractError(
                f"state filter {type(self).__name__} gave {found.dtype} of shape {list(found.shape)}, and must give "
                f"floating-point numbers of shape [member, variable, node] = {list(expected)}",
                fix="this is a fault of the plugin: tell its authors",
            )
        return found.astype(np.float32, copy=False)

    @abstractmethod
    def _apply(
        self, values: NDArray[np.float32], valid_time: np.datetime64, lead_time: np.timedelta64
    ) -> NDArray[np.floating[Any]]:
        """Return the state with what the filter changes, shape `[member, variable, node]`; `values` is read-only."""
