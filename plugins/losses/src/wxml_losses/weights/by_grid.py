"""By grid: a factor for the nodes of each of several grids."""

__all__ = ["ByGrid"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import LossSpace, LossWeight
from wxml.errors import ConfigError, Fault, nearest


class ByGrid(LossWeight):
    """A factor for all nodes of each of several grids, beside their area; 1 for those without one."""

    is_measure = True

    def __init__(
        self,
        space: LossSpace,
        *,
        weights: Annotated[
            dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]],
            Field(description="factors by the name of one of several grids"),
        ],
    ) -> None:
        """Keep the factors.

        Raises:
            ConfigError: `weights` names a grid that the data do not have.
        """
        super().__init__(space)
        ranges = space.grid.ranges
        faults = [
            Fault(
                "weights",
                f"the data have no grid {name!r}; {nearest(name, ranges) if ranges else 'they are one without a name'}",
            )
            for name in weights
            if name not in ranges
        ]
        if faults:
            raise ConfigError(faults, fix="write names of the option `names` of the source")
        self.weights = weights

    def factor(self) -> NDArray[np.float64]:
        """See `wxml.LossWeight.factor`."""
        factors = np.ones(len(self.space.grid))
        for name, weight in self.weights.items():
            factors[self.space.grid.ranges[name]] = weight
        return factors[None, :, None]
