"""The EdgeFeature `length`: how long an edge is."""

__all__ = ["Length"]

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import NodeSet
from wxml.graphs.edge_geometry import lengths

from wxml_graph_builders.areas import EARTH_RADIUS_KM
from wxml_graph_builders.edge_feature import EdgeFeature
from wxml_graph_builders.mesh_nodes import Pairs


class Length(EdgeFeature):
    """The length of an edge along the great circle: in radians, in km, or in lengths of the target's longest edge."""

    def __init__(
        self,
        *,
        unit: Annotated[
            Literal["radians", "km", "relative"],
            Field(description="`relative`: the longest edge into each target is 1 long"),
        ] = "radians",
    ) -> None:
        self.unit = unit

    def _values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[Any]:
        length = lengths(source, target, *edges.T)
        if self.unit == "km":
            return length[:, None] * EARTH_RADIUS_KM
        if self.unit == "radians":
            return length[:, None]
        longest = np.zeros(len(target))
        np.maximum.at(longest, edges[:, 1], length)
        scale = longest[edges[:, 1]]
        return np.where(scale > 0, length / np.where(scale > 0, scale, 1.0), 0.0)[:, None]
