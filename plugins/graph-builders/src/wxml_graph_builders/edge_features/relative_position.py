"""The EdgeFeature `relative-position`: where the source is, as seen from the target."""

__all__ = ["RelativePosition"]

from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import NodeSet

from wxml_graph_builders.edge_feature import EdgeFeature
from wxml_graph_builders.mesh_nodes import Pairs


class RelativePosition(EdgeFeature):
    """The vector from target to source in the target's own frame: up, east, north, in earth radii.

    The frame is turned so that the target lies at 0°N 0°E, as in GraphCast (Lam et al. 2023,
    doi:10.1126/science.adi2336).
    """

    def __init__(self) -> None:
        """It has no options."""

    def _values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[Any]:
        start, end = edges.T
        latitude, longitude = np.radians(target.latitudes[end]), np.radians(target.longitudes[end])
        x, y, z = (source.points[start] - target.points[end]).T
        outward = np.cos(longitude) * x + np.sin(longitude) * y
        east = -np.sin(longitude) * x + np.cos(longitude) * y
        up = np.cos(latitude) * outward + np.sin(latitude) * z
        north = -np.sin(latitude) * outward + np.cos(latitude) * z
        return np.stack([up, east, north], axis=1)
