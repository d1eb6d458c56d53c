"""Edges from all nodes around."""

__all__ = ["RadiusEdges"]

from typing import Annotated

import numpy as np
from pydantic import Field
from wxml import EdgeSet, NodeSet, Options

from wxml_graph_builders.nearest_nodes import Indices, greatest_gap, nearest_nodes


class RadiusEdges(Options):
    """Every target node reads the source nodes around it, and no node of either set is left out."""

    radius: Annotated[
        float,
        Field(gt=0, allow_inf_nan=False, description="in greatest nearest-neighbour distances of the targets"),
    ] = 0.6
    maximum: Annotated[int, Field(gt=0, description="how many source nodes a target reads at most")] = 64

    def between(self, source: NodeSet, target: NodeSet) -> EdgeSet:
        """Edges from the nearest `maximum` source nodes within the radius of each target node.

        A source node that no target reads is then joined to its nearest target, and a target that reads none to its
        nearest source. Distances are chords on the unit sphere.
        """
        into, start = self.within(source, target)
        idle_target, nearest_source = _for_idle(into, target, source)
        idle_source, nearest_target = _for_idle(start, source, target)
        start = np.concatenate([start, nearest_source, idle_source])
        into = np.concatenate([into, idle_target, nearest_target])
        return EdgeSet.between(source, target, start, into)

    def within(self, source: NodeSet, target: NodeSet) -> tuple[Indices, Indices]:
        """Target and source numbers of the pairs within the radius, before any node left out is joined."""
        points = target.points
        return nearest_nodes(source.points, points, self.maximum, self.radius * greatest_gap(points))


def _for_idle(used: Indices, nodes: NodeSet, others: NodeSet) -> tuple[Indices, Indices]:
    """The nodes that are not among the `used`, and for each the nearest of the others."""
    idle = np.flatnonzero(np.bincount(used, minlength=len(nodes)) == 0)
    query, other = nearest_nodes(others.points, nodes.points[idle], 1)
    return idle[query], other
