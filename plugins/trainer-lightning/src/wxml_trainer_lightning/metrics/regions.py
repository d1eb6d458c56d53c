"""Named boxes, over which metrics are averaged."""

__all__ = ["EVERYWHERE", "Region", "region_weights"]

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Grid, Options
from wxml.errors import ConfigError, Fault

EVERYWHERE = "all"


class Region(Options):
    """A box in degrees; `west` may be greater than `east` in a box across the meridian at which longitudes begin."""

    south: Annotated[float, Field(ge=-90, le=90, description="southern edge")] = -90.0
    north: Annotated[float, Field(ge=-90, le=90, description="northern edge")] = 90.0
    west: Annotated[float, Field(ge=-360, le=360, description="western edge")] = -180.0
    east: Annotated[float, Field(ge=-360, le=360, description="eastern edge")] = 180.0

    def holds(self, grid: Grid) -> NDArray[np.bool_]:
        """Whether each node is in the box, edges included."""
        width = self.east - self.west
        across = width if 0 < width <= 360 else width % 360
        inside = (grid.longitudes - self.west) % 360 <= across
        return np.asarray((grid.latitudes >= self.south) & (grid.latitudes <= self.north) & inside)


def region_weights(
    grid: Grid, is_forecast: NDArray[np.bool_], regions: Mapping[str, Region]
) -> dict[str, NDArray[np.float64]]:
    """Region → the share of the area that each node stands for, `all` first; nodes that are not forecast have none.

    Raises:
        ConfigError: a region holds no node, or is named `all`.
    """
    area = np.where(is_forecast, grid.area_weights, 0.0)
    inside = {name: area * region.holds(grid) for name, region in regions.items()}
    faults = [
        Fault(("training", "regions", name), "no node of the grid that is forecast is in this box")
        for name, weights in inside.items()
        if not weights.any()
    ]
    if EVERYWHERE in regions:
        faults.append(
            Fault(("training", "regions", EVERYWHERE), "`all` stands for the whole grid; choose another name")
        )
    if faults:
        raise ConfigError(faults)
    return {EVERYWHERE: area, **inside}
