"""Steps: how much each forecast step counts."""

__all__ = ["LeadDecay", "Steps"]

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import LossSpace, LossWeight
from wxml.errors import ConfigError, Fault


class Steps(LossWeight):
    """A weight for each forecast step, in order; the loss is the mean over the steps with these weights."""

    is_measure = True

    def __init__(
        self,
        space: LossSpace,
        *,
        weights: Annotated[
            list[Annotated[float, Field(ge=0, allow_inf_nan=False)]],
            Field(min_length=1, description="of the first step, the second, and so on", examples=[[1.0]]),
        ],
    ) -> None:
        """Keep the weights.

        Raises:
            ConfigError: there are more or fewer weights than steps, or all are 0.
        """
        super().__init__(space)
        if len(weights) != space.steps:
            problem = f"`weights` must have a number for each of the {space.steps} steps, got {len(weights)}"
            raise ConfigError([Fault("weights", problem)], fix="write one for each step of the longest rollout")
        if not any(weights):
            raise ConfigError([Fault("weights", "all `weights` are 0")], fix="give a step a weight above 0")
        self.weights = weights

    def factor(self) -> NDArray[np.float64]:
        """See `wxml.LossWeight.factor`."""
        return np.array(self.weights)[:, None, None]


class LeadDecay(LossWeight):
    """A weight w(t / T) that falls with the lead time t, where T is that of the last step of the longest rollout.

    | `kind` | w(x) | with `inverse` |
    |---|---|---|
    | `exponential` | e^(−k x) | 1 − e^(−k x) |
    | `linear` | 1 − k x | k x |

    with the decay k = `factor`; the loss is the mean over the steps with these weights.
    """

    is_measure = True

    def __init__(
        self,
        space: LossSpace,
        *,
        kind: Annotated[Literal["exponential", "linear"], Field(description="how the weight falls")] = "exponential",
        factor: Annotated[float, Field(gt=0, allow_inf_nan=False, description="k, the decay")] = 1.0,
        inverse: Annotated[bool, Field(description="whether the weight rises with the lead time instead")] = False,
    ) -> None:
        """Keep the options.

        Raises:
            ConfigError: a weight is negative, or all are 0.
        """
        super().__init__(space)
        share = np.arange(1, space.steps + 1) / space.steps
        falling = np.exp(-factor * share) if kind == "exponential" else 1 - factor * share
        self._weights = 1 - falling if inverse else falling
        if (self._weights < 0).any() or not self._weights.any():
            problem = f"weights must be 0 or above, and one above 0, got {self._weights[-1]:.6g} of step {space.steps}"
            raise ConfigError([Fault("factor", problem)], fix="choose a smaller `factor`")

    def factor(self) -> NDArray[np.float64]:
        """See `wxml.LossWeight.factor`."""
        return self._weights[:, None, None]
