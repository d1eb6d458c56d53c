"""By variable: a factor for each variable."""

__all__ = ["ByVariable"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import LossSpace, LossWeight
from wxml.errors import ConfigError, Fault, nearest

from wxml_losses.weights.norm import Norm, normalised


class ByVariable(LossWeight):
    """A factor for each variable, by its name."""

    def __init__(
        self,
        space: LossSpace,
        *,
        weights: Annotated[
            dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]],
            Field(description="factors by the name of the variable"),
        ] = {},  # noqa: B006  # never changed
        default: Annotated[
            float, Field(ge=0, allow_inf_nan=False, description="the factor of every other variable")
        ] = 1.0,
        norm: Norm = "none",
    ) -> None:
        """Keep the factors.

        Raises:
            ConfigError: `weights` names a variable that is not in the loss.
        """
        super().__init__(space)
        faults = [
            Fault("weights", f"the model forecasts no variable {name!r}; {nearest(name, space.names)}")
            for name in weights
            if name not in space.names
        ]
        if faults:
            raise ConfigError(faults, fix="write names of prognostic or diagnostic variables")
        self.weights, self.default, self.norm = weights, default, norm

    def factor(self) -> NDArray[np.float64]:
        """See `wxml.LossWeight.factor`."""
        factors = np.array([self.weights.get(name, self.default) for name in self.space.names])
        return normalised(factors, self.norm)[None, None, :]
