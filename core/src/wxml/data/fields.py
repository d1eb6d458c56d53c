"""Values of several variables on one grid at one instant."""

__all__ = ["Fields"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """The values of some variables at one instant on one grid, in physical units."""

    valid_time: np.datetime64
    """The instant that the values describe, UTC, `datetime64[s]`."""
    variables: tuple[str, ...]
    values: NDArray[np.float32]
    """Shape `[member, variable, node]`; NaN where a value is missing."""

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[1] != len(self.variables):
            raise DataError(
                f"`values` must have shape [member, {len(self.variables)} variables, node], got {self.values.shape}",
                fix="add the missing axis or name every variable",
            )

    def __getitem__(self, variable: str) -> NDArray[np.float32]:
        """Return the values of `variable`, shape `[member, node]`."""
        return self.values[:, self.variables.index(variable)]
