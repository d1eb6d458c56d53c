"""Tendency: a variable that changes slowly counts as much as a fast one."""

__all__ = ["Tendency"]

import logging
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import LossSpace, LossWeight

from wxml_losses.weights.norm import Norm, normalised

LOG = logging.getLogger("wxml.losses")


class Tendency(LossWeight):
    """1 / s^p of each variable, with its typical change s over a time step in model values.

    p is what takes the unit off the loss: 2 of squared errors, 1 of absolute errors and of the CRPS, 0 of ratios.

    With normalised values s is σ_Δ / σ, the root mean square change over the standard deviation. A variable without a
    typical change, since it never changed in the training period, has the factor 1, and a warning tells so.
    """

    def __init__(
        self,
        space: LossSpace,
        *,
        power: Annotated[
            float | None, Field(ge=0, le=8, description="p; null: the power of the unit that the loss is in")
        ] = None,
        diagnostic: Annotated[
            bool, Field(description="whether diagnostic variables have such a factor, too; else theirs is 1")
        ] = True,
        norm: Norm = "none",
    ) -> None:
        super().__init__(space)
        self.power = space.degree if power is None else power
        self.diagnostic, self.norm = diagnostic, norm

    def factor(self) -> NDArray[np.float64]:
        """See `wxml.LossWeight.factor`."""
        names, space = self.space.names, self.space
        still = [name for name, change in zip(names, space.statistics.tendency_std, strict=True) if not change > 0]
        if still:
            LOG.warning("the loss weight `tendency` is 1 for %s: no typical change is known of it", ", ".join(still))
        weighed = np.array([self.diagnostic or name in space.prognostic for name in names])
        factors = np.where(weighed, space.tendency_scale**-self.power, 1.0)
        return normalised(factors, self.norm)[None, None, :]
