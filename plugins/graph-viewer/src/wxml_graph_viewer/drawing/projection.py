"""Projections of the sphere onto a plane (Snyder 1987, USGS Professional Paper 1395)."""

__all__ = ["PROJECTIONS", "Azimuthal", "Projection", "World", "projection_of"]

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from wxml.data.sphere import from_unit_vectors, unit_vectors

from wxml_graph_viewer.drawing.view import View

Array = NDArray[np.float64]
PROJECTIONS: Final = ("auto", "globe", "area", "world")
BEYOND: Final = -0.5
"""The cosine of the angle from the middle up to which an equal-area map is drawn."""


class Projection(ABC):
    """Places on a plane, x to the right and y up."""

    @abstractmethod
    def plane(self, points: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Project unit vectors `[..., 3]`: places `[..., 2]`, and which of them are seen."""

    @abstractmethod
    def is_joined(self, start: Array, end: Array) -> NDArray[np.bool_]:
        """Whether a line from one place to another is the short way, and not across the whole map."""


@dataclass(frozen=True, slots=True)
class Azimuthal(Projection):
    """Seen from above a place: orthographic (page 145), or Lambert's with equal areas (page 185)."""

    north: float
    east: float
    kind: Literal["globe", "area"]

    def plane(self, points: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Project: (east, north) of the place in the middle, for equal areas times √(2 / (1 + cos c))."""
        up = unit_vectors(np.array(self.north), np.array(self.east))
        east = np.array([-np.sin(np.radians(self.east)), np.cos(np.radians(self.east)), 0.0])
        places = np.stack([points @ east, points @ np.cross(up, east)], axis=-1)
        height = points @ up
        if self.kind == "globe":
            return places, height > 0
        return places * np.sqrt(2 / np.maximum(1 + height, 1e-9))[..., None], height > BEYOND

    def is_joined(self, start: Array, end: Array) -> NDArray[np.bool_]:
        """All lines are: nothing is cut."""
        return np.ones(start.shape[:-1], bool)


@dataclass(frozen=True, slots=True)
class World(Projection):
    """Longitudes from -180 to 180 and latitudes (equidistant cylindrical, page 90)."""

    def plane(self, points: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Project: (λ, φ) in degrees."""
        north, east = from_unit_vectors(points)
        return np.stack([(east + 180) % 360 - 180, north], axis=-1), np.ones(north.shape, bool)

    def is_joined(self, start: Array, end: Array) -> NDArray[np.bool_]:
        """A line across the date line is cut."""
        return np.asarray(np.abs(start[..., 0] - end[..., 0]) < 180)


def projection_of(name: str, view: View) -> Projection:
    """The projection of a name of `PROJECTIONS`; `auto`: a globe, or equal areas for a limited area."""
    if name == "world":
        return World()
    is_globe = name == "globe" or (name == "auto" and view.width > np.pi / 2)
    return Azimuthal(view.north, view.east, "globe" if is_globe else "area")
