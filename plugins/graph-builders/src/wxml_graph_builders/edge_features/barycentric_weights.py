"""The EdgeFeature `barycentric`: the weights of linear interpolation in a triangle."""

__all__ = ["Barycentric"]

from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import NodeSet
from wxml.errors import DataError

from wxml_graph_builders.edge_feature import EdgeFeature
from wxml_graph_builders.edge_rules.containing_triangle import barycentric
from wxml_graph_builders.mesh_nodes import Pairs


class Barycentric(EdgeFeature):
    """The weight of each of the three corners that a target reads, of edges `containing-triangle`: they add up to 1.

    A target with one edge, outside of all triangles, gives it the weight 1.
    """

    def __init__(self) -> None:
        """It has no options."""

    def _values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[Any]:
        count = np.bincount(edges[:, 1], minlength=len(target))
        odd = np.flatnonzero((count != 0) & (count != 1) & (count != 3))
        if len(odd):
            raise DataError(
                f"feature `barycentric` is for edges `containing-triangle`: {len(odd)} targets read neither one "
                f"nor three nodes, the first is node {odd[0]} with {count[odd[0]]}",
                fix="leave the feature out, or join the nodes by `containing-triangle` alone",
            )
        weights = np.ones(len(edges))
        of_three = np.flatnonzero(count[edges[:, 1]] == 3).reshape(-1, 3)  # edges are sorted by target
        corners = source.points[edges[of_three, 0]]
        inward = np.linalg.det(corners) < 0
        turned = np.where(inward[:, None], [0, 2, 1], [0, 1, 2])
        found = barycentric(np.take_along_axis(corners, turned[..., None], 1), target.points[edges[of_three[:, 0], 1]])
        weights[np.take_along_axis(of_three, turned, 1)] = found
        return weights[:, None]
