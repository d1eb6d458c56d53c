"""From where a graph is looked at: over the middle of a limited area, or from afar at the whole globe."""

__all__ = ["View", "centred", "seen_from"]

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from wxml import Graph
from wxml.data.sphere import from_unit_vectors, spans_globe
from wxml.errors import ArtefactError

FAR: Final = 3.2
"""The distance from which the whole globe is seen, in radii."""
NEAR: Final = 1.03


@dataclass(frozen=True, slots=True)
class View:
    """A place to look at."""

    north: float
    """Degrees."""
    east: float
    """Degrees."""
    width: float
    """The angle in radians from that place to the farthest node; π: the graph spans the globe."""

    @property
    def distance(self) -> float:
        """From how far the nodes are seen, in radii from the middle of the Earth."""
        inside = min(self.width, np.pi / 2)
        return float(np.clip(np.cos(inside) + 3.2 * np.sin(inside), NEAR, FAR))


def seen_from(graph: Graph) -> View:
    """The middle of all nodes; 15°N 0°E if they span the globe."""
    sets = [nodes.points for nodes in graph.nodes.values() if len(nodes)]
    places = np.concatenate(sets) if sets else np.zeros((0, 3))
    middle = places.mean(axis=0) if len(places) else np.zeros(3)
    if np.linalg.norm(middle) < 1e-6 or spans_globe(*from_unit_vectors(places)):
        return View(15.0, 0.0, np.pi)
    middle /= np.linalg.norm(middle)
    north, east = from_unit_vectors(middle[None])
    return View(float(north[0]), float(east[0]), float(np.arccos(np.clip((places @ middle).min(), -1, 1))))


def centred(view: View, text: str) -> View:
    """The view from above a place, `NORTH,EAST` in degrees.

    Raises:
        ArtefactError: the text is no such place.
    """
    try:
        north, east = map(float, text.split(","))
    except ValueError:
        north, east = np.nan, np.nan
    if not (abs(north) <= 90 and abs(east) <= 360):
        raise ArtefactError(
            f"`--centre` must be a latitude and a longitude in degrees, got {text!r}", fix="write it like 52.5,13.4"
        )
    return replace(view, north=north, east=east)
