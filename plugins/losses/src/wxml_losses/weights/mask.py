"""Mask: values count in a part of the nodes alone."""

__all__ = ["Mask"]

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import LossSpace, LossWeight
from wxml.errors import ConfigError, Fault, nearest

from wxml_losses.weights.places import values_of_nodes


class Mask(LossWeight):
    """1 where a field is above a threshold, or below it, and 0 elsewhere; for all variables or some of them.

    Such as the temperature of the sea, which means nothing on land.
    """

    is_measure = True

    def __init__(
        self,
        space: LossSpace,
        *,
        field: Annotated[
            str,
            Field(
                description="an attribute of the graph's nodes, else a variable of the source at its first time",
                examples=["lsm"],
            ),
        ],
        keep: Annotated[Literal["above", "below"], Field(description="which nodes count")] = "above",
        threshold: Annotated[
            float, Field(allow_inf_nan=False, description="in the units of the field; a node at it is above")
        ] = 0.5,
        variables: Annotated[
            list[str] | None, Field(min_length=1, description="names of the variables that it masks; null: all")
        ] = None,
    ) -> None:
        """Read the field.

        Raises:
            ConfigError: there is no such field or variable, or no node is left.
        """
        super().__init__(space)
        faults = [
            Fault("variables", f"the model forecasts no variable {name!r}; {nearest(name, space.names)}")
            for name in variables or ()
            if name not in space.names
        ]
        if faults:
            raise ConfigError(faults, fix="write names of prognostic or diagnostic variables")
        is_above = values_of_nodes(space, field, "field") >= threshold
        self._kept = is_above if keep == "above" else ~is_above
        if not (self._kept & space.is_forecast).any():
            problem = f"no forecast node is left where {field!r} is {keep} {threshold:.6g}"
            raise ConfigError([Fault("threshold", problem)], fix="choose another threshold")
        self.variables = variables

    def factor(self) -> NDArray[np.float64]:
        """See `wxml.LossWeight.factor`."""
        kept = self._kept.astype(np.float64)[None, :, None]
        if self.variables is None:
            return kept
        is_masked = np.array([name in self.variables for name in self.space.names])
        return np.where(is_masked, kept, 1.0)
