"""Tendency: a variable that changes slowly counts as much as a fast one."""

__all__ = ["Tendency"]

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import LossSpace, LossWeight


class Tendency(LossWeight):
    """One over the typical change of a variable in a time step, or over the square of it."""

    def __init__(
        self,
        space: LossSpace,
        *,
        power: Annotated[
            Literal[1, 2], Field(description="2 makes squared errors of all variables alike, 1 absolute errors")
        ] = 2,
    ) -> None:
        super().__init__(space)
        self.power = power

    def factor(self) -> NDArray[np.float64]:
        """s^−`power`, where s is the root mean square change of each variable over a time step, in model values."""
        return self.space.tendency_scale[None, None, :] ** -float(self.power)
