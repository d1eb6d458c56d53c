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
    """A factor for each variable, by its name, or by its parameter such as `t` for all levels; the name comes first."""

    def __init__(
        self,
        space: LossSpace,
        *,
        weights: Annotated[
            dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]],
            Field(description="factors by the name of a variable, or of a parameter for all of its levels"),
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
        known = {*space.names, *(variable.param for variable in space.variables)}
        faults = [
            Fault("weights", f"the model forecasts no variable {name!r}; {nearest(name, known)}")
            for name in weights
            if name not in known
        ]
        if faults:
            raise ConfigError(faults, fix="write names of prognostic or diagnostic variables")
        self.weights, self.default, self.norm = weights, default, norm

    def factor(self) -> NDArray[np.float64]:
        """See `wxml.LossWeight.factor`."""
        weights, variables = self.weights, self.space.variables
        factors = np.array([weights.get(one.name, weights.get(one.param, self.default)) for one in variables])
        return normalised(factors, self.norm)[None, None, :]
