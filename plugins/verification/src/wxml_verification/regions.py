"""Regions: boxes, polygons, bands of latitude, and places where a variable is high or low."""

__all__ = ["EVERYWHERE", "Region", "region_weights"]

from collections.abc import Callable, Collection, Mapping
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Grid, Options
from wxml.data.box import EDGE, LatLonBox
from wxml.errors import ConfigError, Fault, nearest

from wxml_verification.arrays import Array

EVERYWHERE = "all"
"""The region of all nodes."""
Mask = NDArray[np.bool_]


class Region(Options):
    """A part of the area: what is in the box, in the polygon, and where a variable has such values.

    `west` may be greater than `east` in a box across the meridian at which longitudes begin.
    """

    south: Annotated[float, Field(ge=-90, le=90, description="southern edge of a box, degrees")] = -90.0
    north: Annotated[float, Field(ge=-90, le=90, description="northern edge")] = 90.0
    west: Annotated[float, Field(ge=-360, le=360, description="western edge")] = -180.0
    east: Annotated[float, Field(ge=-360, le=360, description="eastern edge")] = 180.0
    polygon: Annotated[
        tuple[tuple[float, float], ...] | None,
        Field(
            min_length=3,
            description="corners, each longitude and latitude, joined by straight lines in degrees; no wider than 180",
            examples=[[[5.0, 45.0], [15.0, 45.0], [10.0, 55.0]]],
        ),
    ] = None
    mask: Annotated[
        str | None,
        Field(description="a variable of the truth, at its first time", examples=["lsm", "orog"]),
    ] = None
    above: Annotated[float | None, Field(description="only where the mask is greater; 0.5 without `below`")] = None
    below: Annotated[float | None, Field(description="only where the mask is not greater")] = None

    def holds(self, grid: Grid, read: Callable[[str], NDArray[Any]]) -> Mask:
        """Whether each node is in the region; edges of boxes are.

        Args:
            grid: the nodes.
            read: gives a mask by its name, shape `[node]`.
        """
        inside = LatLonBox(self.north, self.south, self.west, self.east).holds(grid.latitudes, grid.longitudes)
        if self.polygon is not None:
            inside &= _in_polygon(np.array(self.polygon), grid)
        if self.mask is not None:
            values = read(self.mask)
            least = 0.5 if self.above is None and self.below is None else self.above
            inside &= np.ones(len(grid), bool) if least is None else values > least
            inside &= np.ones(len(grid), bool) if self.below is None else values <= self.below
        return np.asarray(inside)


def region_weights(
    grid: Grid,
    weights: Array,
    regions: Mapping[str, Region],
    bands: float | None,
    masks: Mapping[str, Callable[[], NDArray[Any]]],
    taken: Collection[str] = (),
) -> dict[str, Array]:
    """Region → the share of the area that each node stands for, 0 outside.

    Args:
        grid: the nodes.
        weights: the share of the area of each node.
        regions: by name.
        bands: the width in degrees of bands of latitude, which are regions, too; None: there are none.
        masks: what a mask may be.
        taken: names that regions cannot have, such as those of grids.

    Raises:
        ConfigError: a region holds no node, has the name of another one, or an unknown mask.
    """
    known = dict(regions) | {name: band for name, band in _bands(bands).items() if band.holds(grid, _nothing).any()}
    faults = [
        Fault(("verification", "regions", name, "mask"), f"there is no {one.mask!r}: {nearest(one.mask, masks)}")
        for name, one in known.items()
        if one.mask is not None and one.mask not in masks
    ]
    names = known.keys() & {EVERYWHERE, *taken}
    other = "the name stands for other nodes; choose another one"
    faults += [Fault(("verification", "regions", name), other) for name in names]
    if faults:
        raise ConfigError(faults)
    inside = {name: weights * one.holds(grid, lambda mask: masks[mask]()) for name, one in known.items()}
    empty = [
        Fault(("verification", "regions", name), "no node of the forecast is in this region")
        for name, own in inside.items()
        if not own.any()
    ]
    if empty:
        raise ConfigError(empty)
    return inside


def _bands(width: float | None) -> dict[str, Region]:
    """Bands of latitude from north to south; each has its southern edge, and a node on one is in one band alone."""
    if width is None:
        return {}
    edges = np.append(np.arange(90.0, -90.0, -width), -90.0).tolist()
    pairs = pairwise(edges)
    return {
        f"{_latitude(south)} to {_latitude(north)}": Region(
            south=south, north=float(np.nextafter(north - 2 * EDGE, -91)) if north < 90 else 90.0
        )
        for north, south in pairs
    }


def _latitude(value: float) -> str:
    return f"{abs(value):g}{'N' if value > 0 else 'S' if value < 0 else ''}"


def _nothing(mask: str) -> NDArray[Any]:
    raise KeyError(mask)  # a band has no mask


def _in_polygon(corners: Array, grid: Grid) -> Mask:
    """Whether nodes are inside, by how many sides lie east of each (the rule of even and odd)."""
    centre = corners[:, 0].mean()
    x, y = (grid.longitudes - centre + 180) % 360 - 180, grid.latitudes
    ends = np.column_stack([(corners[:, 0] - centre + 180) % 360 - 180, corners[:, 1]])
    inside = np.zeros(len(x), bool)
    for (x0, y0), (x1, y1) in zip(ends, np.roll(ends, -1, axis=0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside
