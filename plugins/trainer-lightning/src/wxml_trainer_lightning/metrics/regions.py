"""Named boxes and masks, over which metrics are averaged."""

__all__ = ["EVERYWHERE", "Region", "region_weights"]

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Grid, Options
from wxml.data.box import LatLonBox
from wxml.errors import ConfigError, Fault, nearest

EVERYWHERE = "all"
INSIDE = 0.5
"""A mask is above it in its region."""


class Region(Options):
    """A box in degrees, and a mask in it.

    `west` may be greater than `east` in a box across the meridian at which longitudes begin.
    """

    south: Annotated[float, Field(ge=-90, le=90, description="southern edge")] = -90.0
    north: Annotated[float, Field(ge=-90, le=90, description="northern edge")] = 90.0
    west: Annotated[float, Field(ge=-360, le=360, description="western edge")] = -180.0
    east: Annotated[float, Field(ge=-360, le=360, description="eastern edge")] = 180.0
    mask: Annotated[
        str | None,
        Field(
            description="an attribute of the graph's nodes, else a variable of the source: above 0.5 in the region",
            examples=["lsm"],
        ),
    ] = None

    def holds(self, grid: Grid) -> NDArray[np.bool_]:
        """Whether each node is in the box, edges included."""
        return LatLonBox(self.north, self.south, self.west, self.east).holds(grid.latitudes, grid.longitudes)


def region_weights(
    grid: Grid,
    is_forecast: NDArray[np.bool_],
    regions: Mapping[str, Region],
    values: Mapping[str, Callable[[], NDArray[Any]]] | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Region → the share of the area that each node stands for, `all` first; nodes that are not forecast have none.

    Args:
        grid: the nodes.
        is_forecast: whether each node is.
        regions: by name.
        values: what a mask may be by name, shape `[node]`; it is read if a region asks for it.

    Raises:
        ConfigError: a region holds no node, is named `all`, or has an unknown mask.
    """
    values = values or {}
    faults = [
        Fault(
            ("training", "regions", name, "mask"), f"there is no mask {region.mask!r}: {nearest(region.mask, values)}"
        )
        for name, region in regions.items()
        if region.mask is not None and region.mask not in values
    ]
    if EVERYWHERE in regions:
        faults.append(
            Fault(("training", "regions", EVERYWHERE), "`all` stands for the whole grid; choose another name")
        )
    if faults:
        raise ConfigError(faults)
    area = np.where(is_forecast, grid.area_weights, 0.0)
    inside = {
        name: area * region.holds(grid) * (1 if region.mask is None else values[region.mask]() > INSIDE)
        for name, region in regions.items()
    }
    empty = [
        Fault(("training", "regions", name), "no node of the grid that is forecast is in this region")
        for name, weights in inside.items()
        if not weights.any()
    ]
    if empty:
        raise ConfigError(empty)
    return {EVERYWHERE: area, **inside}
