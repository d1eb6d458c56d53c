"""The EdgeFeature `height-difference`: how much higher the ground is at the source."""

__all__ = ["HeightDifference"]

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from wxml import NodeSet
from wxml.data.units import conversion
from wxml.errors import DataError

from wxml_graph_builders.edge_feature import EdgeFeature
from wxml_graph_builders.mesh_nodes import Pairs
from wxml_graph_builders.sampled_field import FieldTime, FieldVariable, OfSource, sampled

GRAVITY: Final = 9.80665  # m s-2: geopotential over height


class HeightDifference(EdgeFeature):
    """The height at the source less that at the target, in m, each at the nearest node of the data.

    The variable is a height, or a geopotential (m² s⁻²), which is divided by 9.80665 m s⁻².
    """

    def __init__(self, *, variable: FieldVariable, source: OfSource, time: FieldTime = None) -> None:
        self.variable, self.source, self.time = variable, source, time

    def _values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[Any]:
        heights = [self._heights(nodes) for nodes in (source, target)]
        return np.asarray((heights[0][edges[:, 0]] - heights[1][edges[:, 1]])[:, None])

    def _heights(self, nodes: NodeSet) -> NDArray[np.float64]:
        found = sampled(nodes.points, self.source, self.variable, self.time)
        if np.isnan(found.values).any():
            raise DataError(
                f"`{self.variable}` is missing at {int(np.isnan(found.values).sum())} of {len(nodes)} nodes",
                fix="choose another variable, or data that have it everywhere",
            )
        for unit, scale in (("m", 1.0), ("m2 s-2", 1 / GRAVITY)):
            line = conversion(found.units or "", unit)
            if line is not None:
                return np.asarray((found.values * line.scale + line.offset) * scale)
        raise DataError(
            f"`{self.variable}` must be a height or a geopotential, got the units {found.units!r}",
            fix="choose another variable, or take it as an attribute of the nodes and the feature `difference`",
        )
