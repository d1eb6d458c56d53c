"""Variables that are computed from others."""

__all__ = ["DeriveFilter"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import FilterSpace, StateFilter

from wxml_dataset_sources.combining.derivation import Derivation
from wxml_dataset_sources.combining.derivations import Derived, derived


class DeriveFilter(StateFilter):
    """Adds variables by the formulas of the data source `derive`: speed and direction of wind, humidity, dew point.

    A value is NaN if one of those that it is made of is.
    """

    places = ("input", "output")

    def __init__(
        self,
        space: FilterSpace,
        *,
        variables: Annotated[
            dict[str, Derivation],
            Field(
                min_length=1,
                description="new name, or new parameter of several levels → {formula, of}",
                examples=[{"ws": {"formula": "wind-speed", "of": ["10u", "10v"]}}],
            ),
        ],
    ) -> None:
        super().__init__(space)
        new: list[Derived] = []
        for name, how in variables.items():
            new += derived(name, how, space.variables)
        self._new = tuple(new)
        self._places = {one.name: place for place, one in enumerate(space.variables)}
        self.variables = space.variables + tuple(one.variable for one in new)

    def _apply(
        self, values: NDArray[np.float32], valid_time: np.datetime64, lead_time: np.timedelta64
    ) -> NDArray[np.float32]:
        made = [
            one.computed([values[:, self._places[operand.name]] for operand in one.operands], self.space.grid)
            for one in self._new
        ]
        return np.concatenate([values, np.stack(made, axis=1).astype(np.float32)], axis=1)
