"""Temperatures at the true height of the ground."""

__all__ = ["LapseRateFilter"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import FilterSpace, StateFilter, Variable
from wxml.errors import DataError

from wxml_dataset_sources.filtering.choice import Names, columns
from wxml_dataset_sources.filtering.fields_beside import Beside, beside

KELVIN = ("K", "degC")


class LapseRateFilter(StateFilter):
    """Brings temperatures from the ground of the model to another one: T + Γ (h_model − h_true).

    Γ = 6.5 K km⁻¹ is the lapse rate of the standard atmosphere (ISO 2533) below 11 km.
    """

    places = ("input", "output")

    def __init__(
        self,
        space: FilterSpace,
        *,
        variables: Names,
        model: Annotated[Beside, Field(description="a source of the height of the ground of the model")],
        true: Annotated[Beside, Field(description="a source of the true height, on the same nodes")],
        height: Annotated[str, Field(description="the name of the height in both, in units of length")] = "orog",
        rate: Annotated[float, Field(allow_inf_nan=False, description="Γ in K per km")] = 6.5,
        at_most: Annotated[
            float, Field(gt=0, description="m; where the heights differ by more, nothing is changed")
        ] = 1500.0,
    ) -> None:
        super().__init__(space)
        self._columns = columns(space, variables)
        for one in (space.variables[column] for column in self._columns):
            if one.units not in KELVIN:
                raise DataError(
                    f"{one.name!r} is in {one.units!r}, and a lapse rate changes temperatures",
                    fix="name temperatures in K or degC in `variables`",
                )
        heights = [
            _heights(choice, space, height, f"forecast.filters.{option}")
            for option, choice in (("model", model), ("true", true))
        ]
        difference = heights[0] - heights[1]
        self._change = np.where(np.abs(difference) <= at_most, rate / 1000 * difference, 0.0)

    def _apply(
        self, values: NDArray[np.float32], valid_time: np.datetime64, lead_time: np.timedelta64
    ) -> NDArray[np.float32]:
        after = values.copy()
        after[:, self._columns] += self._change.astype(np.float32)
        return after


def _heights(choice: Beside, space: FilterSpace, name: str, where: str) -> NDArray[np.float64]:
    """The first field of a height in m, of the first member, shape `[node]`."""
    source = beside(choice, space, [Variable(name, units="m")], where)
    return np.asarray(source.read(source.header.times[:1], [name], members=[0])[0, 0, 0], np.float64)
