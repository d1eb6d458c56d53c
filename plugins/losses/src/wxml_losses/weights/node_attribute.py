"""Node attribute: a node counts as much as a number that is known of it."""

__all__ = ["NodeAttribute"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import LossSpace, LossWeight
from wxml.errors import ConfigError, Fault

from wxml_losses.weights.places import values_of_nodes


class NodeAttribute(LossWeight):
    """The values of an attribute of the graph's nodes of the data, or of a variable of the source at its first time."""

    is_measure = True

    def __init__(
        self,
        space: LossSpace,
        *,
        name: Annotated[
            str, Field(description="the attribute, else the variable of the source; not negative", examples=["lsm"])
        ],
        inverse: Annotated[bool, Field(description="whether to take 1 minus the values, of a mask or a share")] = False,
    ) -> None:
        """Read the values.

        Raises:
            ConfigError: there is no such attribute and no such variable, or the factors are negative or all 0.
        """
        super().__init__(space)
        values = values_of_nodes(space, name, "name")
        self._factors = 1 - values if inverse else values
        if (self._factors < 0).any() or not (self._factors > 0).any():
            least, greatest = self._factors.min(), self._factors.max()
            problem = f"the factors of {name!r} must be 0 or above, and one above 0, got {least:.6g} to {greatest:.6g}"
            raise ConfigError([Fault("name", problem)], fix="name another attribute or variable")

    def factor(self) -> NDArray[np.float64]:
        """See `wxml.LossWeight.factor`."""
        return self._factors[None, :, None]
