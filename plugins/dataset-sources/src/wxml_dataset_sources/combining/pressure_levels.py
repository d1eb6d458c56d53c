"""Variables on hybrid levels, brought to pressure levels."""

__all__ = ["PressureLevels"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Variable

from wxml_dataset_sources.combining.combination import Source, opened
from wxml_dataset_sources.combining.from_hybrid_levels import Coefficients, FromHybridLevels, Hybrid
from wxml_dataset_sources.combining.hybrid_levels import pressure_of_levels
from wxml_dataset_sources.combining.variable_choice import meant

Array = NDArray[np.float64]


class PressureLevels(FromHybridLevels):
    """Some variables of a source from hybrid levels to pressure levels, linearly in the logarithm of the pressure.

    The pressure of hybrid level k = 1, 2, … is the mean of a + b · surface pressure at the half levels k − 1 and k.
    A value is NaN below the lowest level, above the highest one, and if one of those that it is made of is. The other
    variables stay as they are.
    """

    name = "pressure-levels"

    def __init__(
        self,
        *,
        source: Source,
        variables: Annotated[list[str], Field(min_length=1, description="the parameters on hybrid levels, such as t")],
        levels: Annotated[
            list[Annotated[float, Field(gt=0, le=1200)]], Field(min_length=1, description="the pressures in hPa")
        ],
        surface_pressure: Annotated[str, Field(description="the variable, in Pa or hPa, such as sp")],
        a: Annotated[Coefficients, Field(description="at the half levels, from the top on, in Pa")],
        b: Annotated[Coefficients, Field(description="at the half levels, from the top on")],
    ) -> None:
        options = {"variables": variables, "levels": levels, "surface_pressure": surface_pressure, "a": a, "b": b}
        super().__init__(opened(source), Hybrid(variables, levels, surface_pressure, a, b), options)
        surface = meant(surface_pressure, self._part.header.variables, "surface_pressure")[0]
        kind = Variable("level", level_units="hPa", level_type="isobaric")
        self._bring([(surface, "Pa")], np.log(100.0 * np.array(levels)), kind)

    def _coordinate(self, needed: Array) -> Array:
        half = pressure_of_levels(needed[:, :, 0], self._a, self._b)
        return np.asarray(np.moveaxis(np.log((half[1:] + half[:-1]) / 2), 0, 2))
