"""Edges from the nearest nodes."""

__all__ = ["NearestEdges"]

from typing import Annotated

from pydantic import Field
from wxml import EdgeSet, NodeSet, Options

from wxml_graph_builders.nearest_nodes import nearest_nodes


class NearestEdges(Options):
    """Every target node is reached by the source nodes nearest to it."""

    nearest: Annotated[int, Field(gt=0, description="how many source nodes reach each target node")] = 3

    def between(self, source: NodeSet, target: NodeSet) -> EdgeSet:
        """`nearest` edges into every target node, or as many as there are source nodes."""
        into, start = nearest_nodes(source.points, target.points, self.nearest)
        return EdgeSet.between(source, target, start, into)
