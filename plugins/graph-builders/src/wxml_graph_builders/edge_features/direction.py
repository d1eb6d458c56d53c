"""Edge features that say in which direction a target sees its source."""

__all__ = ["Azimuth", "Direction", "Harmonics"]

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import NodeSet
from wxml.graphs.edge_geometry import directions

from wxml_graph_builders.edge_feature import EdgeFeature
from wxml_graph_builders.mesh_nodes import Pairs


class Direction(EdgeFeature):
    """East and north of the direction in which the target sees the source; zero for nodes at one place."""

    def __init__(self) -> None:
        """It has no options."""

    def _values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[Any]:
        return directions(source, target, *edges.T)


class Azimuth(EdgeFeature):
    """Sine and cosine of the azimuth, clockwise from north, in which the source sees the target.

    `direction` looks the other way, from the target. On a sphere the two are not opposite to each other.
    """

    def __init__(self) -> None:
        """It has no options."""

    def _values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[Any]:
        return directions(target, source, *edges.T[::-1])


class Harmonics(EdgeFeature):
    """sin mψ and cos mψ for m from 1 to `order`, with the angle ψ from east to the direction of the source.

    Two columns for each m. Nodes at one place have no direction, and zeros.
    """

    def __init__(
        self, *, order: Annotated[int, Field(ge=1, le=32, description="the greatest multiple of the angle")] = 3
    ) -> None:
        self.order = order

    def _values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[Any]:
        direction = directions(source, target, *edges.T)
        angle = np.arctan2(direction[:, 1], direction[:, 0])[:, None] * np.arange(1, self.order + 1)
        waves = np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(len(edges), 2 * self.order)
        return np.where(np.any(direction != 0, axis=1, keepdims=True), waves, 0.0)
