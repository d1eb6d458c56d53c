"""Parts of the sphere: boxes, polygons, and what lies around some nodes."""

__all__ = ["EARTH_RADIUS_KM", "EUROPE", "AreaOptions", "AroundNodes", "Box", "Polygon", "arc_distance"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from wxml import Options
from wxml.data.sphere import angular_distance, from_unit_vectors, unit_vectors
from wxml.errors import DataError

from wxml_graph_builders.mesh_nodes import Area, BuildContext
from wxml_graph_builders.region import Region

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Points = NDArray[np.float64]
Angles = NDArray[np.float64]

EARTH_RADIUS_KM = 6371.0
EUROPE = {"box": [72, -25, 33, 45]}
"""An example of `AreaOptions`."""
ROUNDING = 1e-12  # radians: a node on the edge of an area lies in it


class AreaOptions(Options):
    """A part of the sphere, and everything within `margin_km` of it."""

    box: Annotated[
        tuple[float, float, float, float] | None,
        Field(description="north, west, south, east in degrees; west may be greater than east, across the date line"),
    ] = None
    polygon: Annotated[
        list[tuple[float, float]] | None,
        Field(
            min_length=3, description="latitude and longitude of each corner in turn; the sides are great-circle arcs"
        ),
    ] = None
    nodes: Annotated[str | None, Field(description="the nodes of this set, such as `grid`")] = None
    mask: Annotated[str | None, Field(description="of `nodes`, those with this attribute alone")] = None
    hull: Annotated[bool, Field(description="take the spherical convex hull of `nodes`, with the space in between")] = (
        False
    )
    margin_km: Annotated[
        float, Field(ge=0, le=10_000, allow_inf_nan=False, description="how far beyond it the area reaches")
    ] = 0.0

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        given = [name for name in ("box", "polygon", "nodes") if getattr(self, name) is not None]
        if len(given) != 1:
            raise DataError(
                f"an area is one of `box`, `polygon` and `nodes`, got {' and '.join(given) or 'none of them'}",
                fix="give one of them",
            )
        if self.nodes is None and (self.mask is not None or self.hull):
            raise DataError("`mask` and `hull` of an area belong to `nodes`, got another shape", fix="leave them out")
        return self

    def area(self, context: BuildContext) -> Area:
        """The area that these options describe.

        Raises:
            DataError: the nodes or their mask are not there, or the polygon takes up half of the globe.
        """
        margin = self.margin_km / EARTH_RADIUS_KM
        if self.box is not None:
            return Box.of(self.box, margin)
        if self.polygon is not None:
            return Polygon.of(np.array(self.polygon, np.float64), margin)
        points = self._points(context)
        if self.hull:
            return Region.of(points).around(margin) if margin else Region.of(points).around(1e-9)
        from scipy.spatial import cKDTree  # takes a while to load

        return AroundNodes(cKDTree(points), margin)

    def _points(self, context: BuildContext) -> Points:
        nodes = context.named(str(self.nodes))
        if self.mask is None:
            return nodes.points
        attributes = nodes.nodes.attributes
        if self.mask not in attributes or attributes[self.mask].dtype != bool or not attributes[self.mask].any():
            found = ", ".join(name for name, values in attributes.items() if values.dtype == bool)
            raise DataError(
                f"`mask` must be an attribute of the nodes `{self.nodes}` that is true somewhere, got {self.mask!r}; "
                f"masks there: {found or 'none'}",
                fix="give the node set such an attribute, or leave `mask` out",
            )
        return np.asarray(nodes.points[attributes[self.mask]])


@dataclass(frozen=True, slots=True, eq=False)
class AroundNodes:
    """Everything within a distance of one of some nodes."""

    tree: "cKDTree"
    reach: float
    """Radians."""

    def holds(self, points: Points, slack: float = 0.0) -> NDArray[np.bool_]:
        """Tell for each point whether a node lies within the reach, or the reach and `slack` (radians)."""
        chord = 2 * np.sin(min(self.reach + slack, np.pi) / 2)
        # The search leaves out what is exactly at its bound.
        distances, _ = self.tree.query(points, distance_upper_bound=chord + ROUNDING)
        return np.isfinite(distances)


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """What lies between two parallels and two meridians, and within a distance of it."""

    south: float
    north: float
    west: float
    width: float
    """Degrees from the western to the eastern meridian, above 0 up to 360."""
    reach: float
    """Radians."""

    @classmethod
    def of(cls, box: tuple[float, float, float, float], reach: float) -> Self:
        """The box of north, west, south and east (degrees).

        Raises:
            DataError: north is not north of south, or one of them is no latitude.
        """
        north, west, south, east = box
        if not -90 <= south < north <= 90:
            raise DataError(
                f"a `box` is north, west, south, east with -90 <= south < north <= 90, got {list(box)}",
                fix="write the northern latitude first and the southern one third",
            )
        width = east - west if east - west == 360 else (east - west) % 360
        return cls(south, north, west, width or 360.0, reach)

    def holds(self, points: Points, slack: float = 0.0) -> NDArray[np.bool_]:
        """Tell for each point whether it is no farther from the box than the reach and `slack` (radians)."""
        return np.asarray(self.distance(points) <= self.reach + slack + ROUNDING)

    def distance(self, points: Points) -> Angles:
        """The angle (radians) from each point to the box; 0 inside.

        Along its own meridian a point is nearest to a parallel; from outside of the meridians, the nearest place lies
        on one of these, since a parallel comes nearer all the way to its end.
        """
        latitudes, longitudes = from_unit_vectors(points)
        beyond = np.maximum(np.maximum(self.south - latitudes, latitudes - self.north), 0)
        inside = (longitudes - self.west) % 360 <= self.width
        ends = np.array([self.south, self.north])
        sides = [unit_vectors(ends, np.full(2, self.west + turn)) for turn in (0.0, self.width)]
        aside = np.minimum(*(arc_distance(points, side[:1], side[1:])[:, 0] for side in sides))
        return np.where(inside, np.minimum(np.radians(beyond), aside), aside)


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """The inside of a polygon of great-circle arcs, and what lies within a distance of it."""

    corners: Points
    """Unit vectors, shape `[corner, 3]`."""
    middle: Points
    """The unit vector in the middle of the corners; all of them lie in the hemisphere around it."""
    reach: float
    """Radians."""

    @classmethod
    def of(cls, places: Points, reach: float) -> Self:
        """The polygon with corners at some latitudes and longitudes (degrees), shape `[corner, 2]`.

        Raises:
            DataError: it does not fit into a hemisphere, so that nobody can tell its inside from its outside.
        """
        corners = unit_vectors(places[:, 0], places[:, 1])
        middle = corners.mean(axis=0)
        length = float(np.linalg.norm(middle))
        if length < 1e-6 or (corners @ middle).min() <= 0.02 * length:
            raise DataError(
                f"a `polygon` must fit into a hemisphere, got one with corners from {places.min(axis=0).tolist()} to "
                f"{places.max(axis=0).tolist()}",
                fix="divide it into several, or use a `box`",
            )
        return cls(corners, middle / length, reach)

    def holds(self, points: Points, slack: float = 0.0) -> NDArray[np.bool_]:
        """Tell for each point whether it is inside, or no farther away than the reach and `slack` (radians)."""
        held = self._contains(points)
        outside, farthest = np.flatnonzero(~held), self.reach + slack + ROUNDING
        ends = np.roll(self.corners, -1, axis=0)
        for start in range(0, len(outside), 1 << 14):
            part = outside[start : start + (1 << 14)]
            held[part] = (arc_distance(points[part], self.corners, ends) <= farthest).any(axis=1)
        return held

    def _contains(self, points: Points) -> NDArray[np.bool_]:
        """Whether each point is inside: a ray from it crosses the sides an odd number of times.

        The gnomonic projection onto the plane that touches the sphere in the middle makes straight lines of the sides.
        """
        first = np.cross(self.middle, np.eye(3)[np.argmin(np.abs(self.middle))])
        plane = np.stack([first / np.linalg.norm(first), np.cross(self.middle, first / np.linalg.norm(first))], axis=1)
        heights = points @ self.middle
        x, y = (points @ plane / np.where(heights > 1e-9, heights, 1.0)[:, None]).T
        corner = self.corners @ plane / (self.corners @ self.middle)[:, None]
        inside = np.zeros(len(points), bool)
        for (x0, y0), (x1, y1) in zip(corner, np.roll(corner, -1, axis=0), strict=True):
            if y0 != y1:
                inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        return inside & (heights > 1e-9)


def arc_distance(points: Points, starts: Points, ends: Points) -> Angles:
    """The angle (radians) between points and arcs of great circles; shape `[point, arc]`.

    Args:
        points: unit vectors, `[point, 3]`.
        starts: unit vectors where the arcs start, `[arc, 3]`.
        ends: unit vectors where they end, less than half a circle away, `[arc, 3]`.
    """
    normals = np.cross(starts, ends)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals / np.where(lengths > 0, lengths, 1.0)
    beside = (points @ np.cross(normals, starts).T >= 0) & (points @ np.cross(ends, normals).T >= 0)
    across = np.arcsin(np.clip(np.abs(points @ normals.T), 0, 1))
    corners = np.minimum(angular_distance(points[:, None], starts[None]), angular_distance(points[:, None], ends[None]))
    return np.where(beside & (lengths[:, 0] > 0), across, corners)
