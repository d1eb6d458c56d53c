"""Variables on hybrid levels, brought to heights."""

__all__ = ["HeightLevels"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Variable

from wxml_dataset_sources.combining.combination import Source, opened
from wxml_dataset_sources.combining.formulas import GRAVITY
from wxml_dataset_sources.combining.from_hybrid_levels import Coefficients, FromHybridLevels, Hybrid
from wxml_dataset_sources.combining.hybrid_levels import heights_of_levels
from wxml_dataset_sources.combining.variable_choice import meant

Array = NDArray[np.float64]


class HeightLevels(FromHybridLevels):
    """Some variables of a source from hybrid levels to geopotential heights above the ground or the sea, linearly.

    The heights are those of the hydrostatic atmosphere, as in the IFS (documentation, part III, chapter 2): from
    temperature and specific humidity at all levels. A value is NaN below the lowest level, above the highest one, and
    if one of those that it is made of is. The other variables stay as they are.
    """

    name = "height-levels"

    def __init__(
        self,
        *,
        source: Source,
        variables: Annotated[list[str], Field(min_length=1, description="the parameters on hybrid levels, such as u")],
        levels: Annotated[
            list[Annotated[float, Field(ge=-500, le=100_000)]], Field(min_length=1, description="the heights in m")
        ],
        surface_pressure: Annotated[str, Field(description="the variable, in Pa or hPa, such as sp")],
        temperature: Annotated[str, Field(description="the parameter, at all hybrid levels")] = "t",
        humidity: Annotated[
            str | None, Field(description="the parameter of specific humidity, at all hybrid levels; null: dry air")
        ] = "q",
        orography: Annotated[
            str | None,
            Field(description="the variable, the height of the ground in m; levels are above the sea then"),
        ] = None,
        a: Annotated[Coefficients, Field(description="at the half levels, from the top on, in Pa")],
        b: Annotated[Coefficients, Field(description="at the half levels, from the top on")],
    ) -> None:
        names = {"temperature": temperature, "humidity": humidity, "orography": orography}
        options = {"variables": variables, "levels": levels, "surface_pressure": surface_pressure, "a": a, "b": b}
        super().__init__(opened(source), Hybrid(variables, levels, surface_pressure, a, b), options | names)
        own = self._part.header.variables
        needs = [(meant(surface_pressure, own, "surface_pressure")[0], "Pa")]
        needs += [(each, "K") for each in self.on_all_levels(temperature, "temperature")]
        if humidity is not None:
            needs += [(each, "kg kg-1") for each in self.on_all_levels(humidity, "humidity")]
        if orography is not None:
            needs.append((meant(orography, own, "orography")[0], "m"))
        self._is_moist, self._is_above_sea = humidity is not None, orography is not None
        kind = Variable(
            "level", level_units="m", level_type="heightAboveSea" if self._is_above_sea else "heightAboveGround"
        )
        self._bring(needs, -np.array(levels, np.float64), kind)

    def _coordinate(self, needed: Array) -> Array:
        """Minus the height, which rises downwards."""
        surface, columns = needed[:, :, 0], np.moveaxis(needed, 2, 0)
        temperature = columns[1 : self._count + 1]
        humidity = columns[self._count + 1 : 2 * self._count + 1] if self._is_moist else 0.0
        heights = heights_of_levels(surface, temperature, humidity, self._a, self._b) / GRAVITY
        return -np.asarray(np.moveaxis(heights + (columns[-1] if self._is_above_sea else 0.0), 0, 2))
